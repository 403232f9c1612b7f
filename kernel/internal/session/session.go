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

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// killAfter is how long interrupted code has to stop before its worker is replaced.
const killAfter = 5 * time.Second

// Options of a session.
type Options struct {
	// Open gets the compiled packages, which may take minutes the first time; it tells report what it does. Required.
	Open func(ctx context.Context, report func(string)) (*build.Base, error)
	// Dir is where cells run; empty for the current folder.
	Dir string
	// Notebook is the path of the notebook whose cells run, from which its saved modules are found; empty if unknown.
	Notebook string
	// Env is added to the worker's environment.
	Env []string
	// Log takes lines for the person who runs the kernel. It may be nil.
	Log func(format string, args ...any)
}

// Session implements engine.Engine.
type Session struct {
	opts Options
	dir  string // private; holds cells' intermediate files and named pipes

	started chan struct{} // closed when base and the first worker are there, or err says why not
	base    *build.Base   // what follows is of the goroutine of Execute then
	err     error
	stop    context.CancelFunc // of opening the base
	mods    sessionModules
	history []record

	mu      sync.Mutex // guards what follows
	sink    engine.Sink
	state   *cell.State
	space   *build.Space            // what cells can import
	sources map[string]*cell.Source // by generation and name, for stack traces
	worker  *process
	gen     int
	running *run
	closed  bool
}

// run is the cell that is being executed.
type run struct {
	src       *cell.Source
	cancel    context.CancelFunc // of compiling
	inWorker  bool
	killed    bool
	interrupt bool
	timed     bool // print the times when the cell has ended
	times     times
}

// times is where the time of a cell went.
type times struct{ check, build, run time.Duration }

func (t times) text(name string, total time.Duration) string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.3g ms", float64(d.Microseconds())/1000) }
	return fmt.Sprintf("%s: %s (check %s, compile and link %s, load and run %s)\n", name, ms(total), ms(t.check), ms(t.build), ms(t.run))
}

// New starts a session and, in the background, its worker.
func New(opts Options) (*Session, error) {
	dir, err := os.MkdirTemp("", "golab-session-")
	if err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{opts: opts, dir: dir, state: cell.New(), sources: map[string]*cell.Source{}, started: make(chan struct{}), stop: cancel, sink: discard{}}
	go func() {
		defer close(s.started)
		s.base, s.err = opts.Open(ctx, func(line string) {
			opts.Log("%s", line)
			s.currentSink().Stream("stderr", "golab: "+line+"\n")
		})
		if s.err == nil {
			s.setSpace(s.base.Space())
			_, s.err = s.ensureWorker()
		}
		if s.err != nil {
			opts.Log("%v", s.err)
		}
	}()
	return s, nil
}

// ensureWorker returns the running worker, starting one if there is none.
func (s *Session) ensureWorker() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errGone
	}
	if s.worker != nil && s.worker.alive() {
		return s.worker, nil
	}
	env := append([]string{"TF_CPP_MIN_LOG_LEVEL=2", "GOMLX_NO_AUTO_INSTALL=1"}, s.opts.Env...)
	p, err := start(s.space.Worker(), s.opts.Dir, s.dir, env, s.currentSink)
	if err != nil {
		return nil, err
	}
	s.worker = p
	return p, nil
}

func (s *Session) currentSink() engine.Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sink
}

