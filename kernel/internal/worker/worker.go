// Package worker is the process that runs user code: it loads the generations that the front process compiled, runs them,
// and reports what they show and how they end. The front may kill it at any time; it ends by itself when the front does.
package worker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"plugin"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"golab/kernel/internal/pipe"
	"golab/kernel/internal/worker/eval"
	"golab/kernel/live"
	"golab/kernel/nb"

	_ "golab/viz"         // shows dataframes, tensors, images and charts
	_ "golab/viz/widgets" // answers pages that ask for widgets
)

// Descriptors of the pipes to and from the front.
const (
	commandFD = 3
	eventFD   = 4
)

type worker struct {
	out    sync.Mutex // one event and its mark at a time
	seq    int
	events *os.File
	enc    *json.Encoder
	stdout int // for marks: cells may close or redirect theirs
	stderr int
	// unsynced is set when the front did not answer gonbui
	unsynced bool

	mu      sync.Mutex
	current *cell
	ended   int                   // the last generation that ran
	early   int                   // a generation that was interrupted before it ran
	outside map[*live.Task]bool   // what runs outside cells
	paused  map[int]chan struct{} // generations that wait to be run, by number

	questions questions
	typed     typed // what os.Stdin reads
}

// cell is one run.
type cell struct {
	gen         *live.Gen
	frame       func() pipe.Frame // where a cell that is evaluated is; nil for others
	loading     time.Duration     // how long that took
	ctx         context.Context
	cancel      context.CancelFunc
	task        *live.Task
	outcome     chan outcome
	over        chan struct{} // closed when there is an outcome
	interrupted atomic.Bool
	abandoned   chan string
}

type outcome struct {
	panicked *pipe.Panic
	failed   string
	causes   []string
	stopped  bool
}

// failure carries the error of a cell's last expression to the top of the cell.
type failure struct{ err error }

// signals is where signals go that must not end the worker: nobody reads it. Ignoring them would make programs that cells
// start ignore them too.
var signals = make(chan os.Signal, 1)

// Main runs the worker until the front goes away.
func Main() {
	// The front says when to interrupt. Not ignored, because then what cells start would ignore them too.
	signal.Notify(signals, syscall.SIGINT, syscall.SIGPIPE)
	debug.SetTraceback("all")
	commands, events := own(commandFD), own(eventFD)
	w := &worker{outside: map[*live.Task]bool{}, paused: map[int]chan struct{}{}, events: os.NewFile(uintptr(events), "events"), stdout: own(1), stderr: own(2)}
	w.enc = json.NewEncoder(w.events)
	w.enc.SetEscapeHTML(false)
	nb.Attach(w)
	w.hookStdin()
	live.Hook(live.Hooks{Show: w.show, Unchecked: unchecked, Guard: w.guard})
	w.send(pipe.Event{Ready: true})
	dec := json.NewDecoder(blocking(commands))
	for {
		var c pipe.Command
		if err := dec.Decode(&c); err != nil {
			os.Exit(0)
		}
		switch {
		case c.Run != nil:
			go w.run(*c.Run)
		case c.Eval != nil:
			go w.eval(c.Eval)
		case c.Interrupt != nil:
			go w.interrupt(c.Interrupt.Gen)
		case c.Go != nil:
			w.goOn(c.Go.Gen)
		case c.Comm != nil:
			nb.DeliverComm(*c.Comm)
		case c.Query != nil:
			go w.query(*c.Query)
		case c.Line != nil:
			w.questions.answer(*c.Line)
		case c.Settings != nil:
			settle(*c.Settings)
		}
	}
}

// blocking reads a descriptor with plain system calls: a thread that waits in one keeps Go from declaring a deadlock when
// every goroutine of a cell waits.
type blocking int

func (fd blocking) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errors.New("closed")
		}
		return n, nil
	}
}

// send gives an event to the front and marks its place in what is printed. It returns its number.
func (w *worker) send(e pipe.Event) int {
	w.out.Lock()
	defer w.out.Unlock()
	if e.Answer == nil {
		w.seq++
		e.Seq = w.seq
	}
	w.events.Write([]byte{'\n'}) // ends what a cell may have written there
	if err := w.enc.Encode(e); err != nil {
		var unsupported *json.UnsupportedTypeError
		var value *json.UnsupportedValueError
		var marshal *json.MarshalerError
		if errors.As(err, &unsupported) || errors.As(err, &value) || errors.As(err, &marshal) { // nothing was written
			w.enc.Encode(pipe.Event{Seq: e.Seq, Display: &nb.Output{Data: nb.Bundle{"text/plain": "golab: this output can't be shown: " + err.Error()}}})
		} else {
			os.Exit(1)
		}
	}
	if e.Seq > 0 {
		syscall.Write(w.stdout, pipe.Mark(e.Seq))
	}
	if e.Capture != nil {
		syscall.Write(w.stderr, pipe.Mark(e.Seq))
	}
	return e.Seq
}

