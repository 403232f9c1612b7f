// Package debug lets Jupyter's clients debug cells: it answers the requests of the Debug Adapter Protocol that they send,
// with Jupyter's own additions, and has Delve do the work. Clients know a cell by a hash of its text; Delve knows files and
// lines, and sees the names of generated code. This package translates.
//
// Sources: "Debug request" in Jupyter's messaging documentation; the Debug Adapter Protocol's specification; Delve's
// Documentation/api/dap.
package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// Worker is the process that is debugged.
type Worker interface {
	PID() int
	Program() string // its file
	// Allow lets process pid trace it.
	Allow(ctx context.Context, pid int) (*pipe.Traced, error)
	// Unfold asks it for variables or their parts, Preview for what a variable shows. It does not answer while it is stopped.
	Unfold(ctx context.Context, u pipe.Unfold) ([]pipe.Part, error)
	Preview(ctx context.Context, name string) (nb.Bundle, error)
}

// Config is what a debugger needs of its session.
type Config struct {
	Delve string // the program
	Dir   string // private; for files of ours
	Root  string // GoLab's source tree, whose frames nobody wants to see
	// Worker gets the worker that runs cells.
	Worker func(ctx context.Context) (Worker, error)
	// Code is the Go code in a cell's text, every line in its place.
	Code func(text string) string
	// Say tells the person at the notebook.
	Say  func(text string)
	Log  func(format string, args ...any)
	Attr *syscall.SysProcAttr // of Delve's process
}

// Cell is code that a generation holds.
type Cell struct {
	Name string // as in [cell.FileName]
	Text string // as the client has it
}

// Debugger is the one debugger of a session. It starts nothing before a client asks. It is safe for concurrent use.
type Debugger struct {
	conf   Config
	prefix string // of the files that stand for cells

	starting sync.Mutex // held while Delve is started or stopped

	mu        sync.Mutex // guards what follows
	on        bool       // a client is debugging
	delve     *delve     // of the worker; nil if there is none
	worker    Worker
	client    string // what it calls itself
	event     func(json.RawMessage)
	seq       int
	texts     map[string]string       // of cells, by path
	points    map[string][]breakpoint // by path
	filters   []string
	loaded    []Generation // those of this worker that were compiled for a debugger
	free      bool         // nothing stops before the next cell: this one was interrupted
	stop      *stop        // nil while the worker runs
	steps     steps
	conds     map[string]string // conditions as Delve needs them, by file and line and condition
	refs      map[int]ref
	next      int
	variables []pipe.Part // as they were last known
	shown     map[string]bool
}

// breakpoint is one that a client has set.
type breakpoint struct {
	Line         int    `json:"line"`
	Condition    string `json:"condition,omitempty"`
	HitCondition string `json:"hitCondition,omitempty"`
}

// Generation is code that can be debugged.
type Generation struct {
	ID       int
	Cells    []Cell         // of which it holds code
	Declares map[string]int // variables that its statements declare, by the last line of the statement
	Globals  []string       // variables that its functions use, see [cell.GlobalName]
}

// New returns a debugger that does nothing yet.
//
// Nothing is ever written to the folder that stands for the cells. JupyterLab (4.6, debugger-extension) shows "Cell [3]" in place
// of a path that has "ipykernel_" in it.
func New(conf Config) *Debugger {
	return &Debugger{conf: conf, prefix: filepath.Join(os.TempDir(), fmt.Sprintf("golab_ipykernel_%d", os.Getpid())) + string(filepath.Separator),
		texts: map[string]string{}, points: map[string][]breakpoint{}, filters: []string{panics}, refs: map[int]ref{}, conds: map[string]string{}, shown: map[string]bool{},
		event: func(json.RawMessage) {}}
}

const suffix = ".go"

// path is the file that stands for a cell of that text.
func (d *Debugger) path(text string) string {
	return fmt.Sprintf("%s%d%s", d.prefix, murmur2([]byte(text), hashSeed), suffix)
}

// On reports whether a client is debugging: cells are then compiled for it.
func (d *Debugger) On() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.on
}

// request is one of the protocol.
type request struct {
	Seq       int             `json:"seq"`
	Command   string          `json:"command"`
	Arguments json.RawMessage `json:"arguments"`
}

// handlers answer requests with a body.
var handlers map[string]func(d *Debugger, ctx context.Context, args json.RawMessage) (any, error)

