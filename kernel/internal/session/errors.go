package session

import (
	"errors"
	"fmt"
	"html"
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
	"golab/kernel/nb"
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
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	e := &engine.Error{Name: "compile error", Value: flat(list[0].Error())}
	var rest []string
	hints := map[string]bool{} // what follows from one mistake has the same
	for i, one := range list {
		hint := cell.Hint(one)
		text := compileErrorText(one)
		if hint != "" && !hints[hint] {
			text = append(text, "hint: "+hint)
		}
		hints[hint] = true
		if running != nil && one.Source != running.src && one.Source.Name != running.src.Name {
			text = append(text, dim("in "+one.Source.Name+", which is compiled again for "+running.src.Name))
		}
		if i < maxErrors {
			e.Traceback = append(e.Traceback, text...)
		} else {
			rest = append(rest, text...)
		}
	}
	if n := len(list) - maxErrors; n > 0 {
		e.Traceback = append(e.Traceback, fmt.Sprintf("… and %d more", n))
		e.More = folded(count(n, "more error", "more errors"), rest)
	}
	return e
}

// compileErrorText is what is wrong at one place, with the lines around it.
func compileErrorText(e *cell.Error) []string {
	line, col := e.Source.Position(e.Offset)
	start, end := e.Start, e.End
	if start >= end {
		start, end = tokenAt(e.Source, e.Offset)
	}
	out := strings.Split(fmt.Sprintf("%s %s", bold(fmt.Sprintf("%s:%d:%d:", e.Source.Name, line, col)), red(e.Msg)), "\n")
	out = append(out, excerpt(e.Source, line, e.Offset, start, end)...)
	return out
}

// flat is text on one line.
func flat(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	return strings.Join(strings.Fields(text), " ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// folded is text that clients show when it is asked for.
func folded(summary string, lines []string) nb.Bundle {
	text := ansiCodes.ReplaceAllString(strings.Join(lines, "\n"), "")
	return nb.Bundle{
		"text/html":  "<details><summary>" + html.EscapeString(summary) + "</summary><pre>" + html.EscapeString(text) + "</pre></details>",
		"text/plain": "(" + summary + ")",
	}
}

var ansiCodes = regexp.MustCompile("\x1b\\[[0-9;]*m")

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

func interruptedWhile(what string) *engine.Error {
	return &engine.Error{Name: "interrupted", Value: "while " + what + "; nothing was run",
		Traceback: []string{red("interrupted") + " while " + what + "; nothing was run"}}
}