// wire makes a bundle fit for JSON: binary content in base64.
func wire(b nb.Bundle) nb.Bundle {
	out := make(nb.Bundle, len(b))
	for k, v := range b {
		if raw, ok := v.([]byte); ok {
			if strings.HasPrefix(k, "text/") || k == "image/svg+xml" {
				v = string(raw)
			} else {
				v = base64.StdEncoding.EncodeToString(raw)
			}
		}
		out[k] = v
	}
	return out
}

// Display is part of nb.Host.
func (w *worker) Display(o nb.Output) {
	o.Data = wire(o.Data)
	w.send(pipe.Event{Display: &o})
}

// Clear is part of nb.Host.
func (w *worker) Clear(wait bool) { w.send(pipe.Event{Clear: &pipe.Clear{Wait: wait}}) }

// Context is part of nb.Host.
func (w *worker) Context() context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return context.Background()
	}
	return w.current.ctx
}

// run loads and runs one generation.
func (w *worker) run(r pipe.Run) {
	start := time.Now()
	if _, err := plugin.Open(r.Plugin); err != nil {
		w.send(pipe.Event{Done: &pipe.Done{Gen: r.Gen, Load: err.Error()}})
		return
	}
	g := live.Take()
	if g == nil || g.ID != r.Gen {
		w.send(pipe.Event{Done: &pipe.Done{Gen: r.Gen, Load: "the plugin registered no generation"}})
		return
	}
	live.Drop(r.Drop...)
	w.retype(g)
	loading := time.Since(start)
	if r.Pause {
		w.pause(r.Gen)
	}
	w.cell(&cell{gen: g, loading: loading})
}

// eval runs a cell that has no code of its own, as if it were a generation's.
func (w *worker) eval(e *pipe.Eval) {
	code, err := eval.Prepare(e)
	if err != nil {
		w.send(pipe.Event{Done: &pipe.Done{Gen: e.Gen, Refused: err.Error()}})
		return
	}
	w.cell(&cell{
		gen:   &live.Gen{ID: e.Gen, Run: func() { code.Run(live.Poll) }},
		frame: func() pipe.Frame { return pipe.Frame{Func: "nb.ʼcell", File: e.File, Line: code.Line()} },
	})
}

// cell runs a cell and tells the front how it ended.
func (w *worker) cell(c *cell) {
	done := pipe.Done{Gen: c.gen.ID, LoadTime: c.loading}
	reopen(1, w.stdout, &os.Stdout)
	reopen(2, w.stderr, &os.Stderr)
	c.outcome, c.over, c.abandoned = make(chan outcome, 1), make(chan struct{}), make(chan string, 1)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	begun, begin := make(chan struct{}), make(chan struct{})
	go func() {
		c.task = live.Begin(c.gen.ID)
		close(begun)
		<-begin
		c.execute()
	}()
	<-begun
	w.typed.forget()
	w.mu.Lock()
	w.current = c
	early := w.early == c.gen.ID
	w.mu.Unlock()
	if early {
		w.stop(c)
	}
	close(begin)
	start, spent := time.Now(), cpuTime()
	select {
	case <-c.over:
	case done.Abandoned = <-c.abandoned:
	}
	select {
	case o := <-c.outcome:
		done.Panic, done.Failed, done.Causes, done.Interrupted, done.Abandoned = o.panicked, o.failed, o.causes, o.stopped, ""
	default:
		done.Interrupted = true
	}
	done.RunTime, done.CPUTime = time.Since(start), cpuTime()-spent
	w.mu.Lock()
	w.current, w.ended = nil, c.gen.ID
	w.mu.Unlock()
	c.cancel()
	done.Set = live.TakeSet()
	w.sync()
	syscall.Write(w.stderr, pipe.Mark(0)) // all of standard error is before this
	w.send(pipe.Event{Done: &done})
}

// sync waits until the front has taken all that gonbui sent.
func (w *worker) sync() {
	if w.unsynced {
		return
	}
	synced := make(chan struct{})
	go func() {
		gonbui.Sync()
		close(synced)
	}()
	for again := false; ; again = true {
		select {
		case <-synced:
			return
		case <-time.After(2 * time.Second):
		}
		if again || !traced() { // where a debugger stops this process, time goes on
			break
		}
	}
	w.unsynced = true // the program broke gonbui's pipes; its displays are lost, the cell is not
}

// execute runs the cell's statements, in a goroutine of their own.
func (c *cell) execute() {
	defer func() {
		r := recover()
		var o outcome
		switch f, failed := r.(failure); {
		case c.task.Exiting(), failed && c.interrupted.Load(): // whatever deferred calls made of it; the error says so less clearly
			o.stopped = true
		case r == nil: // it ran to its end, or called runtime.Goexit
		case failed:
			o.failed, o.causes = safely(f.err.Error), causes(f.err, 1)
		default:
			o.panicked = describe(r, c.frame)
		}
		c.task.End()
		c.outcome <- o
		close(c.over)
	}()
	c.gen.Run()
}

