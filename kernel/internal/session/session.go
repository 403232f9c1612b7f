// Package session is one notebook session: it takes cells, has them checked and compiled, runs them in a worker process
// and keeps track of what they declared. It is the engine behind the Jupyter protocol and the headless runner.
package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golab/kernel/home"
	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/debug"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// killAfter is how long interrupted code has to stop before its worker is replaced.
const killAfter = 5 * time.Second

// closeAfter is how long a closed session waits for its cell.
const closeAfter = 5 * time.Second

// Options of a session.
type Options struct {
	// Open gets the compiled packages, which may take minutes the first time; it tells report what it does. Required.
	Open func(ctx context.Context, report func(string)) (*build.Base, error)
	// Dir is where cells run; empty for the current folder.
	Dir string
	// Notebook is the path of the notebook whose cells run, from which its saved modules are found; empty if unknown.
	Notebook string
	// Kernel is the identifier under which a Jupyter server knows this kernel; empty if there is none.
	Kernel string
	// Env is added to the worker's environment.
	Env []string
	// Log takes lines for the person who runs the kernel. It may be nil.
	Log func(format string, args ...any)
}

// Session implements engine.Engine.
type Session struct {
	opts Options
	dir  string // private; holds cells' intermediate files and named pipes

	ctx  context.Context // of opening the base
	stop context.CancelFunc

	mods     sessionModules // of the goroutine of Execute
	history  []record
	settings *settings // what commands set
	shells   shells

	debugger *debug.Debugger

	compileAll bool // evaluate nothing: for tests
	compiled   int  // how many cells were

	mu      sync.Mutex    // guards what follows
	started chan struct{} // closed when base and the first worker are there, or err says why not
	err     error
	base    *build.Base
	cells   sync.WaitGroup // that run; none begins once closed is set
	sink    engine.Sink
	state   *cell.State
	space   *build.Space            // what cells can import
	sources map[string]*cell.Source // by generation and name, for stack traces
	codes   map[*cell.Source]string // the whole cell, as the client has it
	worker  *process
	gen     int
	running *run
	closed  bool

	completing context.CancelFunc // ends the latest completion
	language   *language
}

// run is the cell that is being executed.
type run struct {
	src       *cell.Source
	full      string // its text with commands
	req       engine.Request
	out       engine.Sink // where it shows things: commands may divert it
	payload   []engine.Payload
	asks      bool     // the next shell command takes input
	password  bool     // which is not shown
	depth     int      // of files that run files
	way       way      // how its Go code is run
	args      []string // of the program that it is, see %args
	testArgs  []string // of %test
	testing   *call
	finally   []func(failed bool) *engine.Error // what commands do when it has ended, the last first
	cancel    context.CancelFunc                // of compiling
	inWorker  bool
	killed    bool
	interrupt bool
	timed     bool // print the times when the cell has ended
	times     times

	asking   context.Context // ends when the cell does, or is interrupted
	stopAsks context.CancelFunc
}

// way is how the Go code of a cell is run.
type way int

const (
	alive  way = iota // in the worker
	raced             // in a process of its own, looking for data races
	tested            // its tests, in a process of their own
	done              // not any more: a command has done it
)

// times is where the time of a cell went.
type times struct {
	check       time.Duration
	build.Times // zero for a cell that was evaluated
	load, run   time.Duration
	cpu         time.Duration // of the worker
}

func (t times) text(name string, total time.Duration) string {
	parts := []struct {
		name string
		took time.Duration
	}{{"check", t.check}, {"compile", t.Compile}, {"link", t.Link}, {"load", t.load}, {"run", t.run}}
	if t.Compile == 0 {
		parts = append(parts[:1], parts[4])
	}
	var list []string
	for _, p := range parts {
		list = append(list, p.name+" "+milliseconds(p.took))
	}
	return fmt.Sprintf("%s: %s ms (%s); CPU %s ms\n", name, milliseconds(total), strings.Join(list, ", "), milliseconds(t.cpu))
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprint(d.Milliseconds())
}

