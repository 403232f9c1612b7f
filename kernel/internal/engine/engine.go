// Package engine is the contract between what talks to a client (the Jupyter protocol, the headless runner) and what
// runs cells (the session). Both sides import it; it imports neither.
package engine

import "golab/kernel/nb"

// Engine runs the cells of one session, one at a time.
//
// Execute blocks until the cell ended and is not called again before that. All other methods may be called at any time,
// from any goroutine, also while a cell runs, and return quickly: the front process never blocks on user code.
type Engine interface {
	// Execute runs one cell. Everything the cell shows goes to out, in order, before Execute returns. Output of
	// goroutines that outlive the cell goes to the out of the latest Execute.
	Execute(req Request, out Sink) Result
	// Interrupt stops the running cell and keeps the values. It does nothing when no cell runs.
	Interrupt()
	// IsComplete says whether code can be run as it is.
	IsComplete(code string) Completeness
	// Complete lists what could stand at cursor, a byte offset into code.
	Complete(code string, cursor int) Completions
	// Inspect describes what stands at cursor, a byte offset into code; nil if nothing is known of it.
	Inspect(code string, cursor int) nb.Bundle
	// Close ends the worker and removes the session's files.
	Close() error
}

// Request is one cell to run.
type Request struct {
	Code string
	// Count is the number that the client shows beside the cell, In [Count].
	Count int
	// Silent cells show no result and are not counted.
	Silent bool
	// Aside marks code that is no cell: an expression that a client evaluates behind one.
	Aside bool
}

// Sink takes what a cell shows. Its methods may be called from any goroutine and must not block for long.
type Sink interface {
	// Stream takes a piece of text (valid UTF-8) printed on "stdout" or "stderr".
	Stream(name, text string)
	// Display takes a displayed value or the update of one.
	Display(nb.Output)
	// Result takes the value of the cell's last expression.
	Result(nb.Bundle)
	// Clear removes what was shown so far; with wait, when the next output comes.
	Clear(wait bool)
}

// Result is how a cell ended. A nil Err means that it ran to its end.
type Result struct {
	Err *Error
}

// Error is why a cell failed, as Jupyter shows it.
type Error struct {
	Name      string   // short kind: "compile error", "panic", "interrupted", "worker died", …
	Value     string   // one line: what is wrong, where (cell and line)
	Traceback []string // the full text, line by line, ANSI colours allowed; shown to the user instead of Name and Value
}

// Error makes *Error an error.
func (e *Error) Error() string { return e.Name + ": " + e.Value }

// Completeness is the answer to is_complete_request.
type Completeness struct {
	Status string // "complete", "incomplete", "invalid" or "unknown"
	Indent string // for "incomplete": what the next line should start with
}

// Completions is the answer to complete_request: Matches replace code[Start:End] (byte offsets).
type Completions struct {
	Matches    []string
	Types      []string // the kind of each match: "function", "variable", "type", "module", "keyword", …
	Start, End int
}
