package session

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// maxPanicFrames is how many frames of cells a panic shows: the innermost ones, and the outermost.
const maxPanicFrames = 8

// panicError shows a panic of the cell's own goroutine.
func (s *Session) panicError(p *pipe.Panic) *engine.Error {
	e := &engine.Error{Name: "panic", Value: flat(p.Value)}
	for _, f := range p.Frames {
		if _, name, ok := cell.SplitFileName(f.File); ok {
			e.Value += fmt.Sprintf(" (%s:%d)", name, f.Line)
			break
		}
	}
	e.Traceback, e.More = s.panicText(p)
	return e
}

// goroutinePanic shows a panic that ends no cell: of a goroutine that a cell started, of a callback.
func (s *Session) goroutinePanic(p pipe.Panic, out engine.Sink) {
	text, more := s.panicText(&p)
	out.Stream("stderr", strings.Join(text, "\n")+"\n")
	if more != nil {
		out.Display(nb.Output{Data: more})
	}
}

// panicText writes a panic and the user's part of its stack. more is the whole stack if there is more of it.
func (s *Session) panicText(p *pipe.Panic) (text []string, more nb.Bundle) {
	head := "panic: "
	if p.Goroutine {
		head = "panic in a goroutine: "
	}
	text = strings.Split(red(head)+p.Value, "\n")
	var all []string
	users, last := 0, 0
	for _, f := range p.Frames {
		if _, _, ok := cell.SplitFileName(f.File); ok {
			users++
		}
	}
	shown, seen := 0, 0
	var first *cell.Source
	var firstFrame pipe.Frame
	for i, f := range p.Frames {
		_, name, ok := cell.SplitFileName(f.File)
		if !ok {
			all = append(all, fmt.Sprintf("%s (%s:%d)", cell.PlainPaths(f.Func), f.File, f.Line))
			if i == 0 && !strings.HasPrefix(f.Func, "reflect.") {
				text = append(text, dim(fmt.Sprintf("  in %s (%s:%d)", cell.PlainPaths(f.Func), f.File, f.Line)))
				shown++
			}
			continue
		}
		all = append(all, fmt.Sprintf("%s (%s:%d)", userFunc(f.Func), name, f.Line))
		seen++
		if users > maxPanicFrames && seen > maxPanicFrames-1 && seen < users {
			continue
		}
		if users > maxPanicFrames && seen == users {
			text = append(text, dim(fmt.Sprintf("  … %s …", count(users-maxPanicFrames, "call", "calls"))))
		}
		shown++
		text = append(text, fmt.Sprintf("%s in %s", bold(fmt.Sprintf("%s:%d", name, f.Line)), userFunc(f.Func)))
		s.mu.Lock()
		src := s.source(f.File)
		s.mu.Unlock()
		if src == nil {
			continue
		}
		if first == nil {
			first, firstFrame = src, f
		}
		if last++; last == 1 {
			text = append(text, excerpt(src, f.Line, -1, 0, 0)...)
		} else {
			text = append(text, oneLine(src, f.Line))
		}
	}
	line := ""
	if first != nil {
		line = first.Line(firstFrame.Line)
	}
	if hint := s.panicHint(p.Value, line, !p.Goroutine && firstFrame.Func == "nb.ʼcell"); hint != "" {
		text = append(text, "hint: "+hint)
	}
	if n := len(p.Frames) - shown; n > 0 {
		more = folded(count(n, "more frame", "more frames"), all)
	}
	return text, more
}

var (
	outOfRange  = regexp.MustCompile(`index out of range \[(-?\d+)\](?: with length (\d+))?`)
	mapStore    = regexp.MustCompile(`([\pL_][\pL\d_.]*)\[[^\[\]=]*\]\s*(?:[-+*/|&^%]?=|\+\+|--)`)
	dereference = regexp.MustCompile(`(?:^|[^\pL\d_.)\]])([\pL_][\pL\d_]*)\.[\pL_]|\*([\pL_][\pL\d_]*)`)
	conversion  = regexp.MustCompile(`interface conversion: (.+) is (.+), not (.+)$`)
)