func init() {
	nothing := func(*Debugger, context.Context, json.RawMessage) (any, error) { return struct{}{}, nil }
	handlers = map[string]func(d *Debugger, ctx context.Context, args json.RawMessage) (any, error){
		"debugInfo":               (*Debugger).debugInfo,
		"initialize":              (*Debugger).initialize,
		"attach":                  (*Debugger).attach,
		"launch":                  (*Debugger).attach,
		"dumpCell":                (*Debugger).dumpCell,
		"setBreakpoints":          (*Debugger).setBreakpoints,
		"setExceptionBreakpoints": (*Debugger).setExceptionBreakpoints,
		"configurationDone":       nothing,
		"disconnect":              (*Debugger).disconnect,
		"terminate":               (*Debugger).disconnect,
		"threads":                 (*Debugger).threads,
		"stackTrace":              (*Debugger).stackTrace,
		"scopes":                  (*Debugger).scopes,
		"variables":               (*Debugger).listVariables,
		"evaluate":                (*Debugger).evaluate,
		"source":                  (*Debugger).source,
		"exceptionInfo":           (*Debugger).exceptionInfo,
		"continue":                resume("continue"),
		"next":                    resume("next"),
		"stepIn":                  resume("stepIn"),
		"stepOut":                 resume("stepOut"),
		"pause":                   (*Debugger).pause,
		"inspectVariables":        (*Debugger).inspectVariables,
		"richInspectVariables":    (*Debugger).richInspectVariables,
		"modules": func(*Debugger, context.Context, json.RawMessage) (any, error) {
			return map[string]any{"modules": []any{}, "totalModules": 0}, nil
		},
	}
}

// failure is the body of an answer that failed, so that clients which read it find what they look for.
var failure = map[string]any{
	"inspectVariables": map[string]any{"variables": []any{}}, "variables": map[string]any{"variables": []any{}},
	"stackTrace": map[string]any{"stackFrames": []any{}, "totalFrames": 0}, "scopes": map[string]any{"scopes": []any{}},
	"threads": map[string]any{"threads": []any{}}, "setBreakpoints": map[string]any{"breakpoints": []any{}},
	"richInspectVariables": map[string]any{"data": map[string]any{}, "metadata": map[string]any{}},
}

// Handle answers one request of the Debug Adapter Protocol. Events go to event from then on.
func (d *Debugger) Handle(ctx context.Context, raw json.RawMessage, event func(json.RawMessage)) json.RawMessage {
	var r request
	err := json.Unmarshal(raw, &r)
	d.mu.Lock()
	d.event = event
	d.mu.Unlock()
	var body any
	if err == nil {
		if h := handlers[r.Command]; h != nil {
			body, err = h(d, ctx, r.Arguments)
		} else {
			err = fmt.Errorf("GoLab's debugger has no %q", r.Command)
		}
	}
	answer := map[string]any{"type": "response", "seq": d.number(), "request_seq": r.Seq, "command": r.Command, "success": err == nil}
	if err != nil {
		answer["message"] = err.Error()
		if body = failure[r.Command]; body == nil {
			body = map[string]any{"error": map[string]any{"id": 1, "format": err.Error(), "showUser": true}}
		}
	}
	answer["body"] = body
	b, err := json.Marshal(answer)
	if err != nil { // a body is made of texts and numbers
		panic(err)
	}
	return b
}

func (d *Debugger) number() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seq++
	return d.seq
}

// tell sends an event to the client.
func (d *Debugger) tell(name string, body any) {
	b, err := json.Marshal(map[string]any{"type": "event", "seq": d.number(), "event": name, "body": body})
	if err != nil {
		panic(err)
	}
	d.mu.Lock()
	event := d.event
	d.mu.Unlock()
	event(b)
}

func decode[T any](args json.RawMessage) (v T, err error) {
	if len(args) > 0 {
		if err = json.Unmarshal(args, &v); err != nil {
			err = fmt.Errorf("the arguments are not as the protocol has them: %w", err)
		}
	}
	return v, err
}

func (d *Debugger) debugInfo(context.Context, json.RawMessage) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	type points struct {
		Source      string       `json:"source"`
		Breakpoints []breakpoint `json:"breakpoints"`
	}
	list, stopped := []points{}, []int{}
	for _, path := range slices.Sorted(maps.Keys(d.points)) {
		list = append(list, points{path, d.points[path]})
	}
	if d.stop != nil {
		stopped = append(stopped, d.stop.thread)
	}
	return map[string]any{
		"isStarted": d.on, "hashMethod": "Murmur2", "hashSeed": hashSeed, "tmpFilePrefix": d.prefix, "tmpFileSuffix": suffix,
		"breakpoints": list, "stoppedThreads": stopped, "richRendering": true, "exceptionPaths": []string{}, "copyToGlobals": false,
	}, nil
}

