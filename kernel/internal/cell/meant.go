package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
)

// extent is the expression that an error of the checker is about. Its position is where in that the mistake is; go/types
// tells the rest to gopls through fields that it does not export.
func extent(err types.Error) (start, end token.Pos) {
	v := reflect.ValueOf(err)
	s, e := v.FieldByName("go116start"), v.FieldByName("go116end")
	if s.IsValid() && e.IsValid() && s.CanInt() && e.CanInt() {
		start, end = token.Pos(s.Int()), token.Pos(e.Int())
	}
	if start > err.Pos || end < err.Pos {
		return token.NoPos, token.NoPos
	}
	return start, end
}

// span sets the part of the cell that an error is about, if it is one.
func (b *builder) span(e *Error, start, end token.Pos) {
	if !start.IsValid() || !end.IsValid() {
		return
	}
	from, i := b.atlas.place(start)
	to, j := b.atlas.place(end)
	if from == e.Source && to == e.Source && i <= e.Offset && e.Offset < j {
		e.Start, e.End = i, j
	}
}

// selected is the selector expression whose member stands at pos.
func (p *pass) selected(pos token.Pos) (found *ast.SelectorExpr) {
	p.inspect(pos, func(n ast.Node) {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Pos() == pos {
			found = s
		}
	})
	return found
}

// literal is the innermost composite literal around pos.
func (p *pass) literal(pos token.Pos) (found *ast.CompositeLit) {
	p.inspect(pos, func(n ast.Node) {
		if l, ok := n.(*ast.CompositeLit); ok {
			found = l
		}
	})
	return found
}

// inspect calls f for the nodes around pos, the outermost first.
func (p *pass) inspect(pos token.Pos, f func(ast.Node)) {
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if n == nil || n.Pos() > pos || n.End() < pos {
				return n == file
			}
			f(n)
			return true
		})
	}
}

// likeMember is a field or method like the one that an error misses.
func (b *builder) likeMember(p *pass, e *Error) string {
	var t types.Type
	var name, before string
	if sel := p.selected(e.pos); sel != nil {
		tv := p.info.Types[sel.X]
		if tv.Type == nil {
			return ""
		}
		t, name = tv.Type, sel.Sel.Name
		before = types.ExprString(sel.X) + "."
		var names []string
		eachMember(t, tv.IsType(), func(o types.Object) { names = append(names, o.Name()) })
		if n := likeOne(name, names); n != "" && len(before) < 40 {
			return before + n
		}
		return ""
	}
	if _, rest, ok := strings.Cut(e.Msg, "unknown field "); ok {
		name, _, _ = strings.Cut(rest, " ")
		if lit := p.literal(e.pos); lit != nil && p.info.TypeOf(lit) != nil {
			if st, ok := deref(p.info.TypeOf(lit)).Underlying().(*types.Struct); ok {
				var names []string
				for f := range st.Fields() {
					names = append(names, f.Name())
				}
				return likeOne(name, names)
			}
		}
	}
	return ""
}

// likeOne is Similar, also for a name that differs by case and an edit.
func likeOne(name string, names []string) string {
	if n := Similar(name, names); n != "" || len(name) < 3 {
		return n
	}
	for _, n := range names {
		if oneEdit(strings.ToLower(n), strings.ToLower(name)) {
			return n
		}
	}
	return ""
}

// likeName is a name like an undefined one: of the cell's functions, of Go's own, or of a package.
func (b *builder) likeName(p *pass, e *Error, name string) string {
	var local []string
	for id := range p.info.Defs {
		if id.Name != "_" && id.Name != name && !strings.HasPrefix(id.Name, "ʼ") && id.Name != bodyFunc {
			local = append(local, id.Name)
		}
	}
	if n := Similar(name, local); n != "" {
		return n
	}
	for _, own := range [][]string{{"true", "false", "nil"}, types.Universe.Names()} {
		if n := Similar(name, own); n != "" {
			return n
		}
		if n := Similar(strings.ToLower(name), own); n != "" && len(name) > 3 {
			return n
		}
	}
	rest := e.Source.Text[min(e.Offset+len(name), len(e.Source.Text)):]
	if strings.HasPrefix(rest, ".") {
		return Similar(name, slices.Collect(maps.Values(b.pkgs.Known())))
	}
	return ""
}

// otherName is what to do about an undefined name that is like none of the session.
func (b *builder) otherName(p *pass, e *Error, name string) string {
	rest := strings.TrimLeft(e.Source.Text[min(e.Offset+len(name), len(e.Source.Text)):], " ")
	used := rest != "" && strings.ContainsAny(rest[:1], "({.[") // as a call, a type, …
	member := func() string {
		if len(name) < 3 || !used && !token.IsExported(name) {
			return ""
		}
		if m := b.members(name); len(m) > 0 {
			return "did you mean " + either(m) + "?"
		}
		return ""
	}
	for id := range p.info.Defs {
		if id.Name == name && b.own[name] == nil { // it is declared, but not where it is used
			return "declare it before; a function literal that calls itself needs var " + name + " func(…) … before it"
		}
	}
	if token.IsExported(name) {
		if m := member(); m != "" {
			return m
		}
	}
	if n := b.likeName(p, e, name); n != "" {
		return "did you mean " + n + "?"
	}
	if h := Hint(e); h != "" {
		return h
	}
	return member()
}

// wellKnown is where members are looked for whose package was forgotten.
var wellKnown = []string{
	"fmt", "strings", "strconv", "math", "os", "time", "errors", "slices", "maps", "sort", "bytes", "bufio", "io", "sync", "context",
	"encoding/json", "math/rand/v2", "math/rand", "net/http", "path/filepath", "regexp", "unicode", "reflect", "math/big", "os/exec", "golab/mlx", "golab/viz",
	"golab/datasets", "golab/kernel/nb",
}

// members is the packages' members of that name, as they are written; case does not count if there is none otherwise.
func (b *builder) members(name string) []string {
	var exact, folded []string
	for _, p := range wellKnown {
		if _, ok := b.pkgs.Known()[p]; !ok {
			continue
		}
		pkg, err := b.pkgs.Import(p)
		if err != nil {
			continue
		}
		for _, n := range pkg.Scope().Names() {
			switch m := pkg.Name() + "." + n; {
			case !token.IsExported(n):
			case n == name && !slices.Contains(exact, m):
				exact = append(exact, m)
			case strings.EqualFold(n, name) && !slices.Contains(folded, m):
				folded = append(folded, m)
			}
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return folded
}

// otherHomes is the other packages of the name pkg that have this member.
func (b *builder) otherHomes(pkg, member string) []string {
	var paths []string
	for _, p := range b.pkgs.Candidates(pkg) {
		if p == b.imported(pkg) {
			continue
		}
		if i, err := b.pkgs.Import(p); err == nil && i.Scope().Lookup(member) != nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// imported is the path of the package that the cell calls name.
func (b *builder) imported(name string) string {
	for _, names := range []map[string]string{b.imports, b.auto, b.state.imports} {
		if names[name] != "" {
			return names[name]
		}
	}
	return ""
}

// importHint is the packages that a path which can't be imported may stand for.
func (b *builder) importHint(wrong string) string {
	known := b.pkgs.Known()
	if like := Similar(wrong, slices.Collect(maps.Keys(known))); like != "" {
		return "did you mean " + like + "?"
	}
	if c := b.pkgs.Candidates(path.Base(wrong)); len(c) > 0 {
		return "did you mean " + either(c) + "?"
	}
	return ""
}

// either lists the first of several possibilities.
func either(list []string) string {
	list = list[:min(3, len(list))]
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return list[0]
}
