package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golab/kernel/internal/engine"
)

// shells is the programs that commands started and that may have left others behind.
type shells struct {
	mu   sync.Mutex
	left map[int]chan struct{} // process groups whose output is still open, and what is closed when it is not
}

// begun notes a process group. The channel is closed by over: then nobody can write any more what is shown.
func (l *shells) begun(group int) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == nil {
		l.left = map[int]chan struct{}{}
	}
	l.left[group] = make(chan struct{})
	return l.left[group]
}

func (l *shells) over(group int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.left[group])
	delete(l.left, group)
}

// end ends what is left of all of them.
func (l *shells) end() {
	l.mu.Lock()
	left := maps.Clone(l.left)
	l.mu.Unlock()
	for group := range left {
		syscall.Kill(-group, syscall.SIGKILL)
	}
	late := time.After(endAfter) // something may have left the group, and hold the pipes
	for _, gone := range left {
		select {
		case <-gone:
		case <-late:
			return
		}
	}
}

// program is a program that a command runs for the user, in a process group of its own without a terminal.
type program struct {
	argv     []string
	dir      string
	env      []string
	stdin    string // what it reads, if nobody is asked
	asks     bool   // it reads lines that the person at the notebook types
	password bool   // which are not shown
}

// How long things may take.
const (
	// promptAfter is how long a program runs before somebody is asked for input, as in GoNB: most need none any more.
	promptAfter = 200 * time.Millisecond
	// endAfter is how long an interrupted program has before it is killed.
	endAfter = 2 * time.Second
	// drain is how long output is read that a program which has ended left in its pipes, while something in the background
	// holds them.
	drain = 250 * time.Millisecond
)

// runProgram runs p and shows what it prints, as it comes, in r's cell. What goes on in the background when p has ended is
// left running, until the session ends; what that prints still shows. The error says how p ended: nil, an
// *exec.ExitError, ctx's, or why it could not be run.
func (s *Session) runProgram(ctx context.Context, r *run, p program) error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		outR.Close()
		outW.Close()
		return err
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.Stdout, cmd.Stderr = outW, errW
	cmd.SysProcAttr = childAttr()
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Setsid = false, true // a group, and away from the kernel's terminal
	var stdin io.WriteCloser
	if p.asks {
		stdin, err = cmd.StdinPipe()
	} else if p.stdin != "" {
		cmd.Stdin = strings.NewReader(p.stdin)
	}
	if err == nil {
		if path := lookPath(p.argv[0], p.env, p.dir); path != "" {
			cmd.Path, cmd.Err = path, nil
		}
		err = cmd.Start()
	}
	outW.Close()
	errW.Close()
	if err != nil {
		outR.Close()
		errR.Close()
		return err
	}
	group := cmd.Process.Pid
	shown := s.shells.begun(group)
	var copies sync.WaitGroup
	for name, f := range map[string]*os.File{"stdout": outR, "stderr": errR} {
		out := &relay{name: name, out: latest{s: s}}
		copies.Go(func() {
			io.Copy(out, f)
			out.end()
			f.Close()
		})
	}
	go func() {
		copies.Wait()
		s.shells.over(group)
	}()
	ended := make(chan error, 1)
	asking, answered := context.WithCancel(ctx)
	defer answered()
	if p.asks {
		go ask(asking, r.req.Input, p.password, stdin)
	}
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		syscall.Kill(-group, syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(endAfter):
		}
		syscall.Kill(-group, syscall.SIGKILL)
		err = ctx.Err()
	}
	answered()
	select {
	case <-shown:
	case <-time.After(drain):
	}
	return err
}

// ask writes the lines that are typed to a program, until it ends or there are no more.
func ask(ctx context.Context, input func(context.Context, string, bool) (string, error), password bool, stdin io.WriteCloser) {
	defer stdin.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(promptAfter):
		}
		line, err := input(ctx, "", password)
		if err != nil {
			return
		}
		if _, err := io.WriteString(stdin, line+"\n"); err != nil {
			return
		}
	}
}

// latest is the sink of the cell that runs, or ran last.
type latest struct {
	discard
	s *Session
}

