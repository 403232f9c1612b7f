package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golab/kernel/internal/cell"
)

// maxFrames is how many frames of a stack are told of.
const maxFrames = 200

// stop is where the worker stands.
type stop struct {
	thread int     // the goroutine
	all    []frame // of its stack, innermost first
	reason string
	text   string         // of a panic
	locals map[int]locals // of frames that were looked at
}

// frame is one call of a stack.
type frame struct {
	ID   int    // Delve's
	Func string // as Delve writes it, without the package's path
	File string
	Line int
	PC   string
	Gen  int // of cells' code: the generation, else 0
	Cell string
}

// inCell reports whether the frame is of code that was typed in a cell.
func (f frame) inCell() bool { return f.Gen > 0 }

// body reports whether the frame is of a cell's own statements.
func (f frame) body() bool { return f.Func == "nb."+cell.PlainCell }

// steps is what the client did last, and what has been done since to get where it wants to be.
type steps struct {
	command string
	from    frame
	depth   int
	count   int
}

// resume is the handler of a command that lets the worker run.
func resume(command string) func(*Debugger, context.Context, json.RawMessage) (any, error) {
	return func(d *Debugger, ctx context.Context, args json.RawMessage) (any, error) {
		a, err := decode[struct{ ThreadID int }](args)
		if err != nil {
			return nil, err
		}
		dl, err := d.current()
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		s := d.stop
		if s != nil {
			if a.ThreadID == 0 || command == "continue" {
				a.ThreadID = s.thread
			}
			d.steps = steps{command: command, depth: len(s.all)}
			if len(s.all) > 0 {
				d.steps.from = s.all[0]
			}
		}
		d.mu.Unlock()
		if s == nil {
			return nil, errRunning
		}
		d.resumed(s.thread)
		if _, err := dl.request(ctx, command, map[string]any{"threadId": a.ThreadID}); err != nil {
			return nil, err
		}
		return map[string]any{"allThreadsContinued": true}, nil
	}
}

var errRunning = errors.New("the cell is not stopped")

// resumed forgets the stop, and tells the client.
func (d *Debugger) resumed(thread int) {
	d.mu.Lock()
	d.stop = nil
	for id, r := range d.refs {
		if r.part == nil {
			delete(d.refs, id)
		}
	}
	d.mu.Unlock()
	d.tell("continued", map[string]any{"threadId": thread, "allThreadsContinued": true})
}

// pause stops a running cell.
func (d *Debugger) pause(ctx context.Context, args json.RawMessage) (any, error) {
	dl, err := d.current()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	stopped := d.stop != nil
	d.steps = steps{command: "pause"}
	d.mu.Unlock()
	if stopped {
		return struct{}{}, nil
	}
	_, err = dl.request(ctx, "pause", map[string]any{"threadId": 1})
	return struct{}{}, err
}

// handle takes an event of Delve.
func (d *Debugger) handle(dl *delve, e event) {
	switch e.Event {
	case "stopped":
		var body struct {
			Reason, Description, Text string
			ThreadID                  int
		}
		json.Unmarshal(e.Body, &body)
		d.stopped(dl, body.Reason, body.Text, body.ThreadID)
	case "terminated", "exited":
		if d.forget(dl) {
			d.tell("continued", map[string]any{"threadId": 1, "allThreadsContinued": true})
		}
	case "output":
		var body struct{ Output string }
		json.Unmarshal(e.Body, &body)
		d.conf.Log("delve: %s", strings.TrimSpace(body.Output))
	}
}

// answerAfter is how long Delve has for what is asked while the worker is stopped.
const answerAfter = 20 * time.Second

// stopped decides whether a stop is one that the client wants to see. If not, the worker goes on.
func (d *Debugger) stopped(dl *delve, reason, text string, thread int) {
	d.mu.Lock()
	gone := d.delve != dl
	d.mu.Unlock()
	if gone { // it stops the worker to let it go
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerAfter)
	defer cancel()
	frames, err := d.frames(ctx, dl, thread)
	if err != nil {
		d.conf.Log("the stack where the cell stopped: %v", err)
	}
	s := &stop{thread: thread, all: frames, reason: reason, text: text, locals: map[int]locals{}}
	d.mu.Lock()
	if d.delve != dl { // detached meanwhile
		d.mu.Unlock()
		return
	}
	free := d.free
	d.stop = s // for evaluating
	d.mu.Unlock()
	command := "continue"
	if !free {
		command = d.judge(ctx, dl, s)
	}
	if command == "" {
		body := map[string]any{"reason": s.reason, "threadId": s.thread, "allThreadsStopped": true}
		if s.text != "" {
			body["text"], body["description"] = s.text, s.text
		}
		d.tell("stopped", body)
		return
	}
	d.mu.Lock()
	if d.stop == s {
		d.stop = nil
	}
	d.mu.Unlock()
	if _, err := dl.request(ctx, command, map[string]any{"threadId": thread}); err != nil {
		d.conf.Log("%s: %v", command, err)
	}
}

