package live

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Bits of a generation's word.
const (
	stopping uint32 = 1 << iota // some goroutine has to stop that may run this code
	outdated                    // a function has a later definition
)

const (
	// window is how long after an interrupt the goroutines that the cell started are stopped at least; at most, until the cell
	// ends. What waits longer is left alone: a later cell may need it.
	window = time.Second
	// cleanup is how long deferred calls of interrupted code may take.
	cleanup = 2 * time.Second
)

// Task is one run of a cell: the goroutine of its statements and, while an interrupt lasts, those that it started.
//
// Goroutines are told apart by the profiler labels that Begin sets. A new goroutine inherits them, those that libraries
// start too.
type Task struct {
	gen       int
	label     unsafe.Pointer
	goroutine int64
	stopped   time.Time
	exited    atomic.Int64 // when its own goroutine was told to end
	abandoned atomic.Bool
	ended     atomic.Bool
	gens      []int // that an abandoned goroutine may go on in
}

// stopped is the tasks of which goroutines are to be stopped, nil if there are none. Slices in it don't change.
var stopped atomic.Pointer[[]*Task]

// labels has the label of every task there was.
var labels sync.Map

//go:linkname label runtime/pprof.runtime_getProfLabel
func label() unsafe.Pointer

// Begin makes the calling goroutine that of a cell's statements. TakeSet ends the cell.
func Begin(gen int) *Task {
	mu.Lock()
	begin(gen)
	mu.Unlock()
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("golab cell", strconv.Itoa(gen))))
	t := &Task{gen: gen, label: label(), goroutine: goroutineID()}
	labels.Store(t.label, nil)
	return t
}

// Outside makes the calling goroutine one that runs outside cells. It and what it starts can be stopped like a cell.
func Outside() *Task {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("golab", "outside")))
	t := &Task{label: label(), goroutine: goroutineID()}
	labels.Store(t.label, nil)
	return t
}

// Goroutine is the number of the task's own goroutine.
func (t *Task) Goroutine() int64 { return t.goroutine }

// Exiting reports whether the task's own goroutine was told to end by a check.
func (t *Task) Exiting() bool { return t.exited.Load() != 0 }

// Stop makes the task's goroutines end at their next check.
func (t *Task) Stop() {
	mu.Lock()
	defer mu.Unlock()
	t.stopped = time.Now()
	list := []*Task{t}
	if old := stopped.Load(); old != nil {
		list = append(list, *old...)
	}
	stopped.Store(&list)
	mark()
	time.AfterFunc(window, func() {
		mu.Lock()
		defer mu.Unlock()
		settle()
	})
}

// Abandon says that the task's own goroutine, which was told to stop, is left waiting, with code of these generations on
// its stack. It stops when it wakes.
func (t *Task) Abandon(gens []int) {
	mu.Lock()
	defer mu.Unlock()
	t.gens = append(slices.Clone(gens), t.gen)
	t.abandoned.Store(true)
	settle()
}

// End says that the task's own goroutine has ended.
func (t *Task) End() {
	mu.Lock()
	defer mu.Unlock()
	t.ended.Store(true)
	if t.gen == 0 { // there may be very many
		labels.Delete(t.label)
	}
	settle()
}

// lasts reports whether the interrupt still holds for all goroutines of the task.
func (t *Task) lasts() bool {
	return time.Since(t.stopped) < window || !t.abandoned.Load() && !t.ended.Load()
}

// settle forgets tasks that have nothing to stop any more.
func settle() {
	old := stopped.Load()
	if old == nil {
		return
	}
	var list []*Task
	for _, t := range *old {
		if !t.ended.Load() || t.lasts() {
			list = append(list, t)
		}
	}
	if list == nil {
		stopped.Store(nil)
	} else {
		stopped.Store(&list)
	}
	mark()
}

// mark sets the words of the generations in which there may be something to stop.
func mark() {
	all := false
	some := map[int]bool{}
	if list := stopped.Load(); list != nil {
		for _, t := range *list {
			all = all || t.lasts()
			for _, id := range t.gens {
				some[id] = true
			}
		}
	}
	for id, g := range gens {
		if all || some[id] {
			atomic.OrUint32(g.Word, stopping)
		} else {
			atomic.AndUint32(g.Word, ^stopping)
		}
	}
}

// Poll is what a check calls when its generation's word is not 0. It ends the calling goroutine if that has to stop, as
// runtime.Goexit does: deferred calls run, and recover does not see it.
func Poll() {
	list := stopped.Load()
	if list == nil {
		return
	}
	here := label()
	for _, t := range *list {
		if here == t.label && t.lasts() || t.own(here) {
			t.exit()
		}
	}
}

// Woke is called after what may have waited: an abandoned goroutine does nothing more.
func Woke() {
	list := stopped.Load()
	if list == nil {
		return
	}
	here := label()
	for _, t := range *list {
		if t.abandoned.Load() && t.own(here) {
			t.exit()
		}
	}
}

// own reports whether the caller, whose label is here, is the task's own goroutine. A program that sets labels itself hides
// the task's.
func (t *Task) own(here unsafe.Pointer) bool {
	if here != t.label {
		if _, other := labels.Load(here); other {
			return false
		}
	}
	return goroutineID() == t.goroutine
}

// exit ends the calling goroutine, unless it is ending and has time left to clean up.
func (t *Task) exit() {
	since := t.stopped.UnixNano()
	if goroutineID() == t.goroutine && !t.exited.CompareAndSwap(0, time.Now().UnixNano()) {
		since = t.exited.Load()
	}
	if time.Now().UnixNano()-since < int64(cleanup) && unwinding() {
		return
	}
	runtime.Goexit()
}

// unwinding reports whether the caller is a deferred call of a goroutine that ends. It does not look far, for a stack may
// have millions of frames; what calls so deep is no clean-up.
func unwinding() bool {
	n := 0
	for f := range callers {
		if f == "runtime.Goexit" {
			return true
		}
		if n++; n == 1000 {
			break
		}
	}
	return false
}

// callers yields the names of the functions on the stack, the innermost first.
func callers(yield func(function string) bool) {
	skip := 0
	for pcs := make([]uintptr, 64); ; pcs = make([]uintptr, 2*len(pcs)) {
		n := runtime.Callers(skip, pcs)
		if n == 0 {
			return
		}
		skip += n
		frames := runtime.CallersFrames(pcs[:n])
		for {
			f, more := frames.Next()
			if !yield(f.Function) {
				return
			}
			if !more {
				break
			}
		}
	}
}

// goroutineID is the number of the calling goroutine, as stack traces print it.
func goroutineID() int64 {
	buf := make([]byte, 64)
	buf = buf[:runtime.Stack(buf, false)]
	var id int64
	fmt.Sscanf(string(buf), "goroutine %d ", &id)
	return id
}