// Filters of exceptions that clients may choose.
const (
	panics    = "panic"
	allPanics = "all-panics"
	fatal     = "fatal"
)

// initialize starts Delve and has it trace the worker: clients take a failure here, and not of attach, for what it is.
func (d *Debugger) initialize(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct{ ClientID string }](args)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.client = a.ClientID
	d.mu.Unlock()
	if err := d.start(ctx); err != nil {
		d.conf.Say("the debugger can't be used: " + err.Error() + "\nCells run as before.")
		return nil, err
	}
	return map[string]any{
		"supportsConfigurationDoneRequest": true, "supportsConditionalBreakpoints": true, "supportsHitConditionalBreakpoints": true,
		"supportsEvaluateForHovers": true, "supportsExceptionInfoRequest": true,
		"supportsTerminateRequest": true, "supportsClipboardContext": true,
		"exceptionBreakpointFilters": []map[string]any{
			{"filter": panics, "label": "Panics in cells", "default": true},
			{"filter": allPanics, "label": "All panics, also in packages", "default": false},
			{"filter": fatal, "label": "Fatal errors of Go", "default": false},
		},
	}, nil
}

func (d *Debugger) attach(context.Context, json.RawMessage) (any, error) {
	if !d.On() {
		return nil, errors.New("initialize comes before attach")
	}
	d.tell("initialized", struct{}{})
	return struct{}{}, nil
}

// start turns debugging on.
func (d *Debugger) start(ctx context.Context) error {
	w, err := d.conf.Worker(ctx)
	if err == nil {
		err = d.Attach(ctx, w)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = err == nil
	return err
}

// Attach has Delve trace the worker, unless it does.
func (d *Debugger) Attach(ctx context.Context, w Worker) error {
	d.starting.Lock()
	defer d.starting.Unlock()
	d.mu.Lock()
	attached := d.delve != nil && d.worker != nil && d.worker.PID() == w.PID()
	old := d.delve
	d.mu.Unlock()
	if attached {
		return nil
	}
	if old != nil {
		d.forget(old)
		old.kill()
	}
	dir := filepath.Join(d.conf.Dir, "debug")
	var dl *delve
	dl, err := startDelve(ctx, d.conf.Delve, dir, d.conf.Attr, d.conf.Log, func(e event) { d.handle(dl, e) })
	if err != nil {
		return err
	}
	t, err := w.Allow(ctx, dl.pid())
	if err == nil && t.AllGs == 0 {
		err = errNoBase
	}
	if err == nil {
		err = writeSymbols(dir, w.Program(), t)
	}
	if err == nil {
		err = dl.attach(ctx, w.PID(), t)
	}
	if err != nil {
		dl.kill()
		return err
	}
	d.mu.Lock()
	d.delve, d.worker, d.loaded, d.stop, d.free = dl, w, nil, nil, false
	d.mu.Unlock()
	go func() {
		<-dl.gone
		if d.forget(dl) {
			d.tell("terminated", struct{}{})
			d.conf.Log("Delve has ended")
		}
	}()
	return d.except(ctx)
}

var errNoBase = errors.New("cells can be debugged where they share one base of packages, which is on Linux, without GOLAB_LINKER=stock")

// attach lets Delve trace process pid, and lets that go on.
func (dl *delve) attach(ctx context.Context, pid int, t *pipe.Traced) error {
	_, err := dl.request(ctx, "initialize", map[string]any{"adapterID": "go", "linesStartAt1": true, "columnsStartAt1": true,
		"pathFormat": "path", "supportsVariableType": true})
	if err != nil {
		return err
	}
	_, err = dl.request(ctx, "attach", map[string]any{"mode": "local", "processId": pid, "stopOnEntry": false, "hideSystemGoroutines": true, "stackTraceDepth": maxFrames})
	if err != nil {
		return refused(err, t)
	}
	_, err = dl.request(ctx, "configurationDone", nil)
	return err
}

// refused says what to do when the worker can't be traced.
func refused(err error, t *pipe.Traced) error {
	what := strings.TrimPrefix(err.Error(), "Failed to attach: ")
	what, _, _ = strings.Cut(what, " - this could be caused")
	if !strings.Contains(what, "not permitted") {
		return fmt.Errorf("the debugger (Delve) can't trace the cells' process: %s", what)
	}
	hint := "in a container, start it with --cap-add=SYS_PTRACE (and a seccomp profile that allows ptrace); another debugger may be tracing the process"
	if scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(scope)) != "0" {
		hint = "this system's ptrace_scope is " + strings.TrimSpace(string(scope)) + ": `sudo sysctl kernel.yama.ptrace_scope=0` allows it; " + hint
	}
	if t.Err != "" {
		what += "; " + t.Err
	}
	return fmt.Errorf("this system does not permit tracing the cells' process: %s\nhint: %s", what, hint)
}

