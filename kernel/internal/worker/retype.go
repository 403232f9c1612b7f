package worker

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"

	"golab/kernel/internal/worker/retype"
	"golab/kernel/live"
)

// retype lets interfaces that hold values of types which a generation replaces hold them as the new types. Goroutines of
// cells may be changing maps meanwhile, which Go makes a fatal error of: then maps are left alone.
func (w *worker) retype(g *live.Gen) {
	to := g.Retypes()
	if len(to) == 0 {
		return
	}
	defer func() {
		if r := recover(); r != nil { // the values are then what they were, which is allowed
			fmt.Fprintln(os.Stderr, "golab: not all values could be given the new type:", r)
		}
	}()
	var roots []reflect.Value
	for _, v := range live.Variables() {
		roots = append(roots, reflect.NewAt(v.Type, v.Addr).Elem())
	}
	retype.Walk(roots, to, "nb", !cellsRun())
}

// cellsRun reports whether a goroutine runs code of a cell.
func cellsRun() bool {
	n := 64
	for {
		all := make([]runtime.StackRecord, n)
		var ok bool
		if n, ok = runtime.GoroutineProfile(all); !ok {
			n += 16
			continue
		}
		for _, g := range all[:n] {
			frames := runtime.CallersFrames(g.Stack())
			for {
				f, more := frames.Next()
				if strings.HasPrefix(f.File, "/g") && strings.HasPrefix(f.Function, "nb.") {
					return true
				}
				if !more {
					break
				}
			}
		}
		return false
	}
}
