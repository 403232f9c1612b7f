package jupytertest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"

	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// Engine is an engine.Engine for tests of what drives one. Its cells are lines of commands:
//
//	print TEXT, eprint TEXT    a line on stdout, stderr
//	show MIME TEXT             a displayed value
//	id NAME TEXT               one that can be updated …
//	update NAME TEXT           … and its update
//	clear, clear wait          clear the output, at once or with the next one
//	value TEXT                 the cell's value
//	wait NAME                  block until Release(NAME) or an interrupt
//	fail TEXT                  end the cell with an error of Name "failed"
//	panic TEXT                 panic, as an engine should not
//	call NAME                  call Calls[NAME], which may do anything
//	ask TEXT, secret TEXT      ask for a line or a password and print it; an error ends the cell
//	end NAME                   end the cell with Results[NAME]
//
// Its fields are set before it is used.
type Engine struct {
	// Calls are the functions of the call command, Results those of the end command.
	Calls   map[string]func(engine.Request, engine.Sink)
	Results map[string]engine.Result
	// OnComm takes comm messages, and OnDebug requests of the debugger, if not nil.
	OnComm  func(nb.CommMessage)
	OnDebug func(context.Context, json.RawMessage, func(json.RawMessage)) json.RawMessage
	// Running are the engine's processes.
	Running []int

	mu        sync.Mutex
	attached  engine.Sink
	comms     map[string]string
	events    map[string]chan struct{} // closed when what the name says happened
	interrupt chan struct{}            // closed by Interrupt; nil while no cell runs
}

// event returns the channel of a name.
func (e *Engine) event(name string) chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.events == nil {
		e.events = map[string]chan struct{}{}
	}
	if e.events[name] == nil {
		e.events[name] = make(chan struct{})
	}
	return e.events[name]
}

// Waiting is closed when a cell has reached "wait name".
func (e *Engine) Waiting(name string) <-chan struct{} { return e.event("waiting " + name) }

// Release lets "wait name" go on, also one that is still to come.
func (e *Engine) Release(name string) { close(e.event("release " + name)) }

// Execute runs the commands of a cell.
func (e *Engine) Execute(req engine.Request, out engine.Sink) engine.Result {
	interrupt := make(chan struct{})
	e.setInterrupt(interrupt)
	defer e.setInterrupt(nil)
	for line := range strings.Lines(req.Code) {
		command, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		first, text, _ := strings.Cut(rest, " ")
		switch command {
		case "":
		case "print":
			out.Stream("stdout", rest+"\n")
		case "eprint":
			out.Stream("stderr", rest+"\n")
		case "show":
			out.Display(nb.Output{Data: nb.Bundle{first: text}})
		case "id":
			out.Display(nb.Output{Data: nb.Bundle{"text/plain": text}, ID: first})
		case "update":
			out.Display(nb.Output{Data: nb.Bundle{"text/plain": text}, ID: first, Update: true})
		case "clear":
			out.Clear(rest == "wait")
		case "value":
			if !req.Silent {
				out.Result(nb.Bundle{"text/plain": rest})
			}
		case "wait":
			close(e.event("waiting " + rest))
			select {
			case <-e.event("release " + rest):
			case <-interrupt:
				return failure("interrupted", "the cell was interrupted")
			}
		case "fail":
			return failure("failed", rest)
		case "panic":
			panic(rest)
		case "ask", "secret":
			if req.Input == nil {
				return failure("no input", "nobody can be asked")
			}
			line, err := req.Input(context.Background(), rest, command == "secret")
			if err != nil {
				return failure("no input", err.Error())
			}
			out.Stream("stdout", "got "+line+"\n")
		case "end":
			return e.Results[rest]
		case "call":
			e.Calls[rest](req, out)
		default:
			return failure("unknown command", command)
		}
	}
	return engine.Result{}
}

func failure(name, value string) engine.Result {
	return engine.Result{Err: &engine.Error{Name: name, Value: value, Traceback: []string{"\x1b[31m" + name + "\x1b[0m: " + value}}}
}

func (e *Engine) setInterrupt(c chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.interrupt = c
}

// Interrupt ends a waiting cell.
func (e *Engine) Interrupt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.interrupt != nil {
		close(e.interrupt)
		e.interrupt = nil
	}
}

// IsComplete says that code is incomplete if it ends in an open brace.
func (e *Engine) IsComplete(code string) engine.Completeness {
	if strings.HasSuffix(code, "{") {
		return engine.Completeness{Status: "incomplete", Indent: "\t"}
	}
	return engine.Completeness{Status: "complete"}
}

// Complete completes commands that begin with "p".
func (e *Engine) Complete(code string, cursor int) engine.Completions {
	start := strings.LastIndexAny(code[:cursor], " \n") + 1
	c := engine.Completions{Start: start, End: cursor}
	for _, word := range []string{"panic", "print"} {
		if strings.HasPrefix(word, code[start:cursor]) {
			c.Matches = append(c.Matches, word)
			c.Types = append(c.Types, "keyword")
		}
	}
	return c
}

// Inspect knows of the offset that it was asked for, and nothing of an empty cell.
func (e *Engine) Inspect(code string, cursor, _ int) nb.Bundle {
	if code == "" {
		return nil
	}
	return nb.Bundle{"text/plain": fmt.Sprintf("byte %d", cursor)}
}

// Attach keeps out for answers to comms.
func (e *Engine) Attach(out engine.Sink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attached = out
}

// Comm gives the message to OnComm. Without one, it refuses comms to be opened.
func (e *Engine) Comm(m nb.CommMessage) {
	e.mu.Lock()
	out := e.attached
	_, known := e.comms[m.ID]
	e.mu.Unlock()
	switch {
	case e.OnComm != nil:
		e.OnComm(m)
	case m.Type == "comm_open" && !known && out != nil:
		out.Comm(nb.CommMessage{Type: "comm_close", ID: m.ID, Parent: m.Parent})
	}
}

// SetComms says which comms are open.
func (e *Engine) SetComms(targets map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.comms = targets
}

// Comms are those of SetComms.
func (e *Engine) Comms() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.comms)
}

// Variables says that there are none.
func (e *Engine) Variables() []engine.Variable { return nil }

// Debugger reports whether there is an OnDebug.
func (e *Engine) Debugger() bool { return e.OnDebug != nil }

// Debug asks OnDebug.
func (e *Engine) Debug(ctx context.Context, request json.RawMessage, event func(json.RawMessage)) json.RawMessage {
	if e.OnDebug == nil {
		return nil
	}
	return e.OnDebug(ctx, request, event)
}

// Processes are those of Running.
func (e *Engine) Processes() []int { return e.Running }

// Close does nothing.
func (e *Engine) Close() error { return nil }
