package cell

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
)

// Description is what is known of a name.
type Description struct {
	Kind  string // as in [Match]
	Decl  string // Go: a signature, or the whole text of what a cell declares
	Doc   string // the text of the doc comment, if there is one
	Where string // the cell or the package that declares it; empty for what the language has
}

// Describe tells about the identifier at the byte offset cursor of code, a cell that is being typed; behind an opening
// bracket, about what is called. It is nil if nothing is known of that. It changes nothing.
func (s *State) Describe(code string, cursor int, pkgs Packages) *Description {
	start, end := wordAt(code, min(max(cursor, 0), len(code)))
	if start == end {
		return nil
	}
	// As it stands if that parses, so that a name is known where it is declared; else up to the name.
	for _, text := range []string{code, strings.Replace(holed(code[:end], end), hole, "", 1)} {
		if g := s.look(text, start, pkgs); g != nil {
			if d := g.describe(); d != nil {
				return d
			}
		}
	}
	if o := types.Universe.Lookup(code[start:end]); o != nil {
		return &Description{Kind: kindOfObject(o), Decl: strings.TrimPrefix(o.String(), "builtin ")}
	}
	if token.IsKeyword(code[start:end]) {
		return &Description{Kind: "keyword", Decl: code[start:end]}
	}
	return nil
}

// wordAt is the identifier that cursor touches, else the one before the innermost bracket that is open there.
func wordAt(code string, cursor int) (start, end int) {
	type word struct{ start, end int }
	var last word
	var calls []word
	found := false
	scan(code, func(off int, tok token.Token, lit string) {
		w := word{off, off + len(lit)}
		if tok != token.IDENT && !tok.IsKeyword() {
			w = word{}
		}
		switch {
		case found:
		case w.end > 0 && off <= cursor && cursor <= w.end:
			start, end, found = w.start, w.end, true
		case off >= cursor:
			found = true
			for i := len(calls) - 1; i >= 0 && end == 0; i-- {
				start, end = calls[i].start, calls[i].end
			}
		case tok == token.LPAREN:
			calls = append(calls, last)
		case tok == token.RPAREN && len(calls) > 0:
			calls = calls[:len(calls)-1]
		}
		last = w
	}, func(string) {})
	for i := len(calls) - 1; i >= 0 && !found && end == 0; i-- {
		start, end = calls[i].start, calls[i].end
	}
	return start, end
}

// describe tells about the object that the identifier stands for.
func (g *glance) describe() *Description {
	info := g.pass.info
	o := info.ObjectOf(g.ident)
	if o == nil {
		o = info.Implicits[g.parent(1)]
	}
	if p, ok := o.(*types.PkgName); ok {
		return &Description{Kind: "module", Decl: "package " + p.Imported().Name(), Doc: packageDoc(g.b.pkgs, p.Imported()), Where: PlainPath(p.Imported().Path())}
	}
	if o == nil || o.Type() == types.Typ[types.Invalid] || o.Pkg() == nil {
		return nil
	}
	d := &Description{Kind: kindOfObject(o), Decl: types.ObjectString(o, qualifier)}
	if c, ok := o.(*types.Const); ok {
		d.Decl += " = " + c.Val().String()
	}
	if !ours(o) {
		d.Where = PlainPath(o.Pkg().Path())
		d.Doc = objectDoc(g.b.pkgs.Position(o.Pos()))
		return d
	}
	d.Where = g.b.src.Name
	if v := g.b.state.vars[o.Name()]; v != nil && o.Parent() == o.Pkg().Scope() && !g.b.vars[o.Name()] {
		d.Where = v.Cell
	}
	if u := g.unit(o); u != nil {
		d.Where, d.Decl = u.src.Name, u.prefix+u.src.Text[u.start:u.end]
		d.Doc = u.doc()
	}
	return d
}

// qualifier writes other packages' names as users do.
func qualifier(p *types.Package) string {
	if p.Path() == pkgPath {
		return ""
	}
	return p.Name()
}

// unit is the declaration of o, if that is a package-level function, type or constant, or a method.
func (g *glance) unit(o types.Object) *unit {
	if fn, ok := o.(*types.Func); ok && fn.Signature().Recv() != nil {
		n, ok := deref(fn.Signature().Recv().Type()).(*types.Named)
		if !ok {
			return nil
		}
		t := n.Obj().Name()
		if u := g.b.ownM[t][o.Name()]; u != nil {
			return u
		}
		return g.b.state.methods[t][o.Name()]
	}
	if o.Parent() != o.Pkg().Scope() {
		return nil
	}
	if u := g.b.own[o.Name()]; u != nil {
		return u
	}
	return g.b.state.units[o.Name()]
}

// doc is the comment that stands directly before u in its cell.
func (u *unit) doc() string {
	var lines []string
	before := strings.Split(strings.TrimRight(u.src.Text[:u.start], " \t"), "\n")
	for i := len(before) - 2; i >= 0; i-- {
		line, ok := strings.CutPrefix(strings.TrimSpace(before[i]), "//")
		if !ok {
			break
		}
		lines = append([]string{strings.TrimPrefix(line, " ")}, lines...)
	}
	return strings.Join(lines, "\n")
}

// objectDoc reads the comment of the declaration at p from its file.
func objectDoc(p token.Position) string {
	if p.Filename == "" {
		return ""
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, p.Filename, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return ""
	}
	text := ""
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil || fset.Position(n.Pos()).Line > p.Line || fset.Position(n.End()).Line < p.Line {
			return false
		}
		var doc *ast.CommentGroup
		at := n.Pos()
		switch n := n.(type) {
		case *ast.FuncDecl:
			doc, at = n.Doc, n.Name.Pos()
		case *ast.GenDecl:
			doc = n.Doc
		case *ast.TypeSpec:
			doc = n.Doc
		case *ast.ValueSpec:
			doc = n.Doc
		case *ast.Field:
			doc, at = n.Doc, n.Type.Pos()
			if doc == nil {
				doc = n.Comment
			}
		default:
			return true
		}
		if doc != nil && (fset.Position(at).Line == p.Line || text == "") {
			text = plain(doc.Text())
		}
		return true
	})
	return text
}

// packageDoc is the comment of a package's clause.
func packageDoc(pkgs Packages, p *types.Package) string {
	names := p.Scope().Names()
	if len(names) == 0 {
		return ""
	}
	file := pkgs.Position(p.Scope().Lookup(names[0]).Pos()).Filename
	if file == "" {
		return ""
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.go"))
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly|parser.ParseComments)
		if err == nil && f.Doc != nil && f.Name.Name == p.Name() {
			return plain(f.Doc.Text())
		}
	}
	return ""
}

// plain writes a doc comment as text without links.
func plain(doc string) string {
	p := comment.Parser{LookupSym: func(recv, name string) bool { return true }}
	return strings.TrimSpace(string((&comment.Printer{}).Text(p.Parse(doc))))
}
