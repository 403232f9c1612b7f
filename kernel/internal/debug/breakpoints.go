package debug

import (
	"context"
	"encoding/json"
	"fmt"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
)

// placed is a breakpoint as a client is told of it.
type placed struct {
	ID       int    `json:"id,omitempty"`
	Verified bool   `json:"verified"`
	Line     int    `json:"line"`
	Message  string `json:"message,omitempty"`
	Source   any    `json:"source,omitempty"`
}

// setBreakpoints sets those of one cell: in all that was compiled from its text, and what will be.
func (d *Debugger) setBreakpoints(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct {
		Source      struct{ Path string }
		Breakpoints []breakpoint
	}](args)
	if err != nil {
		return nil, err
	}
	path := a.Source.Path
	d.mu.Lock()
	text, known := d.texts[path]
	d.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("%s is none of this session's cells", path)
	}
	source := map[string]any{"path": path}
	lines := codeLines(d.conf.Code(text))
	points := []breakpoint{}
	answer := []placed{}
	for _, p := range a.Breakpoints {
		at := slices.IndexFunc(lines, func(n int) bool { return n >= p.Line })
		if at < 0 {
			answer = append(answer, placed{Line: p.Line, Message: "there is no code here", Source: source})
			continue
		}
		p.Line = lines[at]
		answer = append(answer, placed{Verified: true, Line: p.Line, Source: source})
		if !slices.ContainsFunc(points, func(q breakpoint) bool { return q.Line == p.Line }) {
			points = append(points, p)
		}
	}
	slices.SortFunc(points, func(a, b breakpoint) int { return a.Line - b.Line })
	d.mu.Lock()
	if len(points) > 0 {
		d.points[path] = points
	} else {
		delete(d.points, path)
	}
	var files []string
	for _, g := range d.loaded {
		for _, c := range g.Cells {
			if d.path(c.Text) == path {
				files = append(files, cell.FileName(g.ID, c.Name))
			}
		}
	}
	dl := d.delve
	d.mu.Unlock()
	if dl != nil {
		for _, file := range files {
			if _, err := d.place(ctx, dl, file, points); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{"breakpoints": answer}, nil
}

// codeLines lists the lines of a cell's Go code in which something begins that can be stopped at, as far as that shows.
func codeLines(code string) []int {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(code))
	var s scanner.Scanner
	s.Init(file, []byte(code), func(token.Position, string) {}, 0)
	var lines []int
	last := 0
	for {
		pos, tok, _ := s.Scan()
		if tok == token.EOF {
			return lines
		}
		line := file.Line(pos)
		if line == last || tok == token.SEMICOLON {
			continue
		}
		last = line
		switch tok {
		case token.RBRACE, token.RPAREN, token.RBRACK, token.IMPORT, token.TYPE, token.CONST, token.COMMA:
			if tok != token.RBRACE { // at the end of a function one may look once more
				continue
			}
		}
		lines = append(lines, line)
	}
}

// place sets breakpoints in one file of generated code. Where a line has none of the code, it is in the middle of a
// statement: that is stopped at.
func (d *Debugger) place(ctx context.Context, dl *delve, file string, points []breakpoint) ([]placed, error) {
	type source struct {
		Path string `json:"path"`
	}
	points = slices.Clone(points)
	d.mu.Lock()
	for i, p := range points {
		if p.Condition != "" {
			points[i].Condition = d.conds[condKey(file, p.Line, p.Condition)] // unknown before the first stop there
		}
	}
	d.mu.Unlock()
	for tries := 0; ; tries++ {
		b, err := dl.request(ctx, "setBreakpoints", map[string]any{"source": source{file}, "breakpoints": points})
		if err != nil {
			return nil, err
		}
		var reply struct{ Breakpoints []placed }
		if err := json.Unmarshal(b, &reply); err != nil {
			return nil, err
		}
		again := false
		for i, p := range reply.Breakpoints {
			if i < len(points) && !p.Verified && !strings.Contains(p.Message, "exists") && points[i].Line > 1 {
				points[i].Line--
				again = true
			}
		}
		if !again || tries == 30 {
			return reply.Breakpoints, nil
		}
	}
}

func condKey(file string, line int, cond string) string {
	return fmt.Sprintf("%s:%d:%s", file, line, cond)
}

// setExceptionBreakpoints chooses at which panics to stop.
func (d *Debugger) setExceptionBreakpoints(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct{ Filters []string }](args)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.filters = a.Filters
	d.mu.Unlock()
	return struct{}{}, d.except(ctx)
}

// except has Delve stop at panics as the client wants it. A panic of a cell is recovered, which Delve takes for all being
// well; so it stops at every panic, and who wants to know of it is decided then.
func (d *Debugger) except(ctx context.Context) error {
	d.mu.Lock()
	dl, filters := d.delve, d.filters
	d.mu.Unlock()
	if dl == nil {
		return nil
	}
	functions := []map[string]any{}
	if slices.Contains(filters, panics) || slices.Contains(filters, allPanics) {
		functions = append(functions, map[string]any{"name": panicFunction})
	}
	_, err := dl.request(ctx, "setFunctionBreakpoints", map[string]any{"breakpoints": functions})
	return err
}

// panicFunction is what Go's compiler makes of panic, and what the runtime calls for one of its own.
const panicFunction = "runtime.gopanic"