// interrupt stops a generation. Code that polls ends; code that waits is left waiting, to end when it wakes.
func (w *worker) interrupt(gen int) {
	w.mu.Lock()
	c := w.current
	if gen > w.ended && (c == nil || c.gen.ID != gen) { // it is being loaded
		w.early = gen
	}
	w.mu.Unlock()
	w.stopOutside()
	if c != nil && c.gen.ID == gen {
		w.stop(c)
	}
}

func (w *worker) stop(c *cell) {
	if c.interrupted.Swap(true) {
		return
	}
	c.cancel()
	c.task.Stop()
	interruptPrograms()
	go c.giveUp()
}

// interruptPrograms does to programs that cells started, and to code of cells that asked for the signal, what a terminal
// does.
func interruptPrograms() {
	if syscall.Getpgrp() != os.Getpid() { // the front put us into a group of our own
		return
	}
	signal.Notify(signals, syscall.SIGINT) // code of a cell may have reset it
	syscall.Kill(0, syscall.SIGINT)
}

// giveUp leaves a cell that was told to stop, and waits, waiting. How long it may wait before: in the cell's own statements
// an answer comes at once; library code that heeds nb.Context may have a step to finish.
func (c *cell) giveUp() {
	start := time.Now()
	for wait := 5 * time.Millisecond; ; wait = 50 * time.Millisecond {
		select {
		case <-c.over:
			return
		case <-time.After(wait):
		}
		state, stack := inspect(c.task.Goroutine())
		patience := 250 * time.Millisecond
		switch {
		case state == "running" || state == "runnable" || state == "":
			continue // only the front can end this
		case state == "syscall" && inC(stack):
			patience = 4 * time.Second
		case inLibrary(stack):
			patience = 3 * time.Second
		case state == "syscall":
			patience = time.Second
		}
		if time.Since(start) < patience {
			continue
		}
		c.task.Abandon(generations(stack))
		c.abandoned <- state
		return
	}
}

// guard takes what a goroutine of cell code panicked with.
func (w *worker) guard(r any) {
	p := describe(r, nil)
	p.Goroutine = true
	w.send(pipe.Event{Panic: p})
}

// unchecked tells of an error that nobody looked at; the cell goes on, as Go would.
func unchecked(name string, err error) {
	fmt.Fprintf(os.Stderr, "\x1b[33m%s is not nil:\x1b[0m %s\n", name, safely(err.Error))
}

// show displays the value of a cell's last expression.
func (w *worker) show(vals []any, call bool) {
	if call {
		if err, ok := vals[len(vals)-1].(error); ok && err != nil {
			panic(failure{err})
		}
		vals = vals[:len(vals)-1]
	}
	switch len(vals) {
	case 0:
	case 1:
		w.send(pipe.Event{Result: wire(render(vals[0]))})
	default:
		var texts []string
		for _, v := range vals {
			texts = append(texts, text(v))
		}
		w.send(pipe.Event{Result: nb.Bundle{"text/plain": strings.Join(texts, ", ")}})
	}
}

// describe makes a report of a recovered panic; it is called by the deferred function that recovered. evaluated, if not nil,
// is what stands in the stack for the code that evaluates the cell.
func describe(r any, evaluated func() pipe.Frame) *pipe.Panic {
	p := &pipe.Panic{}
	switch v := r.(type) {
	case error:
		p.Value = safely(v.Error)
	case fmt.Stringer:
		p.Value = safely(v.String)
	case string:
		p.Value = v
	default:
		p.Value = fmt.Sprintf("%v", v)
	}
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" || f.Function == "runtime.sigpanic" || f.Function == "runtime.panicmem" {
			p.Frames = nil // what is above is the panic's own machinery
		} else if evaluated != nil && strings.HasPrefix(f.Function, "golab/kernel/internal/worker/eval.") {
			for n := len(p.Frames); n > 0 && strings.HasPrefix(strings.ToLower(p.Frames[n-1].Func), "reflect.value.call"); n-- {
				p.Frames = p.Frames[:n-1]
			}
			p.Frames = append(p.Frames, evaluated())
			return p
		} else if f.Function != "" && !strings.HasPrefix(f.Function, "golab/kernel/internal/worker.") && !strings.HasPrefix(f.Function, "runtime.") {
			p.Frames = append(p.Frames, pipe.Frame{Func: f.Function, File: f.File, Line: f.Line})
		}
		if !more {
			return p
		}
	}
}

func safely(f func() string) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprintf("(its text can't be had: %v)", r)
		}
	}()
	return f()
}
