package cell

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"sort"
	"strings"

	"golab/kernel/internal/pipe"
)

// Program is one checked cell, ready to be compiled or evaluated.
type Program struct {
	Source   *Source
	Eval     *pipe.Eval        // the cell for a worker that needs no code for it, if that can be; set to nil to have it compiled
	Files    map[string]string // name → Go source of the package "nb" of this generation
	Imports  []string          // every path that the files import
	Embeds   []*Embedding      // what the files embed
	Warnings []string          // what the user should know: values dropped, methods that no longer compile
	Drop     []string          // variables that the worker forgets
	Declares map[string]int    // new variables, by the last line of the statement that declares them
	Globals  []string          // variables that functions use, see [GlobalName]

	state *State
	claim func(s *State)
	apply func(p *Program, set map[string]bool)
}

// Claim keeps the names of the program's types from being given to others. Call it before a worker may see the program:
// even if loading it fails, the dynamic linker may know them from then on.
func (p *Program) Claim() { p.claim(p.state) }

// Commit makes the cell's declarations part of the session. set tells which of its variables were reached; call it when
// the program has been loaded, whether or not it then ran to its end.
func (p *Program) Commit(set []string) {
	m := map[string]bool{}
	for _, n := range set {
		m[n] = true
	}
	p.state.touch()
	p.apply(p, m)
}

// Empty reports whether there is nothing to compile: the cell holds only imports, comments or nothing.
func (p *Program) Empty() bool { return len(p.Files) == 0 }

// item is a statement, or a variable declaration, in the order in which a cell executes them.
type item struct {
	chunk
	stmt ast.Stmt // parsed alone, for its shape; nil for a block
	// value marks a call that is no statement in Go, such as len(x) or float64(x)
	value bool
	// self is the type of a function literal that becomes a variable whose name it mentions, as source
	self string
	// list is how many values the statement lists, which is no statement in Go: `x, err`
	list   int
	embeds map[string]*Embedding // variables that hold files
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
	extra   map[string]bool // names that are needed besides, see [State.Plain]

	with     map[*unit]bool  // units of earlier cells that are needed
	old      map[string]*Var // variables of earlier cells that are needed
	selves   map[string]*Var // function literals of the cell that call themselves, see recursive
	auto     map[string]string
	skip     map[*unit]bool   // methods of earlier cells that no longer compile
	renew    map[*unit]bool   // functions of earlier cells that are compiled anew, see renewed
	stale    map[*unit]bool   // those of them that no longer compile
	waits    map[*unit]Errors // functions that call undeclared names, see wait
	gone     map[string]bool  // variables whose type is gone
	misfit   map[string]bool  // variables whose type changed its layout
	warnings []string
	errs     Errors

	elsewhere bool // the cell is for other machines than this one
}

// Build checks the cell src against the session and writes its generation. It changes nothing. The error is of type Errors.
func (s *State) Build(src *Source, pkgs Packages) (*Program, error) {
	b := newBuilder(s, src, pkgs)
	b.read()
	if len(b.errs) > 0 {
		if off := unclosed(src.Text); off >= 0 && blockLine(src.Text) < 0 {
			return nil, Errors{{Source: src, Offset: off, Msg: fmt.Sprintf("this %c is never closed", src.Text[off])}}
		}
		return nil, b.errs.sorted(src)
	}
	if b.elsewhere {
		return &Program{Source: src, Warnings: b.warnings, state: s, apply: func(*Program, map[string]bool) {}}, nil
	}
	if len(b.items) == 0 && len(b.funcs) == 0 && len(b.blanks) == 0 {
		return &Program{Source: src, Warnings: b.warnings, state: s, apply: b.applyImports}, nil
	}
	b.order()
	e, errs := b.fit()
	if len(errs) > 0 {
		return nil, errs
	}
	return e.program(), nil
}

// fit checks what was read. Declarations of earlier cells may not fit the new ones: what can be left out is, with a
// warning, and all is tried again.
func (b *builder) fit() (*emitter, Errors) {
	for {
		b.atlas = newAtlas()
		b.errs = nil
		b.reach()
		again := false
		e, errs := b.check()
		if len(errs) == 0 {
			errs = b.awaited()
		}
		if len(errs) == 0 {
			return e, nil
		}
		for _, e := range errs {
			switch u := b.unitAt(e); {
			case u == nil:
			case u.kind == kindMethod && !b.skip[u]:
				b.skip[u] = true
				b.warnings = append(b.warnings, fmt.Sprintf("method %s of %s no longer compiles and is dropped: %s", u.key(), u.src.Name, oneLine(e.Msg)))
				again = true
			case b.renew[u] && !b.stale[u]:
				b.stale[u] = true
				b.warnings = append(b.warnings, fmt.Sprintf("%s of %s no longer compiles: %s; earlier code goes on with what it was", u.key(), u.src.Name, oneLine(e.Msg)))
				again = true
			}
		}
		if !again && !b.wait(errs) {
			return nil, errs.sorted(b.src)
		}
	}
}

func oneLine(msg string) string { return strings.Join(strings.Fields(msg), " ") }

func newBuilder(s *State, src *Source, pkgs Packages) *builder {
	return &builder{
		state: s, src: src, pkgs: pkgs, mark: -1,
		own: map[string]*unit{}, ownM: map[string]map[string]*unit{},
		imports: map[string]string{}, vars: map[string]bool{}, sels: map[string]map[string]bool{},
		skip: map[*unit]bool{}, stale: map[*unit]bool{}, waits: map[*unit]Errors{}, gone: map[string]bool{}, misfit: map[string]bool{},
	}
}

func (b *builder) errorf(off int, hint, format string, args ...any) {
	b.errs = append(b.errs, &Error{Source: b.src, Offset: off, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// unitAt is the declaration of an earlier cell in which e lies.
func (b *builder) unitAt(e *Error) *unit {
	for u := range b.with {
		if e.Source != b.src && u.holds(e) {
			return u
		}
	}
	return nil
}

func (u *unit) holds(e *Error) bool {
	return u.src == e.Source && u.start <= e.Offset && e.Offset <= u.end
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
	b.renew = b.renewed()
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
		case v != nil && !b.gone[name] && !b.misfit[name]:
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
	for r := range b.extra {
		need(r)
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
	b.selves = b.recursive()
	for u := range b.renew {
		if u.kind == kindMethod {
			need(u.recv)
		} else {
			need(u.names[0])
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
func (b *builder) applyImports(p *Program, _ map[string]bool) {
	s := p.state
	for n, path := range b.imports {
		delete(s.vars, n)
		delete(s.units, n)
		s.imports[n] = path
		s.changed[n] = b.src.Gen
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