// Execute runs one cell. It is part of engine.Engine.
func (s *Session) Execute(req engine.Request, out engine.Sink) engine.Result {
	cmds, text := cutCommands(strings.ReplaceAll(req.Code, "\r\n", "\n"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	s.gen++
	src := &cell.Source{Name: fmt.Sprintf("cell[%d]", req.Count), Gen: s.gen, Text: text}
	s.sources[cell.FileName(src.Gen, src.Name)] = src
	s.sink = out
	r := &run{src: src, cancel: cancel}
	s.running = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running = nil
		s.mu.Unlock()
	}()
	err := s.execute(ctx, r, cmds, out)
	if !req.Silent && !req.Aside && strings.TrimSpace(text) != "" {
		s.history = append(s.history, record{req.Count, text, err == nil})
	}
	return engine.Result{Err: err}
}

func (s *Session) execute(ctx context.Context, r *run, cmds []cell.Command, out engine.Sink) *engine.Error {
	select {
	case <-s.started:
	case <-ctx.Done():
		return interruptedWhile("GoLab was being prepared")
	}
	if s.err != nil {
		return internal(s.err)
	}
	s.restoreModules(ctx, out)
	for _, c := range cmds {
		if err := s.command(ctx, r, c, out); err != nil {
			return err
		}
	}
	if r.timed {
		start := time.Now()
		defer func() { out.Stream("stdout", r.times.text(r.src.Name, time.Since(start))) }()
	}
	return s.runCode(ctx, r, out)
}

// runCode checks, compiles and runs the Go code of a cell.
func (s *Session) runCode(ctx context.Context, r *run, out engine.Sink) *engine.Error {
	src := r.src
	clock := time.Now()
	lap := func(d *time.Duration) {
		now := time.Now()
		*d, clock = now.Sub(clock), now
	}
	s.renewModules(ctx, out)
	done := s.packages().Until(ctx)
	prog, err := s.build(src)
	done()
	if ctx.Err() != nil {
		return interruptedWhile("the cell was being compiled")
	}
	lap(&r.times.check)
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
	parts, refused := s.parts(prog)
	if refused != nil {
		return refused
	}
	dir := filepath.Join(s.dir, fmt.Sprintf("g%d", src.Gen))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return internal(err)
	}
	defer os.RemoveAll(dir)
	so := filepath.Join(dir, "cell.so")
	if err := s.packages().Plugin(ctx, dir, src.Gen, prog.Files, prog.Imports, so); err != nil {
		if ctx.Err() != nil {
			return interruptedWhile("the cell was being compiled")
		}
		return s.compileError(err)
	}
	lap(&r.times.build)
	defer lap(&r.times.run)
	w, err := s.ensureWorker()
	if err != nil {
		return internal(err)
	}
	w.used = true
	s.mu.Lock()
	r.inWorker = true
	stop := r.interrupt
	s.mu.Unlock()
	if stop {
		return interruptedWhile("the cell was being compiled")
	}
	if err := w.send(pipe.Command{Run: &pipe.Run{Gen: src.Gen, Plugin: so, Drop: prog.Drop}}); err != nil && w.alive() {
		return internal(err)
	}
	select {
	case d := <-w.done:
		if d.Load == "" {
			w.loaded.add(parts, src.Name)
		}
		return s.finish(d, prog)
	case <-w.gone:
		select {
		case d := <-w.done: // it died after the cell's end
			if err := s.finish(d, prog); err != nil {
				return err
			}
		default:
		}
		return s.died(w, r)
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
		return &engine.Error{Name: "error", Value: d.Failed, Traceback: []string{red("error: ") + d.Failed}}
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
	how := w.ended()
	if r.killed {
		how = fmt.Sprintf("the interrupted code did not stop within %s", killAfter)
	}
	lost := s.state.Lose("the worker was replaced after " + r.src.Name)
	s.mu.Unlock()
	go s.ensureWorker()
	value := "the worker process ended: " + how
	if r.killed {
		value = "the worker process was replaced: " + how
	}
	tail := "functions, types and imports are kept; no variable was lost"
	if len(lost) > 0 {
		tail = "lost: the values of " + strings.Join(lost, ", ") + "; functions, types and imports are kept"
	}
	return &engine.Error{Name: "worker died", Value: value + "; " + tail, Traceback: []string{red(value), tail}}
}

// Interrupt stops the running cell. It is part of engine.Engine.
func (s *Session) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, w := s.running, s.worker
	if r == nil {
		return
	}
	r.interrupt = true
	if !r.inWorker {
		r.cancel()
		return
	}
	go w.send(pipe.Command{Interrupt: &pipe.Interrupt{Gen: r.src.Gen}})
	time.AfterFunc(killAfter, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running == r {
			r.killed = true
			w.kill()
		}
	})
}

// Close ends the worker and removes the session's files. It is part of engine.Engine.
func (s *Session) Close() error {
	s.stop()
	<-s.started
	s.mu.Lock()
	s.closed = true
	if s.running != nil {
		s.running.cancel() // and what was started for it
	}
	w := s.worker
	s.mu.Unlock()
	if w != nil {
		w.close()
	}
	return os.RemoveAll(s.dir)
}

// IsComplete is part of engine.Engine.
func (s *Session) IsComplete(code string) engine.Completeness {
	_, code = cutCommands(code)
	status, indent := cell.Complete(code)
	return engine.Completeness{Status: status, Indent: indent}
}

// discard is the sink before the first cell.
type discard struct{}

func (discard) Stream(string, string) {}
func (discard) Display(nb.Output)     {}
func (discard) Result(nb.Bundle)      {}
func (discard) Clear(bool)            {}
