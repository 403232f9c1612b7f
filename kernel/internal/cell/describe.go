package cell

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Description is what is known of a name.
type Description struct {
	Kind   string // as in [Match]
	Decl   string // Go: a signature, or a type without what it does not export
	Doc    string // the doc comment without its slashes; its syntax is that of go/doc/comment
	Path   string // of the package that declares it; empty for what cells and the language have
	Where  string // the cell or the package that declares it; empty for what the language has
	Source string // the text of the declaration, with the comment; empty if it is not known
	Link   string // where to read more, for what Doc can't tell; or ""
	Live   bool   // it is a variable of the session, as it is now
	Name   string
}

// Describe tells about the identifier at the byte offset cursor of code, a cell that is being typed; behind an opening
// bracket, about what is called; in the path of an import, about the package. It is nil if nothing is known of that. It
// changes nothing.
func (s *State) Describe(code string, cursor int, pkgs Packages) *Description {
	cursor = min(max(cursor, 0), len(code))
	if at := spotAt(code, cursor); at.imports {
		return describeImport(code[at.start:], pkgs)
	}
	start, end := wordAt(code, cursor)
	if start == end {
		return nil
	}
	word := code[start:end]
	// As it stands if that parses, so that a name is known where it is declared; else up to the name.
	for _, text := range []string{code, strings.Replace(holed(code[:end], end), hole, "", 1)} {
		if g := s.look(text, start, pkgs); g != nil {
			if d := g.describe(); d != nil {
				d.Name = word
				return d
			}
		}
	}
	if o := types.Universe.Lookup(word); o != nil {
		d := describeBuiltin(word, pkgs)
		if d == nil {
			d = &Description{Decl: strings.TrimPrefix(o.String(), "builtin ")}
		}
		d.Name, d.Kind = word, kindOfObject(o)
		return d
	}
	for _, path := range pkgs.Candidates(word) { // which a cell need not import
		if p, err := pkgs.Import(path); err == nil {
			return describePackage(p, pkgs)
		}
	}
	if k, ok := keywords[word]; ok {
		return &Description{Name: word, Kind: "keyword", Decl: k.form, Link: "https://go.dev/ref/spec#" + k.section}
	}
	return nil
}

// describeImport tells about the package whose path text begins with, up to its quote.
func describeImport(text string, pkgs Packages) *Description {
	end := strings.IndexAny(text, "\"`\n")
	if end < 0 {
		return nil
	}
	p, err := pkgs.Import(text[:end])
	if err != nil || len(p.Scope().Names()) == 0 { // of such a package nothing is known
		return nil
	}
	return describePackage(p, pkgs)
}

func describePackage(p *types.Package, pkgs Packages) *Description {
	path := PlainPath(p.Path())
	return &Description{Name: p.Name(), Kind: "module", Decl: "package " + p.Name() + " // import " + strconv.Quote(path), Doc: packageDoc(pkgs, p), Path: path, Where: path}
}

// describeBuiltin tells about what Go has without an import, as its package builtin documents it.
func describeBuiltin(name string, pkgs Packages) *Description {
	p, err := pkgs.Import("fmt")
	if err != nil || p.Scope().Lookup("Println") == nil {
		return nil
	}
	src := filepath.Dir(filepath.Dir(pkgs.Position(p.Scope().Lookup("Println").Pos()).Filename))
	f := readFile(filepath.Join(src, "builtin", "builtin.go"))
	if f == nil {
		return nil
	}
	d := f.declaration(func(id *ast.Ident) bool { return id.Name == name })
	if d == nil {
		return nil
	}
	return &Description{Decl: d.decl, Doc: d.doc, Source: d.source, Path: "builtin"}
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
		return describePackage(p.Imported(), g.b.pkgs)
	}
	if o == nil || o.Type() == types.Typ[types.Invalid] || o.Pkg() == nil {
		return nil
	}
	d := &Description{Kind: kindOfObject(o), Decl: types.ObjectString(o, qualifier)}
	if c, ok := o.(*types.Const); ok {
		d.Decl += " = " + c.Val().String()
	}
	if !ours(o) {
		d.Path = PlainPath(o.Pkg().Path())
		d.Where = d.Path
		p := g.b.pkgs.Position(o.Pos())
		if f := readFile(p.Filename); f != nil {
			if found := f.declaration(func(id *ast.Ident) bool { return id.Name == o.Name() && f.fset.Position(id.Pos()).Line == p.Line }); found != nil {
				d.Doc, d.Source = found.doc, found.source
				if d.Kind == "type" {
					d.Decl = found.decl
				}
			}
		}
		d.Decl += methodList(o)
		return d
	}
	d.Where = g.b.src.Name
	if v := g.b.state.vars[o.Name()]; v != nil && o.Parent() == o.Pkg().Scope() && !g.b.vars[o.Name()] {
		d.Where, d.Live = v.Cell, true
	}
	if v, ok := o.(*types.Var); ok && v.IsField() {
		g.describeField(d, v)
	}
	if u := g.unit(o); u != nil {
		d.Where, d.Doc = u.src.Name, u.doc()
		d.Source = u.prefix + u.src.Text[u.start:u.end]
		d.Decl = d.Source
		if u.kind == kindFunc || u.kind == kindMethod {
			d.Decl = signature(d.Source)
		}
		if d.Doc != "" {
			d.Source = "// " + strings.ReplaceAll(d.Doc, "\n", "\n// ") + "\n" + d.Source
		}
		d.Decl += methodList(o)
	}
	return d
}

// describeField tells where a field was declared, and the comment there.
func (g *glance) describeField(d *Description, v *types.Var) {
	src, off := g.b.atlas.place(v.Pos())
	if src == nil {
		return
	}
	d.Where = src.Name
	for _, u := range g.b.funcs {
		g.fieldDoc(d, u, src, off)
	}
	for u := range g.b.with {
		g.fieldDoc(d, u, src, off)
	}
}

// fieldDoc adds the comment of the field at off of src, if u declares it.
func (g *glance) fieldDoc(d *Description, u *unit, src *Source, off int) {
	if u.src != src || off < u.start || off >= u.end {
		return
	}
	head := "package p\n" + u.prefix
	f := parseFile("", []byte(head+src.Text[u.start:u.end]))
	if f == nil {
		return
	}
	found := f.declaration(func(id *ast.Ident) bool { return f.fset.Position(id.Pos()).Offset == len(head)+off-u.start })
	if found != nil {
		d.Doc = found.doc
	}
}

// maxMethods is how many methods of a type are listed.
const maxMethods = 20

// methodList lists the methods of o, if that is a type with some.
func methodList(o types.Object) string {
	tn, ok := o.(*types.TypeName)
	if !ok || types.IsInterface(tn.Type()) {
		return ""
	}
	var lines []string
	eachMember(types.NewPointer(tn.Type()), true, func(m types.Object) { lines = append(lines, types.ObjectString(m, qualifier)) })
	if len(lines) == 0 {
		return ""
	}
	if n := len(lines) - maxMethods; n > 0 {
		lines = append(lines[:maxMethods], fmt.Sprintf("// … and %d methods more", n))
	}
	return "\n\n" + strings.Join(lines, "\n")
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
			return f.Doc.Text()
		}
	}
	return ""
}