// judge says what to do at a stop: nothing, if the client is to see it, or the command by which to go on.
func (d *Debugger) judge(ctx context.Context, dl *delve, s *stop) string {
	if len(s.all) == 0 {
		return ""
	}
	top := s.all[0]
	user := slices.IndexFunc(s.all, frame.inCell)
	d.mu.Lock()
	d.steps.count++
	st, filters := d.steps, d.filters
	d.mu.Unlock()
	switch s.reason {
	case "function breakpoint":
		if top.Func != panicFunction {
			return ""
		}
		at := slices.IndexFunc(s.all, func(f frame) bool { return !strings.HasPrefix(f.Func, "runtime.") })
		switch {
		case at < 0 || user < 0 || d.ours(s.all[at]): // how GoLab ends a cell
			return "continue"
		case at != user && !slices.Contains(filters, allPanics):
			return "continue"
		}
		s.reason, s.text = "exception", "panic: "+d.panicText(ctx, dl, top)
	case "exception":
		if !slices.Contains(filters, fatal) && s.text != "" && !strings.HasPrefix(top.Func, "nb.") {
			return "continue"
		}
	case "breakpoint":
		if p, ok := d.pending(top); ok {
			holds, err := d.condition(ctx, dl, top, p)
			if err != nil {
				s.text = "the breakpoint's condition can't be told: " + err.Error()
				return ""
			}
			if !holds {
				return "continue"
			}
		}
	case "step":
		switch {
		case top.inCell():
			same := top.Func == st.from.Func && top.File == st.from.File && top.Line == st.from.Line && len(s.all) == st.depth
			if same && st.count > 1 && st.count < 50 { // came back from code of ours, on the same line
				return st.command
			}
		case user < 0:
			return "continue" // the cell has ended
		case st.count >= 50:
		case top.Gen == 0 && strings.HasPrefix(top.Func, "nb."):
			return "next"
		case d.ours(top):
			return "stepOut"
		}
	}
	return ""
}

// ours reports whether a frame is of GoLab itself, or of generated code that nobody typed, which nobody wants to see.
func (d *Debugger) ours(f frame) bool {
	if f.inCell() {
		return false
	}
	return strings.HasPrefix(f.Func, "nb.") || strings.HasPrefix(f.File, filepath.Join(d.conf.Root, "kernel")+string(filepath.Separator)) ||
		strings.HasPrefix(f.Func, "runtime.") && strings.Contains(filepath.ToSlash(f.File), "/runtime/") || f.Func == "???"
}

// frames reads a goroutine's stack.
func (d *Debugger) frames(ctx context.Context, dl *delve, thread int) ([]frame, error) {
	b, err := dl.request(ctx, "stackTrace", map[string]any{"threadId": thread, "startFrame": 0, "levels": maxFrames})
	if err != nil {
		return nil, err
	}
	var reply struct {
		StackFrames []struct {
			ID     int
			Name   string
			Line   int
			Source struct{ Path string }
			PC     string `json:"instructionPointerReference"`
		}
	}
	if err := json.Unmarshal(b, &reply); err != nil {
		return nil, err
	}
	var list []frame
	for _, f := range reply.StackFrames {
		x := frame{ID: f.ID, Func: f.Name, File: f.Source.Path, Line: f.Line, PC: f.PC}
		if gen, name, ok := cell.SplitFileName(x.File); ok {
			x.Gen, x.Cell = gen, name
		}
		list = append(list, x)
	}
	return list, nil
}

// stackTrace tells the user's part of a stack.
func (d *Debugger) stackTrace(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct{ ThreadID, StartFrame, Levels int }](args)
	if err != nil {
		return nil, err
	}
	dl, err := d.current()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	s := d.stop
	d.mu.Unlock()
	if s == nil {
		return nil, errRunning
	}
	frames := s.all
	if a.ThreadID != s.thread && a.ThreadID > 0 {
		if frames, err = d.frames(ctx, dl, a.ThreadID); err != nil {
			return nil, err
		}
	}
	shown := slices.DeleteFunc(slices.Clone(frames), d.ours)
	if len(shown) == 0 {
		shown = frames
	}
	list := []any{}
	for _, f := range shown {
		x := map[string]any{"id": f.ID, "name": d.funcName(f), "line": f.Line, "column": 1}
		if path := d.shownPath(f); path != "" {
			x["source"] = map[string]any{"name": filepath.Base(path), "path": path}
			if f.inCell() {
				x["source"] = map[string]any{"name": f.Cell, "path": path}
			}
		}
		if !f.inCell() {
			x["presentationHint"] = "subtle"
		}
		list = append(list, x)
	}
	total := len(list)
	if a.StartFrame > 0 {
		list = list[min(a.StartFrame, total):]
	}
	if a.Levels > 0 && a.Levels < len(list) {
		list = list[:a.Levels]
	}
	return map[string]any{"stackFrames": list, "totalFrames": total}, nil
}