// New starts a session and, in the background, its worker.
func New(opts Options) (*Session, error) {
	dir, err := os.MkdirTemp("", "golab-session-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil { // cells may change the worker's folder
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{settings: newSettings(opts, dir), opts: opts, dir: dir, state: cell.New(), sources: map[string]*cell.Source{}, codes: map[*cell.Source]string{}, stop: cancel, ctx: ctx, sink: discard{}}
	s.debugger = s.newDebugger()
	s.language = &language{program: home.Gopls(), dir: filepath.Join(dir, "gopls"), within: languageWithin, memory: maxLanguageMemory, log: opts.Log}
	s.begin()
	return s, nil
}

// begin opens the base and starts a worker in the background. s.mu is held, or nobody else knows s.
func (s *Session) begin() {
	started := make(chan struct{})
	s.started, s.err = started, nil
	go func() {
		defer close(started)
		err := s.open()
		if err == nil {
			_, err = s.ensureWorker()
		}
		if err != nil {
			s.opts.Log("%v", err)
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
		}
	}()
}

// open opens the base, once.
func (s *Session) open() error {
	s.mu.Lock()
	opened := s.base != nil
	s.mu.Unlock()
	if opened {
		return nil
	}
	base, err := s.opts.Open(s.ctx, func(line string) {
		s.opts.Log("%s", line)
		s.currentSink().Stream("stderr", "golab: "+line+"\n")
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.base, s.space = base, base.Space()
	s.mu.Unlock()
	return nil
}

// ready waits until cells can run. What failed earlier is tried again: the disk may have room by now.
func (s *Session) ready(ctx context.Context) error {
	s.mu.Lock()
	if s.err != nil && !s.closed {
		s.begin()
	}
	started := s.started
	s.mu.Unlock()
	select {
	case <-started:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// ensureWorker returns the running worker, starting one if there is none.
func (s *Session) ensureWorker() (*process, error) {
	s.mu.Lock()
	w, base := s.worker, s.base
	s.mu.Unlock()
	if w != nil && w.alive() {
		return w, nil
	}
	program, err := base.Worker() // may have to be made again
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.base != base { // it was exchanged meanwhile
		s.mu.Unlock()
		return s.ensureWorker()
	}
	defer s.mu.Unlock()
	if s.closed {
		return nil, errGone
	}
	if s.worker != nil && s.worker.alive() {
		return s.worker, nil
	}
	p, err := start(program, s.settings.folder(), s.dir, s.settings.environ(), s.opts.Kernel, s.currentSink, s.askInput, s.goroutinePanic)
	if err != nil {
		return nil, err
	}
	s.worker = p
	return p, nil
}

// mourn tells what a worker took with it that ended between two cells.
func (s *Session) mourn(src *cell.Source, out engine.Sink) {
	s.mu.Lock()
	w := s.worker
	if w == nil || w.alive() {
		s.mu.Unlock()
		return
	}
	s.worker = nil
	lost := s.state.Lose("the worker process ended before " + src.Name)
	s.mu.Unlock()
	out.Stream("stderr", "golab: since the last cell, the worker process ended: "+w.end()+"; "+tally(lost)+"\n")
}

// tally says what is lost with a worker.
func tally(lost []string) string {
	if len(lost) == 0 {
		return "functions, types and imports are kept; no variable was lost"
	}
	return "lost: the values of " + strings.Join(lost, ", ") + "; functions, types and imports are kept"
}

func (s *Session) currentSink() engine.Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sink
}

// Execute runs one cell. It is part of engine.Engine.
func (s *Session) Execute(req engine.Request, out engine.Sink) engine.Result {
	full := strings.ReplaceAll(req.Code, "\r\n", "\n")
	cmds, text := cutCommands(full)
	question, asks := cell.AsQuestion(full)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return engine.Result{Err: internal(errGone)}
	}
	s.cells.Add(1)
	defer s.cells.Done()
	s.gen++
	src := &cell.Source{Name: fmt.Sprintf("cell[%d]", req.Count), Gen: s.gen, Text: text, Typed: full}
	s.sources[cell.FileName(src.Gen, src.Name)] = src
	s.codes[src] = req.Code
	s.sink = out
	r := &run{src: src, full: full, req: req, out: out, cancel: cancel}
	r.asking, r.stopAsks = context.WithCancel(ctx)
	s.running = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running = nil
		s.mu.Unlock()
	}()
	if asks {
		return s.answer(ctx, question, out)
	}
	err := s.execute(ctx, r, cmds)
	for i := len(r.finally) - 1; i >= 0; i-- {
		if e := r.finally[i](err != nil); err == nil {
			err = e
		}
	}
	if !req.Silent && !req.Aside && strings.TrimSpace(req.Code) != "" {
		s.history = append(s.history, record{count: req.Count, cell: req.Code, code: text, args: r.args, ok: err == nil})
	}
	return engine.Result{Err: err, Payload: r.payload}
}

func (s *Session) execute(ctx context.Context, r *run, cmds []cell.Command) *engine.Error {
	out := r.out
	if err := s.ready(ctx); err != nil {
		if ctx.Err() != nil {
			return interruptedWhile("GoLab was being prepared")
		}
		return s.failed(err)
	}
	s.mourn(r.src, out)
	s.restoreModules(ctx, out)
	start := time.Now()
	if err := s.commands(ctx, r, cmds, false); err != nil {
		return err
	}
	if err := s.code(ctx, r, start); err != nil {
		return err
	}
	s.mu.Lock()
	r.inWorker = false // an interrupt is for the commands
	s.mu.Unlock()
	return s.commands(ctx, r, cmds, true)
}

// code runs the Go code of a cell, which is there since start, in the way that its commands chose.
func (s *Session) code(ctx context.Context, r *run, start time.Time) *engine.Error {
	out := r.out
	if r.timed {
		defer func() { out.Stream("stdout", r.times.text(r.src.Name, time.Since(start))) }()
	}
	if r.way == done {
		return nil
	}
	s.renewModules(ctx, out)
	if err := s.autoGet(ctx, r); err != nil {
		return err
	}
	switch r.way {
	case raced:
		return s.runRace(ctx, r, out)
	case tested:
		return s.runTests(ctx, r, out)
	}
	return s.runCode(ctx, r, out)
}

// runCode checks, compiles and runs the Go code of a cell.
func (s *Session) runCode(ctx context.Context, r *run, out engine.Sink) *engine.Error {
	src := r.src
	w, err := s.ensureWorker()
	if err != nil {
		return s.failed(err)
	}
	src.Debug = !r.req.Aside && !r.req.Silent && s.debugging(ctx, w)
	s.settle(w, r)
	start := time.Now()
	done := s.packages().Until(ctx)
	prog, err := s.build(src)
	done()
	r.times.check = time.Since(start)
	if ctx.Err() != nil {
		return interruptedWhile("the cell was being compiled")
	}
	if err != nil {
		return s.compileError(err)
	}
	for _, w := range prog.Warnings {
		out.Stream("stderr", "golab: "+w+"\n")
	}
	if prog.Empty() {
		s.mu.Lock()
		prog.Commit(nil)
		s.mu.Unlock()
		return nil
	}
	parts, conflict := s.parts(prog)
	if conflict != nil {
		return conflict
	}
	if prog.Eval != nil && !s.compileAll && !src.Debug {
		e, refused := s.run(r, w, prog, parts, pipe.Command{Eval: prog.Eval})
		if !refused {
			return e
		}
	}
	prog.Eval = nil
	s.compiled++
	if len(prog.Embeds) > 0 {
		dir, files, err := s.embedded(prog.Embeds)
		if err != nil {
			return s.compileError(err)
		}
		if prog.Files[build.EmbedConfig], err = build.EmbedJSON(dir, files); err != nil {
			return s.failed(err)
		}
	}
	dir := filepath.Join(s.dir, fmt.Sprintf("g%d", src.Gen))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s.failed(err)
	}
	defer s.clean(dir, src.Debug)
	so := filepath.Join(dir, pluginFile)
	plugin := s.packages().Plugin
	if src.Debug {
		plugin = s.packages().Debuggable
	}
	r.times.Times, err = plugin(ctx, dir, src.Gen, prog.Files, prog.Imports, so)
	if err != nil && src.Debug && ctx.Err() == nil {
		s.opts.Log("for the debugger: %v", err)
		out.Stream("stderr", "golab: this cell runs without the debugger, for which it can't be compiled\n")
		src.Debug = false
		r.times.Times, err = s.packages().Plugin(ctx, dir, src.Gen, prog.Files, prog.Imports, so)
	}
	if err != nil {
		if ctx.Err() != nil {
			return interruptedWhile("the cell was being compiled")
		}
		return s.compileError(err)
	}
	e, _ := s.run(r, w, prog, parts, pipe.Command{Run: &pipe.Run{Gen: src.Gen, Plugin: so, Drop: prog.Drop, Pause: src.Debug}})
	return e
}

// pluginFile is the name of a cell's plugin, in a folder of the cell's own.
const pluginFile = "cell.so"

// run has the worker w, for whose variables it was checked, run a cell. If that refused to evaluate it, nothing has happened.
func (s *Session) run(r *run, w *process, prog *cell.Program, parts []build.Part, c pipe.Command) (e *engine.Error, refused bool) {
	if !w.alive() { // the variables are gone
		return s.died(w, r), false
	}
	w.used = true
	s.mu.Lock()
	prog.Claim()
	w.expected.Store(int64(r.src.Gen))
	r.inWorker = true
	stop := r.interrupt
	s.mu.Unlock()
	if stop {
		return interruptedWhile("the cell was being compiled"), false
	}
	if err := w.send(c); err != nil {
		w.kill("it takes no more commands: " + err.Error()) // mostly it is dead, and kept for what it leaves
	}
	for {
		select {
		case l := <-w.ready:
			if l.Gen == r.src.Gen {
				s.breakpoints(w, prog, l)
			}
		case d := <-w.done:
			if d.Refused != "" {
				s.opts.Log("%s is compiled: %s", r.src.Name, d.Refused)
				s.mu.Lock()
				r.inWorker = false
				s.mu.Unlock()
				return nil, true
			}
			if d.Load == "" {
				w.loaded.add(parts, r.src.Name)
			}
			r.times.load, r.times.run, r.times.cpu = d.LoadTime, d.RunTime, d.CPUTime
			return s.finish(d, prog), false
		case <-w.gone:
			select {
			case d := <-w.done: // it died after the cell's end
				if err := s.finish(d, prog); err != nil {
					return err, false
				}
			default:
			}
			return s.died(w, r), false
		}
	}
}

// build checks a cell. A bug of ours that panics on it is an error of the cell, not the end of the session.
func (s *Session) build(src *cell.Source) (prog *cell.Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			prog, err = nil, fmt.Errorf("GoLab can't handle this cell, which is a bug: %v", r)
			if os.Getenv("GOLAB_DEBUG") != "" {
				panic(r)
			}
		}
	}()
	return s.state.Build(src, s.packages())
}

