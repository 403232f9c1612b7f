package worker

import (
	"encoding/json"
	"maps"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golab/kernel/internal/pipe"
	"golab/kernel/internal/worker/variables"
	"golab/kernel/live"
	"golab/kernel/nb"
)

// lookTime is how long the values of variables are looked at. The front waits a little longer.
const lookTime = 700 * time.Millisecond

// maxCopied is how large a variable itself may be, without what it points to, to be copied for showing it.
const maxCopied = 64 << 20

// query answers a question about the values. Cells may be running.
func (w *worker) query(q pipe.Query) {
	a := pipe.Answer{ID: q.ID}
	switch {
	case q.Variables:
		a.Variables = w.variables()
	case q.Preview != "":
		a.Preview = w.preview(q.Preview)
	case q.Memory:
		a.Memory = memory()
	case q.Process:
		a.Process = here()
	case q.Trace != 0:
		a.Traced = trace(q.Trace)
	case q.Unfold != nil:
		a.Unfolded = w.unfold(*q.Unfold)
	}
	w.send(pipe.Event{Answer: &a})
}

// busy reports whether code of cells may be using the values.
func (w *worker) busy() bool {
	w.mu.Lock()
	running := w.current != nil
	w.mu.Unlock()
	return running || cellsRun()
}

// variables describes all variables, as far as there is time: what a library's value says of itself may wait for a lock.
func (w *worker) variables() []pipe.Variable {
	vars := live.Variables()
	var mu sync.Mutex
	var list []pipe.Variable
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := vars[name]
		list = append(list, pipe.Variable{Name: name, Type: variables.TypeName(v.Type), Key: v.Key, Size: -1})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		busy := w.busy()
		for i := range list {
			v := vars[list[i].Name]
			info := variables.Look(reflect.NewAt(v.Type, v.Addr).Elem(), busy)
			mu.Lock()
			x := &list[i]
			x.Value, x.Shape, x.Size, x.HasChildren = info.Value, info.Shape, info.Size, info.HasChildren
			mu.Unlock()
		}
	}()
	select {
	case <-done:
	case <-time.After(lookTime):
	}
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(list)
}

// preview is how a variable shows itself as the last expression of a cell; nil if it is not there, or while a cell runs:
// methods of cells' types must not be called then.
func (w *worker) preview(name string) (b nb.Bundle) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			b = nil
		}
	}()
	w.mu.Lock()
	running := w.current != nil
	w.mu.Unlock()
	v := live.Lookup(name)
	if v.Addr == nil || running || v.Type.Size() > maxCopied {
		return nil
	}
	b = wire(render(reflect.NewAt(v.Type, v.Addr).Elem().Interface()))
	if _, err := json.Marshal(b); err != nil {
		text, _ := b["text/plain"].(string)
		return nb.Bundle{"text/plain": text}
	}
	return b
}

// memory is what the process takes now.
func memory() *pipe.Memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &pipe.Memory{
		HeapLive: m.HeapAlloc, Objects: m.Mallocs - m.Frees, HeapTotal: m.HeapSys - m.HeapReleased, System: m.Sys - m.HeapReleased,
		Collected: m.NumGC, Goroutines: runtime.NumGoroutine(),
	}
}
