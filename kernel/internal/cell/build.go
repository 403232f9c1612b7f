package cell

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"sort"
)

// Program is one checked cell, ready to be compiled.
type Program struct {
	Source   *Source
	Files    map[string]string // name → Go source of the package "nb" of this generation
	Imports  []string          // every path that the files import
	Warnings []string          // what the user should know: values dropped, methods that no longer compile
	Drop     []string          // variables that the worker forgets

	state *State
	apply func(s *State, set map[string]bool)
}

// Commit makes the cell's declarations part of the session. set tells which of its variables were reached; call it when
// the program has been loaded, whether or not it then ran to its end.
func (p *Program) Commit(set []string) {
	m := map[string]bool{}
	for _, n := range set {
		m[n] = true
	}
	p.apply(p.state, m)
}

// Empty reports whether there is nothing to compile: the cell holds only imports, comments or nothing.
func (p *Program) Empty() bool { return len(p.Files) == 0 }

// item is a statement, or a variable declaration, in the order in which a cell executes them.
type item struct {
	chunk
	stmt ast.Stmt // parsed alone, for its shape; nil for a block
	// value marks a call that is no statement in Go, such as len(x) or float64(x)
	value bool
	// what it declares for the session, and which names it needs, were they not local to it
	names []string
	refs  map[string]bool
}

// builder turns one cell into a Program.
type builder struct {
	state *State
	src   *Source
	pkgs  Packages
	atlas *atlas
	mark  int // the offset in src of what is being typed, whose piece may be no Go yet; -1 if all has to be

	items   []*item
	own     map[string]*unit            // declared by this cell
	ownM    map[string]map[string]*unit // methods, by type and name
	funcs   []*unit                     // all units of this cell, in order
	imports map[string]string           // explicit imports of this cell
	dots    []string
	blanks  []string
	vars    map[string]bool // declared by statements of this cell
	sels    map[string]map[string]bool

	with     map[*unit]bool  // units of earlier cells that are needed
	old      map[string]*Var // variables of earlier cells that are needed
	auto     map[string]string
	skip     map[*unit]bool  // methods of earlier cells that no longer compile
	gone     map[string]bool // variables whose type is gone
	warnings []string
	errs     Errors
}

// Build checks the cell src against the session and writes its generation. It changes nothing. The error is of type Errors.
func (s *State) Build(src *Source, pkgs Packages) (*Program, error) {
	b := newBuilder(s, src, pkgs)
	b.read()
	if len(b.errs) > 0 {
		return nil, b.errs.sorted(src)
	}
	if len(b.items) == 0 && len(b.funcs) == 0 && len(b.blanks) == 0 {
		return &Program{Source: src, state: s, apply: b.applyImports}, nil
	}
	b.order()
	// Declarations of earlier cells may not fit the new ones. What can be left out is, with a warning, and all is tried again.
	for {
		b.atlas = newAtlas()
		b.errs = nil
		b.reach()
		again := false
		p, errs := b.check()
		if len(errs) == 0 {
			return p, nil
		}
		for _, e := range errs {
			if u := b.unitAt(e); u != nil && u.kind == kindMethod && !b.skip[u] {
				b.skip[u] = true
				b.warnings = append(b.warnings, fmt.Sprintf("method %s of %s no longer compiles and is dropped: %s", u.key(), u.src.Name, e.Msg))
				again = true
			}
		}
		if !again {
			return nil, errs.sorted(src)
		}
	}
}

func newBuilder(s *State, src *Source, pkgs Packages) *builder {
	return &builder{
		state: s, src: src, pkgs: pkgs, mark: -1,
		own: map[string]*unit{}, ownM: map[string]map[string]*unit{},
		imports: map[string]string{}, vars: map[string]bool{}, sels: map[string]map[string]bool{},
		skip: map[*unit]bool{}, gone: map[string]bool{},
	}
}

