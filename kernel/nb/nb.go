// Package nb is what code in a notebook, and the packages it calls, know of the notebook they run in: how to show a value,
// whether the running cell was interrupted, and how a type of theirs shows itself as the last expression of a cell.
//
// It knows nothing of Jupyter's wire protocol and depends on the standard library alone, so that mlx and viz may import
// it and still run as parts of an ordinary program, where nothing is attached and displaying is left to the caller.
package nb

import (
	"context"
	"errors"
	"sync"
)

// Bundle is one value in several representations: MIME type to content. Text types hold a string, binary ones ([]byte)
// are encoded by the kernel, JSON types hold any value that encoding/json can write.
type Bundle map[string]any

// Output is one thing to show.
type Output struct {
	Data     Bundle
	Metadata map[string]any
	// ID names an output that later ones with the same ID replace in place; empty for one that stays as it is.
	ID string
	// Update replaces the output of that ID instead of adding one.
	Update bool
}

// Host is the notebook a program runs in. The worker attaches one; its methods may be called from any goroutine.
type Host interface {
	Display(Output)
	// Clear removes the cell's outputs, at once or (wait) when the next one comes.
	Clear(wait bool)
	// Context is cancelled when the running cell is interrupted or ends.
	Context() context.Context
	// Comm sends a message to the clients.
	Comm(CommMessage)
	// Render is how v shows itself as the last expression of a cell.
	Render(v any) Bundle
	// Go runs f outside any cell; see the function Go.
	Go(f func())
	// Capture runs f and gives what is shown meanwhile to the Output widget of a comm.
	Capture(comm string, f func())
	// ClearCaptured removes what that widget shows.
	ClearCaptured(comm string, wait bool)
	// Input asks the person at the notebook for a line.
	Input(ctx context.Context, prompt string, password bool) (string, error)
}

var (
	mu        sync.RWMutex
	host      Host
	shown     = map[string]bool{}
	renderers []func(any) Bundle
	summaries []func(any, bool) *Summary
)

// Attach makes h the notebook of this process. The kernel's worker calls it, once, at its start.
func Attach(h Host) {
	mu.Lock()
	defer mu.Unlock()
	host = h
}

func attached() Host {
	mu.RLock()
	defer mu.RUnlock()
	return host
}

// Live reports whether this process runs cells of a GoLab notebook.
func Live() bool { return attached() != nil }

// Show displays v as it would be shown as the last expression of a cell. Outside a notebook it does nothing.
func Show(v any) {
	if h := attached(); h != nil {
		h.Display(Output{Data: h.Render(v)})
	}
}

// Display shows b below the running cell. Outside a notebook it does nothing.
func Display(b Bundle) {
	if h := attached(); h != nil {
		h.Display(Output{Data: b})
	}
}

// DisplayID shows b under an identifier: the first call with an id adds an output, later ones replace it in place.
func DisplayID(id string, b Bundle) {
	h := attached()
	if h == nil {
		return
	}
	mu.Lock()
	update := shown[id]
	shown[id] = true
	mu.Unlock()
	h.Display(Output{Data: b, ID: id, Update: update})
}

// Clear removes the outputs of the running cell; with wait, only when the next output arrives, which avoids flicker.
func Clear(wait bool) {
	if h := attached(); h != nil {
		h.Clear(wait)
	}
}

// Context is cancelled when the user interrupts the running cell. Outside a notebook it is context.Background.
func Context() context.Context {
	if h := attached(); h != nil {
		return h.Context()
	}
	return context.Background()
}

// Input asks the person at the notebook for a line of text and waits for it; prompt stands before the field. It returns an
// error if nobody can be asked: outside a notebook, in one that is run without a person, or when the cell is interrupted.
func Input(prompt string) (string, error) { return ask(prompt, false) }

// Password is Input for what must not be seen on the screen.
func Password(prompt string) (string, error) { return ask(prompt, true) }

func ask(prompt string, password bool) (string, error) {
	if h := attached(); h != nil {
		return h.Input(h.Context(), prompt, password)
	}
	return "", errors.New("nobody can be asked outside a notebook")
}

// RegisterRenderer adds a way to show values as the last expression of a cell: render returns nil for a value that it
// does not know. Packages call it from init for types that are not their own; own types implement MIMEBundle instead.
// Renderers are asked in the order of registration.
func RegisterRenderer(render func(v any) Bundle) {
	mu.Lock()
	defer mu.Unlock()
	renderers = append(renderers, render)
}

// Renderers is the list that RegisterRenderer made, for the kernel.
func Renderers() []func(any) Bundle {
	mu.RLock()
	defer mu.RUnlock()
	return renderers[:len(renderers):len(renderers)]
}

// Summary is what a list of variables shows of a value beside its type.
type Summary struct {
	Shape string // its extent: "3×4"
	Value string // on one line
	Size  int64  // bytes it takes; 0 leaves finding out to the kernel
}

// RegisterSummary adds a way to sum up values in lists of variables: summarize returns nil for a value that it does not know.
// It must be quick. While busy is true, code of a cell may be using v, also changing it: then summarize must not wait for a
// lock, nor look into maps, and leaves out what it can't find out otherwise.
func RegisterSummary(summarize func(v any, busy bool) *Summary) {
	mu.Lock()
	defer mu.Unlock()
	summaries = append(summaries, summarize)
}

// Summaries is the list that RegisterSummary made, for the kernel.
func Summaries() []func(v any, busy bool) *Summary {
	mu.RLock()
	defer mu.RUnlock()
	return summaries[:len(summaries):len(summaries)]
}
