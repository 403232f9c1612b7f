// Package live is what the code generated for a cell calls: it keeps the session's variables, forwards old functions to
// their latest definitions, and stops cells. It is linked into the worker; every cell shares that one copy.
//
// A generation is the code compiled for one run of a cell: the cell's statements and every declaration they reach. Each
// generation has its own copy of those functions, but all share the variables, which live here and are bound by address.
package live

import (
	"maps"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Gen is one loaded generation, as its generated code describes itself.
type Gen struct {
	ID  int
	Run func() // the cell's statements
	// Word is 0 while nothing is the matter. Loops and functions read it, and ask when it is not: functions whether
	// they have a later definition, all of them Poll whether their goroutine has to stop.
	Word   *uint32
	Funcs  []Func
	Types  []Type
	Retype [][2]string // pairs of names of types: an interface that holds the first shall hold the second
	// Errors has one value of each error type, so that the plugin that brings the type brings its method table as an error:
	// libraries compare errors, and with them tables. No other cell, and not the runtime, makes a second one.
	Errors []error
}

// Type is a type of a generation.
type Type struct {
	Name string // "T", or "Tʼ2" for the second identity of that name
	Ptr  any    // a nil pointer of it
}

// Func is a function or method of a generation.
type Func struct {
	Name string // "f", or "T.M" for a method
	Self any    // the function itself; methods take their receiver first
	Link func(latest any)
	New  bool // defined by this cell, not repeated from an earlier one
}

// Variable is a session variable.
type Variable struct {
	Addr unsafe.Pointer
	Type reflect.Type // as the last generation that used the variable has it
	Key  string       // what the front process calls that type; equal keys are identical types
}

// copyOf is a function of a generation.
type copyOf struct {
	self any
	gen  int
}

// link makes the copy of a function in a generation forward.
type link struct {
	gen *Gen
	to  func(latest any)
}

var (
	mu      sync.Mutex
	vars    = map[string]Variable{}
	staged  = map[string]Variable{}
	set     []string
	current int // the cell that runs, by the number of its generation; 0 between cells
	links   = map[string][]link{}
	copies  = map[string]copyOf{}       // the last of each name
	types   = map[string]reflect.Type{} // of all generations, by the names of their versions
	gens    = map[int]*Gen{}
	pending *Gen
)

// Register announces a generation. Generated code calls it while its plugin is loaded.
func Register(g *Gen) {
	mu.Lock()
	defer mu.Unlock()
	pending = g
	gens[g.ID] = g
}

// Take returns the generation that the plugin just loaded registered, and makes earlier copies of the functions which it
// redefines forward to the new ones. A copy whose type differs keeps its old code.
func Take() *Gen {
	mu.Lock()
	defer mu.Unlock()
	g := pending
	pending = nil
	if g == nil {
		return nil
	}
	for _, f := range g.Funcs {
		if f.New {
			for _, l := range links[f.Name] {
				l.to(f.Self)
				atomic.OrUint32(l.gen.Word, outdated)
			}
		}
		links[f.Name] = append(links[f.Name], link{g, f.Link})
		copies[f.Name] = copyOf{f.Self, g.ID}
	}
	for _, t := range g.Types {
		types[t.Name] = reflect.TypeOf(t.Ptr).Elem()
	}
	return g
}

// Retypes is the types that interfaces shall hold, by those that they may hold now.
func (g *Gen) Retypes() map[reflect.Type]reflect.Type {
	mu.Lock()
	defer mu.Unlock()
	to := map[reflect.Type]reflect.Type{}
	for _, pair := range g.Retype {
		if from, t := types[pair[0]], types[pair[1]]; from != nil && t != nil {
			to[from] = t
		}
	}
	return to
}

// begin forgets what an earlier cell left.
func begin(gen int) {
	current = gen
	staged = map[string]Variable{}
	set = nil
}

// Addr is the address of a session variable. ptr is a nil pointer of its type and key what the front process calls that:
// it compiled the caller and knows that the variable can be read as one.
func Addr(name, key string, ptr any) unsafe.Pointer {
	mu.Lock()
	defer mu.Unlock()
	v := vars[name]
	if v.Addr == nil {
		panic("golab: variable " + name + " has no value in this worker")
	}
	v.Type, v.Key = reflect.TypeOf(ptr).Elem(), key
	vars[name] = v
	return v.Addr
}

// New makes a variable that takes the place of the one with that name once Set says that its declaration was reached.
func New[T any](name, key string) *T {
	p := new(T)
	mu.Lock()
	defer mu.Unlock()
	staged[name] = Variable{unsafe.Pointer(p), reflect.TypeFor[T](), key}
	return p
}

// Declare is New and Set for a variable that is there already. It does nothing if the cell has ended: it was left waiting,
// and others have run since.
func Declare(gen int, name string, v Variable) {
	Woke()
	mu.Lock()
	defer mu.Unlock()
	if gen == current {
		vars[name] = v
		set = append(set, name)
	}
}

// Variables is all session variables, by name.
func Variables() map[string]Variable {
	mu.Lock()
	defer mu.Unlock()
	return maps.Clone(vars)
}

// Lookup is the session variable of that name; its Addr is nil if there is none.
func Lookup(name string) Variable {
	mu.Lock()
	defer mu.Unlock()
	return vars[name]
}

// Copy is the function of that name, as Func has it, in the generation that was loaded last with one; nil if there is none.
func Copy(name string) (self any, gen int) {
	mu.Lock()
	defer mu.Unlock()
	c := copies[name]
	return c.self, c.gen
}

// Set tells that generation gen executed the declaration of these variables. One that was left waiting and wakes later
// declares nothing any more: the session may know other variables of these names by then.
func Set(gen int, names ...string) {
	Woke()
	mu.Lock()
	defer mu.Unlock()
	if gen != current {
		return
	}
	for _, n := range names {
		if v, ok := staged[n]; ok {
			vars[n] = v
			delete(staged, n)
		}
		set = append(set, n)
	}
}

// TakeSet ends the running cell and returns the variables that it declared, in order, with repetitions.
func TakeSet() []string {
	mu.Lock()
	defer mu.Unlock()
	s := set
	begin(0)
	return s
}

// TypeOf is the type that cells declared, under the name of its version; nil if no generation had it.
func TypeOf(name string) reflect.Type {
	mu.Lock()
	defer mu.Unlock()
	return types[name]
}

// Drop forgets variables. What still refers to them keeps them alive.
func Drop(names ...string) {
	mu.Lock()
	defer mu.Unlock()
	for _, n := range names {
		delete(vars, n)
	}
}

// Zero resets a variable, as `var x T` does when it is run again.
func Zero[T any](p *T) {
	var z T
	*p = z
}

// Hooks are what the worker does for generated code.
type Hooks struct {
	Show func(vals []any, call bool)
	// Unchecked reports an error that the cell left unread.
	Unchecked func(name string, err error)
	// Guard handles a value recovered from a goroutine.
	Guard func(recovered any)
}

var hooks Hooks

// Hook installs the worker's hooks, once, before the first cell.
func Hook(h Hooks) {
	hooks = h
	ownFlags()
}

// Show displays the value of the cell's last expression.
func Show(vals ...any) {
	Woke()
	hooks.Show(vals, false)
}

// ShowCall displays the results of the cell's last expression, a call whose last result is an error: a non-nil error
// fails the cell, a nil one is not shown.
func ShowCall(vals ...any) {
	Woke()
	hooks.Show(vals, true)
}

// GuardCallback is deferred in functions that other packages may call from goroutines of their own. There it does what
// Guard does; in a goroutine that is guarded already the panic goes on.
func GuardCallback() {
	r := recover()
	if r == nil {
		return
	}
	if guarded() {
		panic(r)
	}
	hooks.Guard(r)
}

// guarded reports whether the calling goroutine was started by cell code or runs a cell: what it began with tells.
func guarded() bool {
	var last string
	for f := range callers {
		if f != "" && f != "runtime.goexit" {
			last = f
		}
	}
	return strings.HasPrefix(last, "nb.") || strings.HasPrefix(last, "golab/kernel/internal/worker.")
}

// Unchecked says that an error which the cell never looks at is not nil.
func Unchecked(name string, err error) {
	if err != nil {
		hooks.Unchecked(name, err)
	}
}

// Guard is deferred at the start of every goroutine that cell code starts, so that a panic in it is reported and the
// worker lives on.
func Guard() {
	if r := recover(); r != nil {
		hooks.Guard(r)
	}
}