func (b *builder) errorf(off int, hint, format string, args ...any) {
	b.errs = append(b.errs, &Error{Source: b.src, Offset: off, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// unitAt is the declaration of an earlier cell in which e lies.
func (b *builder) unitAt(e *Error) *unit {
	for u := range b.with {
		if u.src == e.Source && e.Source != b.src && u.start <= e.Offset && e.Offset <= u.end {
			return u
		}
	}
	return nil
}

// order puts the items in the order of execution: as typed, but a `var` that an earlier item needs, directly or through
// functions of the cell, comes before that item, as package-level variables do in Go. A name that the session already
// has means the earlier cell's variable until its new declaration is reached.
func (b *builder) order() {
	decl := map[string]*item{}
	for _, it := range b.items {
		for _, n := range it.names {
			if it.tok == token.VAR && b.state.vars[n] == nil && decl[n] == nil {
				decl[n] = it
			}
		}
	}
	if len(decl) == 0 {
		return
	}
	var out []*item
	done := map[*item]bool{}
	var place func(it *item)
	place = func(it *item) {
		if done[it] {
			return
		}
		done[it] = true
		for _, n := range slices.Sorted(maps.Keys(b.through(it.refs))) {
			if d := decl[n]; d != nil {
				place(d)
			}
		}
		out = append(out, it)
	}
	for _, it := range b.items {
		place(it)
	}
	b.items = out
}

// through adds to names what the cell's own functions among them need, and so on.
func (b *builder) through(names map[string]bool) map[string]bool {
	all := map[string]bool{}
	var add func(n string)
	add = func(n string) {
		if all[n] {
			return
		}
		all[n] = true
		if u := b.own[n]; u != nil {
			for _, r := range u.refs {
				add(r)
			}
			for _, m := range b.ownM[n] {
				for _, r := range m.refs {
					add(r)
				}
			}
		}
	}
	for n := range names {
		add(n)
	}
	return all
}

// reach collects what the cell needs of the session: declarations, variables and imports, directly or not.
func (b *builder) reach() {
	b.with, b.old, b.auto = map[*unit]bool{}, map[string]*Var{}, map[string]string{}
	seen := map[string]bool{}
	var need func(name string)
	unit := func(u *unit) {
		if b.with[u] || b.skip[u] {
			return
		}
		b.with[u] = true
		for _, r := range u.refs {
			need(r)
		}
	}
	methods := func(t string) {
		for name, m := range b.state.methods[t] {
			if b.ownM[t][name] == nil {
				unit(m)
			}
		}
		for _, m := range b.ownM[t] {
			for _, r := range m.refs {
				need(r)
			}
		}
	}
	need = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if p := b.imports[name]; p != "" {
			b.auto[name] = p
			return
		}
		if u := b.own[name]; u != nil {
			for _, r := range u.refs {
				need(r)
			}
			if u.kind == kindType {
				methods(name)
			}
			return
		}
		switch u, v := b.state.units[name], b.state.vars[name]; {
		case u != nil:
			unit(u)
			if u.kind == kindType {
				methods(name)
			}
		case v != nil && !b.gone[name]:
			b.old[name] = v
			for _, r := range v.refs {
				need(r)
			}
		case b.vars[name]:
		default:
			b.importFor(name)
		}
	}
	for _, it := range b.items {
		for r := range it.refs {
			need(r)
		}
		for _, n := range it.names {
			need(n)
		}
	}
	for _, u := range b.funcs {
		for _, r := range u.refs {
			need(r)
		}
		if u.kind == kindType {
			methods(u.names[0])
		}
		if u.kind == kindMethod {
			need(u.recv)
		}
	}
	// Variables of types that this cell changes, or that a local module changed, are checked too: they are carried over or
	// dropped.
	for n, v := range b.state.vars {
		if b.own[n] == nil && b.outdated(v) {
			seen[n] = false
			need(n)
		}
	}
	changed := map[string]bool{}
	for n, u := range b.own {
		if u.kind == kindType {
			changed[n] = true
		}
	}
	for n := range b.ownM {
		changed[n] = true
	}
	for n := range b.own {
		if u := b.state.units[n]; u != nil && u.kind == kindType {
			changed[n] = true
		}
	}
	if len(changed) == 0 {
		return
	}
	for grown := true; grown; {
		grown = false
		isChanged := func(r string) bool { return changed[r] }
		for n, u := range b.state.units {
			if u.kind != kindType || changed[n] || b.own[n] != nil {
				continue
			}
			touched := slices.ContainsFunc(u.refs, isChanged)
			for _, m := range b.state.methods[n] {
				touched = touched || slices.ContainsFunc(m.refs, isChanged)
			}
			if touched {
				changed[n], grown = true, true
			}
		}
	}
	for n, v := range b.state.vars {
		if slices.ContainsFunc(v.refs, func(r string) bool { return changed[r] }) && b.own[n] == nil {
			seen[n] = false
			need(n)
		}
	}
}

// importFor decides which package the unknown name stands for.
func (b *builder) importFor(name string) {
	if types.Universe.Lookup(name) != nil {
		return
	}
	if p := b.state.imports[name]; p != "" {
		b.auto[name] = p
		return
	}
	if b.sels[name] == nil {
		return
	}
	fits := func(path string) bool {
		pkg, err := b.pkgs.Import(path)
		if err != nil || pkg.Name() != name {
			return false
		}
		for m := range b.sels[name] {
			if token.IsExported(m) && pkg.Scope().Lookup(m) == nil {
				return false
			}
		}
		return true
	}
	candidates := b.pkgs.Candidates(name)
	for _, path := range candidates {
		if fits(path) {
			b.auto[name] = path
			return
		}
	}
	if len(candidates) > 0 {
		b.auto[name] = candidates[0] // so that the error is about the member
	}
}

// applyImports records the cell's explicit imports.
func (b *builder) applyImports(s *State, _ map[string]bool) {
	for n, p := range b.imports {
		delete(s.vars, n)
		delete(s.units, n)
		s.imports[n] = p
	}
	for _, p := range b.dots {
		if !slices.Contains(s.dots, p) {
			s.dots = append(s.dots, p)
		}
	}
}

// sources lists the units to emit by the cell they stand in, this cell first.
func (b *builder) sources() (order []*Source, by map[*Source][]*unit) {
	by = map[*Source][]*unit{}
	for _, u := range b.funcs {
		by[u.src] = append(by[u.src], u)
	}
	for u := range b.with {
		by[u.src] = append(by[u.src], u)
	}
	for s, us := range by {
		order = append(order, s)
		sort.Slice(us, func(i, j int) bool { return us[i].start < us[j].start })
	}
	sort.Slice(order, func(i, j int) bool { return order[i].Gen > order[j].Gen })
	return order, by
}