func (l latest) Stream(name, text string) { l.s.currentSink().Stream(name, text) }

// lookPath finds a program as the shell would in that environment and folder; empty if it does not.
func lookPath(name string, env []string, dir string) string {
	if strings.Contains(name, "/") {
		return ""
	}
	for _, d := range strings.Split(getenv(env, "PATH"), string(os.PathListSeparator)) {
		if d == "" {
			d = "."
		}
		if !strings.HasPrefix(d, "/") {
			d = dir + "/" + d
		}
		if st, err := os.Stat(d + "/" + name); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return d + "/" + name
		}
	}
	return ""
}

// shellCommand is `!`: bash, or sh where there is none, runs it in the cells' folder; `!*` in that of the session's go.mod.
func shellCommand(ctx context.Context, s *Session, c *call) *engine.Error {
	if c.Args == "" {
		return nil
	}
	dir, env := s.now()
	env = append(env, s.gonbVersion()...)
	var stamp string
	if c.Name == "!*" {
		folder, err := s.moduleFolder(ctx)
		if err != nil {
			return c.ended(ctx, err)
		}
		dir, stamp = s.settings.modules, folder.Stamp()
		defer s.writeProgram()()
	}
	shell := "bash"
	if lookPath(shell, env, dir) == "" {
		shell = "sh"
	}
	p := program{argv: []string{shell, "-c", c.Args}, dir: dir, env: env, asks: c.r.asks, password: c.r.password}
	c.r.asks, c.r.password = false, false
	err := s.runProgram(ctx, c.r, p)
	if ctx.Err() != nil {
		return c.interrupted()
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit): // as in GoNB and IPython, the cell goes on
		c.r.out.Stream("stderr", red(ending(exit))+"\n")
	case err != nil:
		return c.failf("the shell can't be run: %v", err)
	}
	if c.Name == "!*" && s.mods.folder.Stamp() != stamp {
		return c.ended(ctx, s.rereadModules(ctx, c.r.out))
	}
	return nil
}

// interrupted is the error of a command that was interrupted and whose program is gone.
func (c *call) interrupted() *engine.Error {
	what := "interrupted; what " + title(c.Command) + " had started was ended"
	return &engine.Error{Name: "interrupted", Value: "what " + title(c.Command) + " had started was ended", Traceback: []string{red(what)}}
}

// ending says how a program ended that failed.
func ending(e *exec.ExitError) string {
	if ws, ok := e.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "signal: " + ws.Signal().String()
	}
	return fmt.Sprintf("exit status %d", e.ExitCode())
}

// inputs makes %with_inputs and %with_password.
func inputs(password bool) func(context.Context, *Session, *call) *engine.Error {
	return func(_ context.Context, _ *Session, c *call) *engine.Error {
		if c.Args != "" {
			return c.usage("it takes no arguments: it is for the next `!` command of the cell")
		}
		if c.r.req.Input == nil {
			return c.failf("nobody can be asked here: this client does not take input")
		}
		c.r.asks, c.r.password = true, password
		return nil
	}
}

// script makes %%script, or one whose program is given.
func script(argv ...string) func(context.Context, *Session, *call) *engine.Error {
	return func(ctx context.Context, s *Session, c *call) *engine.Error {
		words, fail := c.words()
		if fail != nil {
			return fail
		}
		c.r.way = done
		argv := append(argv[:len(argv):len(argv)], words...)
		if len(argv) == 0 {
			return c.usage("which program is to run the rest of the cell?")
		}
		dir, env := s.now()
		body := c.Body
		if !strings.HasSuffix(body, "\n") {
			body += "\n"
		}
		err := s.runProgram(ctx, c.r, program{argv: argv, dir: dir, env: append(env, s.gonbVersion()...), stdin: body})
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return c.interrupted()
		case errors.As(err, &exit):
			return c.failf("%s ended with %s", argv[0], ending(exit))
		case errors.Is(err, exec.ErrNotFound):
			return c.failf("there is no program %s here", argv[0])
		case err != nil:
			return c.failf("%v", err)
		}
		return nil
	}
}
