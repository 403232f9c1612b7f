// Package engine is the contract between what talks to a client (the Jupyter protocol, the headless runner) and what
// runs cells (the session). Both sides import it; it imports neither.
package engine

import (
	"context"
	"encoding/json"

	"golab/kernel/nb"
)

// Engine runs the cells of one session, one at a time.
//
// Execute blocks until the cell ended and is not called again before that. All other methods may be called at any time,
// from any goroutine, also while a cell runs, and return quickly: the front process never blocks on user code.
type Engine interface {
	// Execute runs one cell. Everything the cell shows goes to out, in order, before Execute returns. Output of
	// goroutines that outlive the cell goes to the out of the latest Execute.
	Execute(req Request, out Sink) Result
	// Interrupt stops the running cell, and what runs outside cells for comms, and keeps the values.
	Interrupt()
	// IsComplete says whether code can be run as it is.
	IsComplete(code string) Completeness
	// Complete lists what could stand at cursor, a byte offset into code.
	Complete(code string, cursor int) Completions
	// Inspect describes what stands at cursor, a byte offset into code; nil if nothing is known of it. A detail of 1 asks
	// for its source too.
	Inspect(code string, cursor, detail int) nb.Bundle
	// Attach says who takes messages of comms before there is the Sink of a cell.
	Attach(out Sink)
	// Comm takes a message of a client to a comm, a channel between code of cells and something that clients show.
	Comm(nb.CommMessage)
	// Comms is the open comms' targets by the comms' identifiers.
	Comms() map[string]string
	// Variables are the session's, by name.
	Variables() []Variable
	// Debugger reports whether Debug can debug cells here, so that clients offer it.
	Debugger() bool
	// Debug answers one request of the Debug Adapter Protocol, as Jupyter's debug_request carries it, with a whole
	// response. Events go to event, also after Debug has returned.
	Debug(ctx context.Context, request json.RawMessage, event func(json.RawMessage)) json.RawMessage
	// Processes are the identifiers of the processes that run the session's code.
	Processes() []int
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
	// Input asks the person at the client for a line, which it returns without its end; a password is not shown as it is
	// typed. It blocks until there is an answer, or returns an error when ctx is done or the cell is interrupted or ends; if
	// the person ended the input (Ctrl-D) that is io.EOF. Nil if nobody can be asked.
	Input func(ctx context.Context, prompt string, password bool) (string, error)
	// History is what was run in this session and earlier ones. Nil if it is not kept.
	History History
}

// History is the cells that were run, by sessions. Its methods may be called from any goroutine.
type History interface {
	// Session is the number of this session.
	Session() int
	// Tail returns the last n entries, oldest first.
	Tail(n int) ([]HistoryEntry, error)
	// Range returns the cells of a session with start <= Line < stop; stop < 0 is no limit. Session 0 is this one, -1 the
	// one before it.
	Range(session, start, stop int) ([]HistoryEntry, error)
	// Search returns the last n cells that match a pattern with * and ? as a whole, oldest first; n < 0 is no limit. With
	// unique, only the last of equal inputs.
	Search(pattern string, n int, unique bool) ([]HistoryEntry, error)
}

// HistoryEntry is one cell that was run.
type HistoryEntry struct {
	Session, Line int
	Input         string
	Output        string // the text of its value, or ""
}

// Variable is one of the session, as it is now.
type Variable struct {
	Name  string
	Type  string // as Go writes it
	Value string // one line, cut
	Size  int64  // bytes it takes, with what it points to as far as that is cheap to find out; -1 if unknown
	Shape string // "3×4", "12 items": what it is useful to know of its extent; or ""
	Cell  string // "cell[3]", where it was declared
	// Lost says why it has no value any more; then Value is empty.
	Lost string
	// HasChildren reports whether it has parts that a debugger may unfold.
	HasChildren bool
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
	// Comm takes a message for what clients show of a comm.
	Comm(nb.CommMessage)
}

// Result is how a cell ended. A nil Err means that it ran to its end.
type Result struct {
	Err *Error
	// Payload is what the client is asked to do. (The protocol calls payloads deprecated, and has nothing in their place.)
	Payload []Payload
}

// Payload is one thing that a client is asked to do when a cell has ended.
type Payload struct {
	Source  string    // "set_next_input" or "page"
	Text    string    // of set_next_input: the text of the new cell
	Replace bool      // of set_next_input: put it into this cell instead
	Page    nb.Bundle // of page: what the pager shows
}

// Error is why a cell failed, as Jupyter shows it.
type Error struct {
	Name      string   // short kind: "compile error", "panic", "interrupted", "worker died", …
	Value     string   // one line: what is wrong, where (cell and line)
	Traceback []string // the full text, line by line, ANSI colours allowed; shown to the user instead of Name and Value
	// More is what the text leaves out, such as the other frames of a stack, for clients to show folded; or nil.
	More nb.Bundle
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
