package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golab/kernel/home"
	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
)

func red(s string) string  { return "\x1b[31m" + s + "\x1b[0m" }
func bold(s string) string { return "\x1b[1m" + s + "\x1b[0m" }
func dim(s string) string  { return "\x1b[2m" + s + "\x1b[0m" }

// maxErrors is how many errors of one cell are shown.
const maxErrors = 10

// compileError shows why a cell could not be compiled.
func (s *Session) compileError(err error) *engine.Error {
	var list cell.Errors
	var tool *build.ToolError
	switch {
	case errors.As(err, &list):
	case errors.As(err, &tool):
		if list = s.toolErrors(tool); len(list) == 0 {
			return s.failed(err)
		}
	default:
		return s.failed(err)
	}
	e := &engine.Error{Name: "compile error", Value: list[0].Error()}
	for i, one := range list {
		if i == maxErrors {
			e.Traceback = append(e.Traceback, fmt.Sprintf("… and %d more", len(list)-i))
			break
		}
		line, col := one.Source.Position(one.Offset)
		e.Traceback = append(e.Traceback, fmt.Sprintf("%s %s", bold(fmt.Sprintf("%s:%d:%d:", one.Source.Name, line, col)), red(one.Msg)))
		e.Traceback = append(e.Traceback, excerpt(one.Source, line, col)...)
		if one.Hint != "" {
			e.Traceback = append(e.Traceback, "hint: "+one.Hint)
		}
	}
	return e
}

// excerpt is a line of a cell with its number, and a caret under column col if that is not 0.
func excerpt(src *cell.Source, line, col int) []string {
	text := src.Line(line)
	num := fmt.Sprintf("%5d", line)
	out := []string{dim(num+" | ") + text}
	if col > 0 {
		pad := []byte(text[:min(col-1, len(text))])
		for i, c := range pad {
			if c != '\t' {
				pad[i] = ' '
			}
		}
		out = append(out, dim("      | ")+string(pad)+red("^"))
	}
	return out
}

var toolLine = regexp.MustCompile(`(?m)^(/g\d+/[^:\n]+):(\d+)(?::(\d+))?: (.*)$`)

// toolErrors finds places in cells in the output of the compiler, which should not find errors that go/types did not.
func (s *Session) toolErrors(e *build.ToolError) cell.Errors {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list cell.Errors
	for _, m := range toolLine.FindAllStringSubmatch(e.Output, -1) {
		src := s.source(m[1])
		if src == nil {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		off := 0
		for i, l := range strings.SplitAfter(src.Text, "\n") {
			if i == n-1 {
				break
			}
			off += len(l)
		}
		list = append(list, &cell.Error{Source: src, Offset: off, Msg: m[4]})
	}
	return list
}

// source finds the cell behind a file name of generated code: declarations repeated by a later generation stand in the
// cell where they were typed.
func (s *Session) source(file string) *cell.Source {
	if src := s.sources[file]; src != nil {
		return src
	}
	gen, name, ok := cell.SplitFileName(file)
	if !ok {
		return nil
	}
	var best *cell.Source
	for _, src := range s.sources {
		if src.Name == name && src.Gen <= gen && (best == nil || src.Gen > best.Gen) {
			best = src
		}
	}
	return best
}

// failed says that a cell could not be run, for a reason that is not in it, and what to do.
func (s *Session) failed(err error) *engine.Error {
	what, hint := err.Error(), ""
	var tool *build.ToolError
	if errors.As(err, &tool) {
		what = "the " + strings.TrimPrefix(tool.Tool, "golab-") + " tool failed: " + tool.Err.Error()
		if tool.Output != "" {
			what += "\n" + tool.Output
		}
	}
	var exit *exec.ExitError
	switch killed := errors.As(err, &exit) && !exit.Exited(); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), strings.Contains(what, syscall.ENOSPC.Error()), strings.Contains(what, syscall.EDQUOT.Error()):
		hint = "free some space and run the cell again; cells are compiled in " + s.dir + " (TMPDIR says where), from the packages in " + home.Cache()
	case killed, strings.Contains(what, "terminated with signal"):
		hint = "run the cell again; was it killed because memory ran out?"
	case tool != nil && errors.Is(err, fs.ErrNotExist):
		hint = "files of " + home.Cache() + " were removed; restart the kernel, which makes them again"
	}
	e := &engine.Error{Name: "GoLab error", Value: what + "; the cell was not run"}
	e.Traceback = append(strings.Split(red("GoLab error: ")+what, "\n"), "the cell was not run; values are as they were")
	if hint != "" {
		e.Traceback = append(e.Traceback, "hint: "+hint)
	}
	return e
}

func internal(err error) *engine.Error {
	return &engine.Error{Name: "GoLab error", Value: err.Error(), Traceback: strings.Split(red("GoLab error: ")+err.Error(), "\n")}
}

// panicError shows a panic of the cell's own goroutine.
func (s *Session) panicError(p *pipe.Panic) *engine.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &engine.Error{Name: "panic", Value: p.Value}
	for _, f := range p.Frames {
		if _, name, ok := cell.SplitFileName(f.File); ok {
			e.Value += fmt.Sprintf(" (%s:%d)", name, f.Line)
			break
		}
	}
	e.Traceback = panicText(p, s.source)
	return e
}

// panicText writes a panic and the user's part of its stack; source finds cells' texts and may be nil.
func panicText(p *pipe.Panic, source func(file string) *cell.Source) []string {
	head := "panic: "
	if p.Goroutine {
		head = "panic in a goroutine: "
	}
	out := []string{red(head) + p.Value}
	others, before := 0, true
	for _, f := range p.Frames {
		_, name, ok := cell.SplitFileName(f.File)
		if !ok {
			if before && others < 3 && !strings.HasPrefix(f.Func, "runtime.") {
				out = append(out, dim(fmt.Sprintf("  in %s (%s:%d)", cell.PlainPaths(f.Func), f.File, f.Line)))
			}
			others++
			continue
		}
		before = false
		out = append(out, fmt.Sprintf("%s in %s", bold(fmt.Sprintf("%s:%d", name, f.Line)), userFunc(f.Func)))
		if source != nil {
			if src := source(f.File); src != nil {
				out = append(out, excerpt(src, f.Line, 0)...)
			}
		}
	}
	return out
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

func interruptedWhile(what string) *engine.Error {
	return &engine.Error{Name: "interrupted", Value: "while " + what + "; nothing was run",
		Traceback: []string{red("interrupted") + " while " + what + "; nothing was run"}}
}