// shownPath is the file of a frame as the client knows it.
func (d *Debugger) shownPath(f frame) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.cellOf(f); ok {
		return d.path(c.Text)
	}
	if f.inCell() {
		return ""
	}
	d.shown[f.File] = true
	return f.File
}

// cellOf is the cell in which the code of a frame was typed. d.mu is held.
func (d *Debugger) cellOf(f frame) (Cell, bool) {
	for _, g := range d.loaded {
		if g.ID == f.Gen {
			for _, c := range g.Cells {
				if c.Name == f.Cell {
					return c, true
				}
			}
		}
	}
	return Cell{}, false
}

// funcName is what the user calls a function: "cell[3]" for a cell's statements.
func (d *Debugger) funcName(f frame) string {
	name, ours := strings.CutPrefix(f.Func, "nb.")
	if !ours {
		return f.Func
	}
	if rest, ok := strings.CutPrefix(name, cell.PlainCell); ok && (rest == "" || rest[0] == '.') {
		name = f.Cell + rest
	}
	return cell.PlainName(shapes.ReplaceAllString(name, "[...]"))
}

// shapes is what types a generic function was compiled for, of which several share one.
var shapes = regexp.MustCompile(`\[go\.shape\..*\]`)

var threadName = regexp.MustCompile(`^(\* )?\[Go (\d+)\] (\S+)`)

// threads lists the goroutines. While they run there is nothing to be told of them.
func (d *Debugger) threads(ctx context.Context, _ json.RawMessage) (any, error) {
	dl, err := d.current()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	s := d.stop
	d.mu.Unlock()
	if s == nil {
		return map[string]any{"threads": []any{map[string]any{"id": 1, "name": "running"}}}, nil
	}
	b, err := dl.request(ctx, "threads", nil)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Threads []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"threads"`
	}
	if err := json.Unmarshal(b, &reply); err != nil {
		return nil, err
	}
	list := []any{}
	for _, t := range reply.Threads {
		name := t.Name
		if m := threadName.FindStringSubmatch(name); m != nil {
			if t.ID != s.thread && (strings.HasPrefix(m[3], "worker.") || strings.HasPrefix(m[3], "runtime.") || strings.HasPrefix(m[3], "signal.")) {
				continue
			}
			name = fmt.Sprintf("goroutine %s: %s", m[2], clean(m[3]))
		}
		list = append(list, map[string]any{"id": t.ID, "name": name})
	}
	return map[string]any{"threads": list}, nil
}

// panicText is the value of the panic that begins in the frame of panicFunction.
func (d *Debugger) panicText(ctx context.Context, dl *delve, f frame) string {
	// Delve looks up what types interfaces hold in a table that it reads when it first needs it; if that is for a value in
	// registers, as here, it looks for the table there (1.27).
	dl.evaluate(ctx, f, "io.EOF", "")
	b, err := dl.request(ctx, "evaluate", map[string]any{"expression": "e", "frameId": f.ID, "context": "clipboard"})
	if err != nil {
		return "its value can't be had: " + err.Error()
	}
	var v struct{ Result string }
	json.Unmarshal(b, &v)
	return panicValue(v.Result)
}

var (
	dynamicType = regexp.MustCompile(`^interface \{\}\((.*?)\) (.*)$`)
	boundsError = regexp.MustCompile(`x: (-?\d+), .*?y: (-?\d+), .*?code: [^()\d]*\(?(\d+)`)
	quoted      = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

// panicValue makes the text that Go prints of a panic from what Delve writes of its value.
func panicValue(v string) string {
	m := dynamicType.FindStringSubmatch(v)
	if m == nil {
		return clean(v)
	}
	typ, value := m[1], m[2]
	switch {
	case strings.HasSuffix(typ, "boundsError"):
		if b := boundsError.FindStringSubmatch(value); b != nil && b[3] == "0" {
			return fmt.Sprintf("index out of range [%s] with length %s", b[1], b[2])
		}
		return "index or slice bounds out of range"
	case typ == "string", strings.HasPrefix(typ, "runtime."), typ == "*errors.errorString", typ == "*fmt.wrapError":
		if q := quoted.FindStringSubmatch(value); q != nil {
			return q[1]
		}
	}
	return clean(typ + " " + value)
}

// exceptionInfo tells of the panic at which the worker stands.
func (d *Debugger) exceptionInfo(context.Context, json.RawMessage) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop == nil || d.stop.reason != "exception" {
		return nil, errors.New("no panic is stopped at")
	}
	return map[string]any{"exceptionId": "panic", "description": d.stop.text, "breakMode": "always"}, nil
}