// finish commits a cell that has been loaded and makes its error, if it failed.
func (s *Session) finish(d pipe.Done, prog *cell.Program) *engine.Error {
	if d.Load != "" {
		return internal(errors.New(d.Load))
	}
	s.mu.Lock()
	prog.Commit(d.Set)
	s.mu.Unlock()
	switch {
	case d.Panic != nil:
		return s.panicError(d.Panic)
	case d.Failed != "":
		return failedError(d)
	case d.Abandoned != "":
		return &engine.Error{Name: "interrupted", Value: "while waiting (" + d.Abandoned + "); values are kept", Traceback: []string{
			red("interrupted") + " while waiting (" + d.Abandoned + "); values are kept, the waiting code stops when it wakes"}}
	case d.Interrupted:
		return &engine.Error{Name: "interrupted", Value: "values are kept", Traceback: []string{red("interrupted") + "; values are kept"}}
	}
	return nil
}

// died makes the error of a cell whose worker is gone, and starts a new one.
func (s *Session) died(w *process, r *run) *engine.Error {
	s.mu.Lock()
	how := w.end()
	lost := s.state.Lose("the worker was replaced after " + r.src.Name)
	if s.worker == w {
		s.worker = nil
	}
	ran := r.inWorker
	if report := w.pump.words.held; len(report) > 0 {
		s.opts.Log("%s ended the worker, which said:\n%s", r.src.Name, report[:min(len(report), maxWords)])
	}
	s.mu.Unlock()
	go s.ensureWorker()
	value := "the worker process ended: " + how
	if r.killed {
		value = "the worker process was replaced: " + how
	}
	if !ran {
		value += "; the cell was not run"
	}
	tail := tally(lost)
	return &engine.Error{Name: "worker died", Value: value + "; " + tail, Traceback: []string{red(value), tail}}
}

