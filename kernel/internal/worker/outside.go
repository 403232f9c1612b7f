package worker

import (
	"time"

	"golab/kernel/internal/pipe"
	"golab/kernel/live"
	"golab/kernel/nb"
)

// Comm is part of nb.Host.
func (w *worker) Comm(m nb.CommMessage) { w.send(pipe.Event{Comm: &m}) }

// Render is part of nb.Host.
func (w *worker) Render(v any) nb.Bundle { return render(v) }

// Go is part of nb.Host.
func (w *worker) Go(f func()) {
	go func() {
		t := live.Outside()
		w.mu.Lock()
		w.outside[t] = true
		w.mu.Unlock()
		defer func() {
			if r := recover(); r != nil && !t.Exiting() {
				w.guard(r)
			}
			w.mu.Lock()
			delete(w.outside, t)
			w.mu.Unlock()
			t.End()
		}()
		f()
	}()
}

// outsidePatience is how long what runs outside cells has to end when it is interrupted, before it is left waiting.
const outsidePatience = time.Second

// stopOutside stops what runs outside cells, with what it started.
func (w *worker) stopOutside() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range w.outside {
		t.Stop()
		time.AfterFunc(outsidePatience, func() {
			if state, stack := inspect(t.Goroutine()); state != "" && state != "running" && state != "runnable" {
				t.Abandon(generations(stack))
			}
		})
	}
}

// Capture is part of nb.Host.
func (w *worker) Capture(comm string, f func()) {
	begun := w.send(pipe.Event{Capture: &pipe.Capture{Comm: comm, Begin: true}})
	defer func() {
		if r := recover(); r != nil {
			w.send(pipe.Event{Panic: describe(r, nil)})
		}
		w.send(pipe.Event{Capture: &pipe.Capture{Comm: comm, End: begun}})
	}()
	f()
}

// ClearCaptured is part of nb.Host.
func (w *worker) ClearCaptured(comm string, wait bool) {
	w.send(pipe.Event{Capture: &pipe.Capture{Comm: comm, Clear: &pipe.Clear{Wait: wait}}})
}
