package cell

import (
	"go/token"
	"go/types"
	"maps"
	"slices"
	"sort"
	"sync/atomic"
)

// State is what a session has declared so far. It changes only by [Program.Commit] and [State.Lose]; it is not safe for
// use while it changes. Whoever wants to look at it at any time takes a [State.Snapshot].
type State struct {
	imports map[string]string           // local name → path, of explicit imports
	dots    []string                    // paths of dot imports
	units   map[string]*unit            // constants, types and functions by name
	methods map[string]map[string]*unit // by receiver type and name
	vars    map[string]*Var
	lost    map[string]string         // why a name that once was a variable is none any more
	idents  map[string]map[string]int // type name → hash of its definition → version
	shapes  map[string]shape          // the types declared last, by name
	waiting map[*unit]Errors          // functions that call what no cell has declared yet, and where they do
	copies  map[string]int            // function, or type.method → the last generation that has a copy which can be called
	loaded  map[string]bool           // paths that code of this worker has imported
	changed map[string]int            // name → the last generation that gave it another meaning, or a method
	version uint64                    // see Version
}

// versions counts the changes of all states.
var versions atomic.Uint64

// touch gives s another version.
func (s *State) touch() { s.version = versions.Add(1) }

// Version tells states apart: those of equal version are equal.
func (s *State) Version() uint64 { return s.version }

// New returns the state of a session without cells.
func New() *State {
	return &State{
		imports: map[string]string{},
		units:   map[string]*unit{},
		methods: map[string]map[string]*unit{},
		vars:    map[string]*Var{},
		lost:    map[string]string{},
		idents:  map[string]map[string]int{},
		shapes:  map[string]shape{},
		waiting: map[*unit]Errors{},
		copies:  map[string]int{},
		loaded:  map[string]bool{},
		changed: map[string]int{},
		version: versions.Add(1),
	}
}

// Snapshot is a copy of s that stays as it is.
func (s *State) Snapshot() *State {
	c := &State{
		imports: maps.Clone(s.imports),
		dots:    slices.Clone(s.dots),
		units:   maps.Clone(s.units),
		methods: maps.Clone(s.methods),
		vars:    maps.Clone(s.vars),
		lost:    maps.Clone(s.lost),
		idents:  maps.Clone(s.idents),
		shapes:  maps.Clone(s.shapes),
		waiting: maps.Clone(s.waiting),
		copies:  maps.Clone(s.copies),
		loaded:  maps.Clone(s.loaded),
		changed: maps.Clone(s.changed),
		version: s.version,
	}
	for t, m := range c.methods {
		c.methods[t] = maps.Clone(m)
	}
	for n, m := range c.idents {
		c.idents[n] = maps.Clone(m)
	}
	return c
}

// Var is a variable of the session. It is not changed once it is there.
type Var struct {
	Name string
	Type string // as Go source that a user would write
	Cell string // where it was declared last

	expr    string            // as Go source of this package's files
	imports map[string]string // alias → path, for expr
	refs    []string          // types of the session that expr names
	key     string            // equal for two variables of the same type
	layout  string            // equal for two variables of the same memory layout
	local   []string          // packages of local modules whose types it is made of, as they were compiled
	place   *place
	decl    *decl
}

// Key is equal for two variables of the same type, also across redefinitions of types.
func (v *Var) Key() string { return v.key }

// place is the memory of a variable: declarations of one name and type that follow each other share it.
type place struct{ name string }

// Vars is all variables, by name.
func (s *State) Vars() []*Var {
	return slices.SortedFunc(maps.Values(s.vars), func(a, b *Var) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// Lost says why names that once were variables are none any more.
func (s *State) Lost() map[string]string { return maps.Clone(s.lost) }

// Names is every name that a cell can use: variables, functions, types, constants and explicit imports, sorted.
func (s *State) Names() []string {
	var names []string
	for n := range s.vars {
		names = append(names, n)
	}
	for n := range s.units {
		names = append(names, n)
	}
	for n := range s.imports {
		names = append(names, n)
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// Kind says what name is: "variable", "function", "type", "constant", "module" (an import), or "".
func (s *State) Kind(name string) string {
	if s.vars[name] != nil {
		return "variable"
	}
	if u := s.units[name]; u != nil {
		return u.kind.String()
	}
	if s.imports[name] != "" {
		return "module"
	}
	return ""
}

// Definition is the source text of a declared function, type or constant, and the cell it stands in; empty if there is none.
func (s *State) Definition(name string) (text, cell string) {
	if u := s.units[name]; u != nil {
		return u.prefix + u.src.Text[u.start:u.end], u.src.Name
	}
	return "", ""
}

// Lose forgets all variables, because the process that held them is gone, and returns their names.
func (s *State) Lose(reason string) []string {
	var names []string
	for _, v := range s.Vars() {
		names = append(names, v.Name)
		s.lost[v.Name] = reason
	}
	s.touch()
	clear(s.vars)
	clear(s.copies)
	clear(s.loaded)
	return names
}

// shape is one identity of a type.
type shape struct {
	version int
	layout  string // as in Var
}

type kind int

const (
	kindConst kind = iota
	kindType
	kindFunc
	kindMethod
)

func (k kind) String() string {
	return [...]string{"constant", "type", "function", "method"}[k]
}

// unit is a package-level declaration other than of a variable, kept as source.
type unit struct {
	kind       kind
	names      []string // what it declares; a constant group declares several
	recv       string   // of a method: the type's name
	src        *Source
	prefix     string // stands before the text: "type " where the declaration was grouped
	start, end int
	refs       []string          // identifiers that it may take from the session or the cell
	imports    map[string]string // local name → path of the packages that it names
	dots       []string
	pragma     string // lines `//go:noinline`
	generic    bool   // a function with type parameters, or a method of such a type
}

func (u *unit) key() string {
	if u.kind == kindMethod {
		return u.recv + "." + u.names[0]
	}
	return u.names[0]
}

// current reports whether u is what the session means by its name.
func (s *State) current(u *unit) bool {
	if u.kind == kindMethod {
		return s.methods[u.recv][u.names[0]] == u
	}
	return slices.ContainsFunc(u.names, func(n string) bool { return s.units[n] == u })
}

// isInit reports whether u is an init function: it runs with its cell and declares nothing.
func (u *unit) isInit() bool { return u.kind == kindFunc && u.names[0] == "init" }

// remove forgets what name means, so that it can be declared anew. A constant group goes on without that name.
func (s *State) remove(name string) {
	s.touch()
	delete(s.vars, name)
	delete(s.lost, name)
	delete(s.imports, name)
	delete(s.units, name)
}

// Packages is what the session knows of the packages that cells may import.
type Packages interface {
	types.Importer
	// Candidates lists the import paths of packages with that name, the likeliest first.
	Candidates(name string) []string
	// Known is the packages that can be imported at once: their names by path.
	Known() map[string]string
	// Shared reports whether all code shares one copy of a package, and whether every worker has initialized it when it starts.
	Shared(path string) (shared, running bool)
	// Position is where an object of an imported package is declared.
	Position(token.Pos) token.Position
}