// Interrupt stops the running cell and what runs outside cells. It is part of engine.Engine.
func (s *Session) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, w := s.running, s.worker
	if r == nil && w != nil {
		go w.send(pipe.Command{Interrupt: &pipe.Interrupt{}}) // for what runs outside cells
	}
	if r == nil || r.inWorker && w == nil {
		return
	}
	r.interrupt = true
	r.stopAsks()
	if !r.inWorker {
		r.cancel()
		return
	}
	go func() {
		w.send(pipe.Command{Interrupt: &pipe.Interrupt{Gen: r.src.Gen}}) // read when a debugger lets the worker go on
		s.debugger.Release()
	}()
	time.AfterFunc(killAfter, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running == r {
			r.killed = true
			w.kill(fmt.Sprintf("the interrupted code did not stop within %s", killAfter))
		}
	})
}

// Close ends the worker and removes the session's files. It is part of engine.Engine.
func (s *Session) Close() error {
	s.stop()
	defer s.shells.end()
	s.mu.Lock()
	s.closed = true
	if s.completing != nil {
		s.completing()
	}
	if s.running != nil {
		s.running.cancel()
	}
	started := s.started
	s.mu.Unlock()
	s.language.close()
	<-started
	s.mu.Lock()
	w := s.worker
	s.mu.Unlock()
	s.debugger.Close()
	if w != nil {
		w.close()
	}
	ended := make(chan struct{})
	go func() {
		s.cells.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeAfter): // it checks or compiles something large, which ends with the front process
	}
	return os.RemoveAll(s.dir)
}

// IsComplete is part of engine.Engine.
func (s *Session) IsComplete(code string) engine.Completeness {
	if _, ok := cell.AsQuestion(code); ok {
		return engine.Completeness{Status: "complete"}
	}
	_, code = cutCommands(code)
	status, indent := cell.Complete(code)
	return engine.Completeness{Status: status, Indent: indent}
}

// Processes is part of engine.Engine.
func (s *Session) Processes() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.worker == nil || !s.worker.alive() {
		return nil
	}
	return []int{s.worker.cmd.Process.Pid}
}

// discard is the sink before the first cell.
type discard struct{}

func (discard) Stream(string, string) {}
func (discard) Display(nb.Output)     {}
func (discard) Result(nb.Bundle)      {}
func (discard) Clear(bool)            {}
func (discard) Comm(nb.CommMessage)   {}