// forget drops a Delve that is no longer used, and reports whether it was the one.
func (d *Debugger) forget(dl *delve) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.delve != dl {
		return false
	}
	d.delve, d.worker, d.loaded, d.stop = nil, nil, nil, nil
	return true
}

// current is the Delve that traces the worker.
func (d *Debugger) current() (*delve, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.delve != nil:
		return d.delve, nil
	case d.on:
		return nil, errors.New("the cells' process has ended; the debugger comes back with the next cell")
	}
	return nil, errors.New("the debugger is not on")
}

// detachAfter is how long Delve has to let the worker go.
const detachAfter = 5 * time.Second

// disconnect ends debugging. The worker and its values live on, whatever the client asks for.
func (d *Debugger) disconnect(ctx context.Context, _ json.RawMessage) (any, error) {
	d.mu.Lock()
	d.on = false
	d.points = map[string][]breakpoint{}
	d.filters = []string{panics}
	d.mu.Unlock()
	d.Detach(ctx)
	return struct{}{}, nil
}

// Detach lets the worker go, which runs on.
func (d *Debugger) Detach(ctx context.Context) {
	d.starting.Lock()
	defer d.starting.Unlock()
	d.mu.Lock()
	dl, stopped := d.delve, d.stop != nil
	d.mu.Unlock()
	if dl == nil {
		return
	}
	d.forget(dl)
	ctx, cancel := context.WithTimeout(ctx, detachAfter)
	defer cancel()
	if _, err := dl.request(ctx, "disconnect", map[string]any{"terminateDebuggee": false}); err != nil {
		d.conf.Log("Delve does not detach: %v", err)
	}
	dl.kill()
	if stopped {
		d.tell("continued", map[string]any{"threadId": 1, "allThreadsContinued": true})
	}
}

// Close ends debugging at once.
func (d *Debugger) Close() {
	d.mu.Lock()
	d.on = false
	dl := d.delve
	d.mu.Unlock()
	if dl != nil {
		d.Detach(context.Background())
	}
}

func (d *Debugger) dumpCell(_ context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct{ Code string }](args)
	if err != nil {
		return nil, err
	}
	path := d.path(a.Code)
	d.mu.Lock()
	d.texts[path] = a.Code
	d.mu.Unlock()
	return map[string]any{"sourcePath": path}, nil
}

func (d *Debugger) source(_ context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct{ Source struct{ Path string } }](args)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	text, ok := d.texts[a.Source.Path]
	shown := d.shown[a.Source.Path]
	d.mu.Unlock()
	if !ok && shown {
		b, err := os.ReadFile(a.Source.Path)
		text, ok = string(b), err == nil
	}
	if !ok {
		return nil, fmt.Errorf("the source of %s is not known", a.Source.Path)
	}
	return map[string]any{"content": text, "mimeType": "text/x-go"}, nil
}

// Loaded sets, in a generation that is about to run, the breakpoints of its cells. vars is the session's variables as they are
// before.
func (d *Debugger) Loaded(ctx context.Context, g Generation, vars []pipe.Part) {
	d.mu.Lock()
	d.free = false
	d.variables = vars
	dl := d.delve
	if dl != nil {
		d.loaded = append(d.loaded, g)
	}
	for _, c := range g.Cells {
		d.texts[d.path(c.Text)] = c.Text
	}
	d.mu.Unlock()
	if dl == nil {
		return
	}
	for _, c := range g.Cells {
		d.mu.Lock()
		points := slices.Clone(d.points[d.path(c.Text)])
		d.mu.Unlock()
		if len(points) == 0 {
			continue
		}
		if _, err := d.place(ctx, dl, cell.FileName(g.ID, c.Name), points); err != nil {
			d.conf.Log("breakpoints of %s: %v", c.Name, err)
		}
	}
}

// Release lets a worker that is stopped go on, and not stop again in this cell: it is interrupted. Stopped reports whether it was.
func (d *Debugger) Release() (stopped bool) {
	d.mu.Lock()
	dl, s := d.delve, d.stop
	d.free = d.on
	d.mu.Unlock()
	if dl == nil || s == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), detachAfter)
	defer cancel()
	d.resumed(s.thread)
	if _, err := dl.request(ctx, "continue", map[string]any{"threadId": s.thread}); err != nil {
		d.conf.Log("continue: %v", err)
	}
	return true
}
