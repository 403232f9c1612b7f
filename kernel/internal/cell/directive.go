package cell

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/token"
	"go/types"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// directive is a comment `//go:name arguments` at the start of a line.
type directive struct {
	name, args string
	start, end int
}

// directives lists those of the cell, in order.
func directives(text string) []directive {
	if !strings.Contains(text, "//go:") {
		return nil
	}
	var list []directive
	scan(text, func(off int, tok token.Token, lit string) {
		rest, ok := strings.CutPrefix(lit, "//go:")
		if tok != token.COMMENT || !ok {
			return
		}
		name, args, _ := strings.Cut(strings.TrimRight(rest, " \t\r"), " ")
		list = append(list, directive{name, strings.TrimSpace(args), off, off + len(lit)})
	}, func(string) {})
	return list
}

// functionPragmas are the directives that stand above a function and are kept with it.
var functionPragmas = []string{"noinline", "norace"}

// ignored are directives for tools that read files, not cells.
var ignored = []string{"generate", "fix"}

// constrained reports whether the cell is to be run on this machine, as //go:build lines say.
func (b *builder) constrained(chunks []chunk) bool {
	run := true
	for _, d := range directives(b.src.Text) {
		if d.name != "build" {
			continue
		}
		if len(chunks) > 0 && d.start > chunks[0].start {
			b.errorf(d.start, "a cell is run as a whole or not at all", "a //go:build line must stand above all code of the cell")
			continue
		}
		ok, err := holds("//go:build " + d.args)
		if err != nil {
			b.errorf(d.start, "", "%v", err)
		} else if !ok {
			run = false
			b.warnings = append(b.warnings, fmt.Sprintf("%s is not run: its constraint %q does not hold here (%s/%s)", b.src.Name, d.args, runtime.GOOS, runtime.GOARCH))
		}
	}
	return run
}

// readDirectives heeds what other comments say to Go's tools, after everything else has been read.
func (b *builder) readDirectives(chunks []chunk) {
	for _, d := range directives(b.src.Text) {
		switch {
		case d.name == "build":
		case d.name == "embed":
			b.readEmbed(d, chunks)
		case d.name == "linkname":
			b.errorf(d.start, "put what needs it in a package of its own and import that", "//go:linkname does not work in a cell")
		case slices.Contains(functionPragmas, d.name):
			if u := b.functionBelow(d, chunks); u != nil {
				u.pragma += "//go:" + d.name + "\n"
			} else {
				b.warnings = append(b.warnings, fmt.Sprintf("//go:%s has no effect here: no function is declared below it", d.name))
			}
		case !slices.Contains(ignored, d.name):
			b.warnings = append(b.warnings, fmt.Sprintf("//go:%s has no effect in a cell", d.name))
		}
	}
}

// holds evaluates a build constraint for this machine.
func holds(line string) (bool, error) {
	x, err := constraint.Parse(line)
	if err != nil {
		var syntax *constraint.SyntaxError
		if errors.As(err, &syntax) {
			return false, fmt.Errorf("this //go:build line can't be read: %s", syntax.Err)
		}
		return false, fmt.Errorf("this //go:build line can't be read: %w", err)
	}
	return x.Eval(func(tag string) bool {
		switch tag {
		case runtime.GOOS, runtime.GOARCH, "gc", "cgo":
			return true
		case "unix":
			return runtime.GOOS != "windows" && runtime.GOOS != "plan9"
		}
		minor, ok := strings.CutPrefix(tag, "go1.")
		if n, err := strconv.Atoi(minor); ok && err == nil {
			return n <= goMinor
		}
		return false
	}), nil
}

// goMinor is the y of the language version go1.y that cells are written in.
const goMinor = 26

// below is the piece of the cell that begins behind d, if d stands in none.
func below(d directive, chunks []chunk) (chunk, bool) {
	var next chunk
	found := false
	for _, c := range chunks {
		if c.start <= d.start && d.start < c.end {
			return chunk{}, false
		}
		if c.start > d.start && (!found || c.start < next.start) {
			next, found = c, true
		}
	}
	return next, found
}

func (b *builder) functionBelow(d directive, chunks []chunk) *unit {
	c, ok := below(d, chunks)
	if !ok {
		return nil
	}
	for _, u := range b.funcs {
		if u.start == c.start && (u.kind == kindFunc || u.kind == kindMethod) {
			return u
		}
	}
	return nil
}

// Embedding is a variable that holds files, as //go:embed says.
type Embedding struct {
	Patterns []string
	One      bool // it holds the content of one file, not a file system
	Source   *Source
	Offset   int // of the directive
}

// Error makes the error of an embedding that does not work.
func (m *Embedding) Error(msg string) *Error {
	return &Error{Source: m.Source, Offset: m.Offset, Msg: msg}
}

