package pipe

// Eval runs a cell without a generation: its statements only use what is loaded already. The worker first looks up all that
// they name; where something is missing or not what the front takes it for, [Done.Refused] says so and nothing was run.
type Eval struct {
	Gen   int    // of the cell, unique like that of a Run
	File  string // the cell in stack traces, as in [Frame]
	Stmts []Stmt
}

// Stmt is a statement.
type Stmt struct {
	Op    string  // see below
	Line  int     // where it stands in the cell
	X     []*Expr // operands
	Name  string  `json:",omitempty"` // of an operator
	Names []Bind  `json:",omitempty"` // of "define"
}

// Operations of statements.
const (
	OpDo     = "do"     // evaluate X[0] for its effects
	OpShow   = "show"   // display X[0] as the cell's value
	OpResult = "result" // the same for a call whose last result is an error
	OpSet    = "set"    // X[0] = X[1], or X[0] Name= X[1]
	OpDefine = "define" // Names := X[0]
	OpDelete = "delete" // delete(X[0], X[1])
)

// Bind is a variable that takes a value on the left of a :=.
type Bind struct {
	Name  string // "_" takes none
	Key   string // see live.Variable
	Fresh bool   // takes new memory
	Check bool   // an error that the cell never looks at
}

// Expr is an expression. The worker knows its type from what it is made of.
type Expr struct {
	Op     string  // see below
	Name   string  `json:",omitempty"`
	Key    string  `json:",omitempty"` // of the variable's type, see live.Variable
	Gen    int     `json:",omitempty"` // of the copy of a function
	At     int     `json:",omitempty"` // index of a field or method
	Of     int     `json:",omitempty"` // how many methods there are
	Spread bool    `json:",omitempty"` // the last argument is followed by "..."
	Type   *Type   `json:",omitempty"`
	Bits   uint64  `json:",omitempty"` // of a number or boolean: two's complement, or math.Float64bits
	Imag   uint64  `json:",omitempty"`
	Text   []byte  `json:",omitempty"` // of a string
	X      []*Expr `json:",omitempty"`
}

// Operations of expressions.
const (
	OpVar     = "var"     // variable Name; Fresh ones are those of an OpDefine of the same cell
	OpConst   = "const"   // Bits, Imag or Text as a Type
	OpNil     = "nil"     // of the type that is asked for
	OpField   = "field"   // field Name, number At, of the struct X[0]
	OpDeref   = "deref"   // *X[0]
	OpAddr    = "addr"    // &X[0]
	OpIndex   = "index"   // X[0][X[1]]
	OpSlice   = "slice"   // X[0][X[1]:X[2]:X[3]], the last may be missing, others nil
	OpUnary   = "unary"   // Name X[0]
	OpBinary  = "binary"  // X[0] Name X[1]
	OpConvert = "convert" // Type(X[0])
	OpBuiltin = "builtin" // Name(X...)
	OpCall    = "call"    // X[0](X[1:]...)
	OpFunc    = "func"    // generation Gen's copy of the function or method Name, to be called
	OpMethod  = "method"  // method Name, number At of Of, of X[0], to be called
	OpPackage = "package" // function or variable Name of another package, whose path is Key, of a Type
)

// Type is a type with a name, or one made of others.
type Type struct {
	Path    string `json:",omitempty"` // of its package; empty for Go's own types
	Package string `json:",omitempty"` // its package's name
	Name    string `json:",omitempty"` // "byte" and "rune" are "uint8" and "int32"

	Kind     string  `json:",omitempty"` // "*", "[]", "[n]", "map" or "func", of Of: of the latter, parameters, then results
	Of       []*Type `json:",omitempty"`
	Len      int     `json:",omitempty"` // of an array; how many of Of are parameters
	Variadic bool    `json:",omitempty"`
}
