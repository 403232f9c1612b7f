package pipe

import "golab/kernel/nb"

// Query asks about the values in the worker, at any time. One field beside ID is set.
type Query struct {
	ID        int    // of its Answer
	Variables bool   // all of the session's
	Preview   string // how the variable of that name shows itself
	Memory    bool
	Process   bool
	Trace     int     // a process that is to be allowed to trace the worker
	Unfold    *Unfold // parts of values
}

// Answer answers a Query. It has no mark: it belongs to no place in what is printed.
type Answer struct {
	ID        int
	Variables []Variable `json:",omitempty"`
	Preview   nb.Bundle  `json:",omitempty"` // nil while code of cells runs
	Memory    *Memory    `json:",omitempty"`
	Process   *Process   `json:",omitempty"`
	Traced    *Traced    `json:",omitempty"`
	Unfolded  *Unfolded  `json:",omitempty"`
}

// Variable is one of the session's variables; see engine.Variable.
type Variable struct {
	Name, Type, Key string // Key is the type as the front calls it; see live.Variable
	Value, Shape    string
	Size            int64
	HasChildren     bool
}

// Process is where and with what the worker runs; cells may have changed both.
type Process struct {
	Dir string
	Env []string
}

// Memory is what Go's runtime in the worker takes, in bytes.
type Memory struct {
	HeapLive   uint64 // objects that the garbage collector has not found unused yet
	Objects    uint64 // how many these are
	HeapTotal  uint64 // taken from the system for them, with what is free in between
	System     uint64 // taken from the system by Go's runtime in all
	Collected  uint32 // how often the garbage collector has run
	Goroutines int
}
