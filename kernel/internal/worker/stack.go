package worker

import (
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

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

// inLibrary reports whether a waiting goroutine was put to wait by code that is neither a cell's nor the standard
// library's.
func inLibrary(stack string) bool {
	for line := range strings.Lines(stack) {
		if strings.HasPrefix(line, "\t") {
			if genFile.MatchString(line) {
				return false
			}
			continue
		}
		if strings.HasPrefix(line, "golab/kernel/internal/worker/eval.") {
			return false
		}
		first, _, sub := strings.Cut(line, "/")
		if sub && (strings.Contains(first, ".") || first == "golab") {
			return true
		}
	}
	return false
}

// inC reports whether the goroutine has called C.
func inC(stack string) bool { return strings.HasPrefix(stack, ":\nruntime.cgocall(") }
