package cell

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// Match is a name that could stand at the cursor.
type Match struct {
	Name string
	Kind string // "variable", "function", "type", "constant", "module", "keyword", "method" or "property" (a field)
}

// Suggest lists what could stand at the byte offset cursor of code, a cell that is being typed. A match replaces
// code[start:cursor]; those that go on from it exactly come first, then those that do but for upper and lower case. Of names,
// those of fields and variables come first, and those of packages, which are many, last.
func (s *State) Suggest(code string, cursor int, pkgs Packages) (matches []Match, start int) {
	cursor = min(max(cursor, 0), len(code))
	at := spotAt(code, cursor)
	found := map[string]string{}
	add := func(name, kind string) {
		if _, ok := found[name]; !ok && name != "_" && !strings.Contains(name, hole) {
			found[name] = kind
		}
	}
	switch {
	case at.imports:
		for path := range pkgs.Known() {
			add(path, "module")
		}
	case at.text:
	default:
		g := s.look(holed(code, at.start), at.start, pkgs)
		switch {
		case g == nil && at.member:
		case g != nil && at.member:
			g.members(add)
		default:
			if g != nil {
				g.names(add)
			}
			s.names(at.prefix, pkgs, add)
		}
	}
	matches = matching(found, at.prefix)
	if !at.member {
		slices.SortStableFunc(matches, func(a, b Match) int {
			return cmp.Or(cmp.Compare(misses(a, at.prefix), misses(b, at.prefix)), cmp.Compare(s.distance(a, pkgs), s.distance(b, pkgs)))
		})
	}
	return matches, at.start
}

// misses is 0 for names that go on from prefix exactly.
func misses(m Match, prefix string) int {
	if strings.HasPrefix(m.Name, prefix) {
		return 0
	}
	return 1
}

// distance tells how near to what is typed a name of some kind mostly is. The packages that GoLab's own happen to need are the farthest.
func (s *State) distance(m Match, pkgs Packages) int {
	switch {
	case m.Kind == "property" || m.Kind == "variable":
		return 0
	case m.Kind == "keyword":
		return 2
	case m.Kind == "module" && s.imports[m.Name] == "":
		if paths := pkgs.Candidates(m.Name); len(paths) > 0 {
			if first, _, _ := strings.Cut(paths[0], "/"); strings.Contains(first, ".") {
				return 4
			}
		}
		return 3
	}
	return 1
}

// matching is the names that begin with prefix, in order.
func matching(found map[string]string, prefix string) []Match {
	var exact, folded []Match
	for _, n := range slices.Sorted(maps.Keys(found)) {
		switch {
		case strings.HasPrefix(n, prefix):
			exact = append(exact, Match{n, found[n]})
		case len(n) >= len(prefix) && strings.EqualFold(n[:len(prefix)], prefix):
			folded = append(folded, Match{n, found[n]})
		}
	}
	return append(exact, folded...)
}

// names adds what the session and the language have.
func (s *State) names(prefix string, pkgs Packages, add func(name, kind string)) {
	for _, n := range s.Names() {
		add(n, s.Kind(n))
	}
	if prefix == "" {
		return
	}
	for _, n := range types.Universe.Names() {
		add(n, kindOfObject(types.Universe.Lookup(n)))
	}
	for t := token.BREAK; t <= token.VAR; t++ {
		add(t.String(), "keyword")
	}
	for _, n := range pkgs.Known() {
		add(n, "module")
	}
}

// names adds what the cell itself declares, and the fields of a struct literal that is being written.
func (g *glance) names(add func(name, kind string)) {
	lit, ok := g.parent(1).(*ast.CompositeLit)
	if kv, is := g.parent(1).(*ast.KeyValueExpr); is && kv.Key == g.ident {
		lit, ok = g.parent(2).(*ast.CompositeLit)
	}
	if ok && lit.Type != g.ident {
		if t := g.pass.info.TypeOf(lit); t != nil {
			if st, ok := deref(t).Underlying().(*types.Struct); ok {
				for f := range st.Fields() {
					if f.Exported() || ours(f) {
						add(f.Name(), "property")
					}
				}
			}
		}
	}
	g.scopes(func(o types.Object) {
		if o.Name() != bodyFunc {
			add(o.Name(), kindOfObject(o))
		}
	})
	for n, u := range g.b.own {
		add(n, u.kind.String())
	}
	for n := range g.b.vars {
		add(n, "variable")
	}
	for n := range g.b.imports {
		add(n, "module")
	}
}

// members adds what can be selected from the expression before the hole.
func (g *glance) members(add func(name, kind string)) {
	sel, ok := g.parent(1).(*ast.SelectorExpr)
	if !ok || sel.Sel != g.ident {
		return
	}
	if id, ok := sel.X.(*ast.Ident); ok {
		if p, ok := g.pass.info.Uses[id].(*types.PkgName); ok {
			scope := p.Imported().Scope()
			for _, n := range scope.Names() {
				if token.IsExported(n) {
					add(n, kindOfObject(scope.Lookup(n)))
				}
			}
			return
		}
	}
	if tv, ok := g.pass.info.Types[sel.X]; ok && tv.Type != nil {
		eachMember(tv.Type, tv.IsType(), func(o types.Object) { add(o.Name(), kindOfObject(o)) })
	}
}

// eachMember calls f for the methods of t and, unless it stands for a type, its fields, embedded ones included.
func eachMember(t types.Type, isType bool, f func(types.Object)) {
	see := func(o types.Object) {
		if o.Exported() || ours(o) {
			f(o)
		}
	}
	recv := t
	if _, ptr := types.Unalias(t).(*types.Pointer); !ptr && !types.IsInterface(t) && !isType {
		recv = types.NewPointer(t)
	}
	set := types.NewMethodSet(recv)
	for m := range set.Methods() {
		see(m.Obj())
	}
	if isType {
		return
	}
	seen := map[types.Type]bool{}
	var fields func(t types.Type)
	fields = func(t types.Type) {
		t = deref(t)
		st, ok := t.Underlying().(*types.Struct)
		if !ok || seen[t] {
			return
		}
		seen[t] = true
		for v := range st.Fields() {
			if o, _, _ := types.LookupFieldOrMethod(recv, true, v.Pkg(), v.Name()); o == v {
				see(v)
			}
		}
		for v := range st.Fields() {
			if v.Embedded() {
				fields(v.Type())
			}
		}
	}
	fields(t)
}

func kindOfObject(o types.Object) string {
	switch o := o.(type) {
	case *types.PkgName:
		return "module"
	case *types.TypeName:
		return "type"
	case *types.Const, *types.Nil:
		return "constant"
	case *types.Builtin:
		return "function"
	case *types.Func:
		if o.Signature().Recv() != nil {
			return "method"
		}
		return "function"
	case *types.Var:
		if o.IsField() {
			return "property"
		}
	}
	return "variable"
}