// readEmbed finds the variable for a //go:embed line, by Go's rules.
func (b *builder) readEmbed(d directive, chunks []chunk) {
	patterns, err := embedPatterns(d.args)
	if err == nil && len(patterns) == 0 {
		err = errors.New("usage: //go:embed PATTERN")
	}
	if err != nil {
		b.errorf(d.start, "", "%v", err)
		return
	}
	c, ok := below(d, chunks)
	var it *item
	for _, i := range b.items {
		if i.tok == token.VAR && (ok && i.start == c.start || !ok && i.start <= d.start && d.start < i.end) {
			it = i
		}
	}
	var spec *ast.ValueSpec
	if it != nil {
		if ds, isDecl := it.stmt.(*ast.DeclStmt); isDecl {
			g := ds.Decl.(*ast.GenDecl)
			for _, s := range g.Specs {
				if v := s.(*ast.ValueSpec); spec == nil && g.Lparen.IsValid() != ok && b.offset(v.Pos()) > d.start {
					spec = v
				}
			}
		}
	}
	switch {
	case spec == nil && !ok && strings.TrimSpace(b.src.Text[d.end:]) == "":
		b.errorf(d.end, "it stands directly above `var name string`, `[]byte` or `embed.FS`", "the variable for go:embed is missing")
	case spec == nil:
		b.errorf(d.start, "it stands directly above `var name string`, `[]byte` or `embed.FS`", "misplaced go:embed directive")
	case len(spec.Names) > 1:
		b.errorf(d.start, "", "go:embed cannot apply to multiple vars")
	case len(spec.Values) > 0:
		b.errorf(d.start, "", "go:embed cannot apply to var with initializer")
	default:
		name := spec.Names[0].Name
		if name == "_" {
			b.errorf(d.start, "", "go:embed needs a variable that has a name")
			return
		}
		if it.embeds == nil {
			it.embeds = map[string]*Embedding{}
		}
		m := it.embeds[name]
		if m == nil {
			m = &Embedding{Source: b.src, Offset: d.start}
			it.embeds[name] = m
		}
		m.Patterns = append(m.Patterns, patterns...)
	}
}

// embedPatterns splits the arguments of //go:embed.
func embedPatterns(args string) ([]string, error) {
	var list []string
	for args = strings.TrimSpace(args); args != ""; args = strings.TrimLeftFunc(args, unicode.IsSpace) {
		pattern, rest := args, ""
		switch args[0] {
		case '"', '`':
			quoted, err := strconv.QuotedPrefix(args)
			if err != nil {
				return nil, fmt.Errorf("invalid quoted string in //go:embed: %s", args)
			}
			pattern, _ = strconv.Unquote(quoted)
			if rest = args[len(quoted):]; rest != "" && !unicode.IsSpace(rune(rest[0])) {
				return nil, fmt.Errorf("invalid quoted string in //go:embed: %s", args)
			}
		default:
			if i := strings.IndexFunc(args, unicode.IsSpace); i >= 0 {
				pattern, rest = args[:i], args[i:]
			}
		}
		if _, err := path.Match(strings.TrimPrefix(pattern, "all:"), ""); err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		list = append(list, pattern)
		args = rest
	}
	return list, nil
}

// checkEmbed checks the type of a variable that holds files.
func (b *builder) checkEmbed(m *Embedding, t types.Type) {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		m.One = u.Kind() == types.String
	case *types.Slice:
		e, ok := u.Elem().Underlying().(*types.Basic)
		m.One = ok && e.Kind() == types.Byte
	}
	if n, ok := types.Unalias(t).(*types.Named); m.One || ok && n.Obj().Name() == "FS" && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "embed" {
		return
	}
	b.errs = append(b.errs, m.Error("go:embed cannot apply to var of type "+userExpr(t)))
}

// embedFile is a generated file with the variables that the compiler fills: name → type.
type embedFile struct {
	outFile
	embeds []*Embedding
}

func (f *embedFile) add(m *Embedding, name string, v *Var) {
	f.WriteString("//go:embed")
	for _, p := range m.Patterns {
		f.WriteString(" " + strconv.Quote(p))
	}
	fmt.Fprintf(f, "\nvar %s %s\n", name, v.expr)
	for a, p := range v.imports {
		f.imports[a] = p
	}
	f.embeds = append(f.embeds, m)
}

// source is the file's text. The compiler wants package embed imported.
func (f *embedFile) source(pkg string) string {
	head, rest, _ := strings.Cut(f.outFile.source(pkg), "\n")
	return head + "\nimport _ \"embed\"\n" + rest
}

// quiet is the text of a cell without directives `//line`, which would make errors and stacks name other places; it is as
// long as the text.
func quiet(text string) string {
	if !strings.Contains(text, "//line ") && !strings.Contains(text, "/*line ") {
		return text
	}
	b := []byte(text)
	scan(text, func(off int, tok token.Token, lit string) {
		if tok == token.COMMENT && strings.HasPrefix(lit[2:], "line ") {
			b[off+2] = ' '
		}
	}, func(string) {})
	return string(b)
}