// panicHint says what a runtime error means for the line in which it happened. inCell is whether names in it are the
// session's.
func (s *Session) panicHint(value, line string, inCell bool) string {
	has := func(what string) bool { return strings.Contains(value, what) }
	switch {
	case has("assignment to entry in nil map"):
		if m := mapStore.FindStringSubmatch(line); m != nil {
			return fmt.Sprintf("%s is a map that was declared but not made: %s = map[K]V{} with its types, or make(…), before", m[1], m[1])
		}
		return "a map that was declared but not made is nil: it can be read, but needs make(…) or map[K]V{} before it is written to"
	case has("nil pointer dereference"):
		if x := s.nilIn(line, inCell); x != "" {
			return x + " is nil: it was declared without a value, or a call returned nil"
		}
		return "a pointer, interface or function that is used here is nil"
	case outOfRange.MatchString(value):
		m := outOfRange.FindStringSubmatch(value)
		n, err := strconv.Atoi(m[2])
		switch {
		case strings.HasPrefix(m[1], "-"):
			return "indexes count from 0; the last element of xs is xs[len(xs)-1]"
		case err != nil:
			return ""
		case n == 0:
			return "it is empty"
		}
		return fmt.Sprintf("the last index is %d", n-1)
	case has("slice bounds out of range"):
		return "in xs[low:high], 0 ≤ low ≤ high ≤ len(xs) has to hold (for slices, cap(xs))"
	case has("integer divide by zero"):
		return "look at the divisor first; of floating-point numbers, x/0 is an infinity"
	case has("send on closed channel"):
		return "only the sender should close a channel, after the last value"
	case has("close of closed channel"):
		return "a channel can be closed once; who sends should do it"
	case has("close of nil channel"):
		return "the channel was declared but not made: make(chan T)"
	case conversion.MatchString(value):
		return "v, ok := x.(T) tells whether x holds a T; switch x.(type) tells what it holds"
	case has("interface conversion:") && has("missing method"):
		return "v, ok := x.(T) tells whether x has the methods"
	case has("makeslice: len out of range"), has("makeslice: cap out of range"):
		return "the length is negative, or more than memory holds"
	case has("hash of unhashable type"):
		return "slices, maps and functions can't be keys of a map"
	case has("negative WaitGroup counter"):
		return "Done was called more often than Add said"
	}
	return ""
}

// nilIn is what is nil in a line, if that is clear: the one session variable that is, or the only one that may be.
func (s *Session) nilIn(line string, inCell bool) string {
	var names []string
	for _, m := range dereference.FindAllStringSubmatch(line, -1) {
		n := m[1] + m[2]
		s.mu.Lock()
		kind := s.state.Kind(n)
		s.mu.Unlock()
		pkg := kind == "module" || kind == "" && len(s.packages().Candidates(n)) > 0
		if !pkg && kind != "type" && kind != "function" && (len(names) == 0 || names[len(names)-1] != n) {
			names = append(names, n)
		}
	}
	if inCell {
		values := map[string]string{}
		for _, v := range s.Variables() {
			values[v.Name] = v.Value
		}
		var null []string
		for _, n := range names {
			if values[n] == "nil" {
				null = append(null, n)
			}
		}
		names = null
	}
	if len(names) == 1 {
		return names[0]
	}
	return ""
}

// oneLine is line n of a cell with its number.
func oneLine(src *cell.Source, n int) string {
	return dim(fmt.Sprintf(markedGutter, n)) + window(columns(strings.TrimRight(src.ShownLine(n), "\r")), 0)
}

// userFunc names a function as the user does.
func userFunc(fn string) string {
	fn = cell.PlainName(strings.TrimPrefix(fn, "nb."))
	if fn == "ʼcell" {
		return "the cell"
	}
	if rest, ok := strings.CutPrefix(fn, "ʼcell."); ok {
		return "a function literal (" + rest + ")"
	}
	return fn
}

// failedError shows the error that a cell's last expression returned, and what that wraps.
func failedError(d pipe.Done) *engine.Error {
	text := strings.Split(red("error: ")+d.Failed, "\n")
	return &engine.Error{Name: "error", Value: flat(d.Failed), Traceback: append(text, d.Causes...)}
}
