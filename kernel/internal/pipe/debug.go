package pipe

// Go runs the generation that a Run with Pause has loaded.
type Go struct{ Gen int }

// Loaded tells that a generation with Pause is ready to run, and the session's variables as they are now.
type Loaded struct {
	Gen       int
	Variables []Part
}

// Traced answers a Query with Trace, and says what a debugger has to know.
type Traced struct {
	Err string `json:",omitempty"` // why the process can't be allowed to
	// Base is where the program is loaded; AllGs and AllGLen are the runtime's variables of these names, 0 if they are not
	// known.
	Base, AllGs, AllGLen uint64
}

// Unfold asks for the session's variables or, with a name, for the parts of one.
type Unfold struct {
	Name string
	Path []int // which part of the variable, which part of that, …, as Unfolded counts them
}

// Unfolded answers a Query with Unfold.
type Unfolded struct {
	Parts []Part
	Err   string `json:",omitempty"` // why it can't be told
}

// Part is a variable, or a part of one: a field, an element, what a pointer points to.
type Part struct {
	Name  string
	Type  string // as Go's reflect writes it, without the package of cells
	Value string // one line, cut
	Index int    // that which Unfold.Path has for it
	Parts bool   // it has parts
	// Of variables: the address, and the name that DWARF has for the type.
	Addr  uint64 `json:",omitempty"`
	Dwarf string `json:",omitempty"`
}
