package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// process is one worker process and its pipes.
type process struct {
	cmd      *exec.Cmd
	commands *os.File
	pump     *pump
	done     chan pipe.Done // the end of the generation that is expected
	gone     chan struct{}  // closed when the worker has ended and all it wrote is read
	expected atomic.Int64

	// Of the goroutine of Execute: whether a cell was sent to it, and what it has loaded beyond the base.
	used   bool
	loaded loaded

	ready   chan pipe.Loaded // a generation that waits to be run
	settled []string         // its os.Args

	queries queries
	comms   *comms

	mu  sync.Mutex             // of commands
	why atomic.Pointer[string] // it was killed, if it was

	postMu sync.Mutex
	posted []pipe.Command // to be sent; the first is being sent
}

// start starts a worker of the kernel in the folder cwd. Its displays go through GoNB's named pipes in dir as well as through its own.
func start(program, cwd, dir string, env []string, kernel string, sink func() engine.Sink, input func(pipe.Input), panicked func(pipe.Panic, engine.Sink)) (*process, error) {
	if _, err := os.Stat(cwd); cwd != "" && err != nil {
		return nil, fmt.Errorf("the folder in which cells run is not there: %w\nhint: make it again, or restart the kernel in another one", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // somebody may have cleaned up
		return nil, err
	}
	gonb, back := filepath.Join(dir, "gonb"), filepath.Join(dir, "gonb.back")
	for _, f := range []string{gonb, back} {
		os.Remove(f)
		if err := syscall.Mkfifo(f, 0o600); err != nil {
			return nil, fmt.Errorf("make named pipe: %w", err)
		}
	}
	var opened []*os.File
	fail := func(err error) (*process, error) {
		for _, f := range opened {
			f.Close()
		}
		return nil, err
	}
	pair := func() (r, w *os.File, err error) {
		r, w, err = os.Pipe()
		opened = append(opened, r, w)
		return r, w, err
	}
	outR, outW, err := pair()
	if err != nil {
		return fail(err)
	}
	errR, errW, err := pair()
	if err != nil {
		return fail(err)
	}
	cmdR, cmdW, err := pair()
	if err != nil {
		return fail(err)
	}
	evR, evW, err := pair()
	if err != nil {
		return fail(err)
	}
	// Opened for reading and writing, so that opening never waits and the worker's opening does not either.
	gonbF, err := os.OpenFile(gonb, os.O_RDWR, 0)
	if err != nil {
		return fail(err)
	}
	opened = append(opened, gonbF)
	backF, err := os.OpenFile(back, os.O_RDWR, 0)
	if err != nil {
		return fail(err)
	}
	opened = append(opened, backF)

	cmd := exec.Command(program)
	cmd.Dir = cwd
	cmd.Stdout, cmd.Stderr = outW, errW
	cmd.ExtraFiles = []*os.File{cmdR, evW}
	cmd.Env = append(slices.Clip(env), protocol.GONB_PIPE_ENV+"="+gonb, protocol.GONB_PIPE_BACK_ENV+"="+back)
	cmd.SysProcAttr = childAttr()
	if err := cmd.Start(); err != nil {
		return fail(fmt.Errorf("start the worker: %w", err))
	}
	for _, f := range []*os.File{outW, errW, cmdR, evW} {
		f.Close()
	}
	p := &process{cmd: cmd, commands: cmdW, done: make(chan pipe.Done, 1), ready: make(chan pipe.Loaded, 1), gone: make(chan struct{})}
	comm := func(m nb.CommMessage) { p.post(pipe.Command{Comm: &m}) }
	to := listener{done: p.ended, cut: p.cut, input: input, answer: p.queries.take, panicked: panicked, comm: comm, loaded: p.isLoaded}
	p.pump, err = newPump(outR, errR, evR, gonbF, backF, sink, to, kernel)
	if err != nil {
		cmd.Process.Kill()
		reap(cmd)
		return fail(err)
	}
	p.comms = p.pump.comms
	pumped := make(chan struct{})
	go func() {
		p.pump.run()
		close(pumped)
	}()
	go func() {
		reap(cmd)
		p.pump.finish()
		<-pumped
		cmdW.Close()
		close(p.gone)
	}()
	return p, nil
}

// send gives the worker a command.
func (p *process) send(c pipe.Command) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.commands.Write(append(b, '\n'))
	return err
}

// post sends a command soon, behind those posted before. A worker that takes none does not make the caller wait.
func (p *process) post(c pipe.Command) {
	p.postMu.Lock()
	defer p.postMu.Unlock()
	p.posted = append(p.posted, c)
	if len(p.posted) > 1 {
		return
	}
	go func() {
		p.postMu.Lock()
		defer p.postMu.Unlock()
		for len(p.posted) > 0 {
			c := p.posted[0]
			p.postMu.Unlock()
			err := p.send(c)
			p.postMu.Lock()
			if err != nil { // it is dead
				p.posted = nil
				return
			}
			p.posted = p.posted[1:]
		}
	}()
}

// ended takes the end of a generation from the pump. What cells write into the worker's pipes may look like one.
func (p *process) ended(d pipe.Done) {
	if int64(d.Gen) != p.expected.Load() {
		return
	}
	select {
	case p.done <- d:
	default:
	}
}

// cut is called when the worker can tell nothing any more. If it does not end, it is no longer the worker.
func (p *process) cut() {
	go func() {
		select {
		case <-p.gone:
		case <-time.After(2 * time.Second):
			p.kill("the cell put another program in its place (syscall.Exec), or closed its pipes")
		}
	}()
}

// kill ends the worker at once.
func (p *process) kill(why string) {
	p.why.CompareAndSwap(nil, &why)
	p.cmd.Process.Kill()
}

// close lets the worker end by itself, or kills it after a while.
func (p *process) close() {
	p.commands.Close()
	select {
	case <-p.gone:
	case <-time.After(2 * time.Second):
		p.kill("the kernel is shut down")
		<-p.gone
	}
}

// alive reports whether the worker still runs.
func (p *process) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// end says how the worker ended, which it has.
func (p *process) end() string {
	state := p.cmd.ProcessState
	ws, ok := state.Sys().(syscall.WaitStatus)
	words := p.pump.words.why()
	switch {
	case ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL && p.why.Load() != nil:
		return *p.why.Load()
	case ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL:
		return "it was killed (out of memory?)"
	case words != "" && (!ok || ws.Signaled() || ws.ExitStatus() == 2):
		return words
	case ok && ws.Signaled():
		return "signal: " + ws.Signal().String()
	case ok && ws.ExitStatus() == 2:
		return "exit status 2, as after a fatal error of the Go runtime"
	}
	return fmt.Sprintf("exit status %d", state.ExitCode())
}

var errGone = errors.New("the worker is gone")
