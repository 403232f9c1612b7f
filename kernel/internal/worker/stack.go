package worker

import (
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// goroutineID is the number of the calling goroutine, as stack traces print it.
func goroutineID() int64 {
	buf := make([]byte, 64)
	buf = buf[:runtime.Stack(buf, false)]
	var id int64
	fmt.Sscanf(string(buf), "goroutine %d ", &id)
	return id
}

// inspect returns what a goroutine is doing ("running", "chan receive", …) and its stack; state is "" if it has ended.
func inspect(id int64) (state, stack string) {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 1<<26 {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	head := fmt.Sprintf("goroutine %d [", id)
	for _, g := range strings.Split(string(buf), "\n\n") {
		rest, ok := strings.CutPrefix(g, head)
		if !ok {
			continue
		}
		state, stack, _ = strings.Cut(rest, "]")
		state, _, _ = strings.Cut(state, ",") // "chan receive, 2 minutes"
		return state, stack
	}
	return "", ""
}

var genFile = regexp.MustCompile(`\t/g(\d+)/`)

// generations lists those whose code is on a stack.
func generations(stack string) []int {
	var ids []int
	for _, m := range genFile.FindAllStringSubmatch(stack, -1) {
		if id, err := strconv.Atoi(m[1]); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// inLibrary reports whether a waiting goroutine was put to wait by code that is neither a cell's nor one of the standard
// library's own ways to wait.
func inLibrary(stack string) bool {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		fn := lines[i]
		switch {
		case strings.HasPrefix(strings.TrimSpace(lines[i+1]), "/g"), strings.HasPrefix(fn, "golab/kernel/internal/worker/eval."):
			return false
		case strings.HasPrefix(fn, "reflect.Value."): // called by the latter
		case strings.HasPrefix(fn, "runtime."), strings.HasPrefix(fn, "sync."), strings.HasPrefix(fn, "time."),
			strings.HasPrefix(fn, "internal/"), strings.HasPrefix(fn, "os."), strings.HasPrefix(fn, "io."), strings.HasPrefix(fn, "bufio."),
			strings.HasPrefix(fn, "net."), strings.HasPrefix(fn, "fmt."), strings.HasPrefix(fn, "syscall."):
		default:
			return true
		}
	}
	return false
}
