// Package command runs other programs on behalf of a person who wants to know what they are at and why they failed.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrFailed is the kind of error that [Run] returns for a program that ran and exited with a status other than 0.
var ErrFailed = errors.New("failed")

// Run runs a program in dir, with env added to this process's environment, and hands every line that it prints, on either stream, to
// say (when not nil), from one goroutine. When ctx is done the program is interrupted, killed if it takes more than five seconds to
// stop, and the error is ctx's cause. Otherwise the error of a program that fails names it and ends in the last lines it printed.
func Run(ctx context.Context, dir string, env []string, say func(line string), name string, args ...string) error {
	out := &lines{say: say}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%s %w (%w):\n%s", filepath.Base(name), ErrFailed, exit, out.tail())
	}
	return err
}

// lines hands what is written to it on, line by line, and keeps the last ones.
type lines struct {
	say     func(string)
	partial []byte
	last    []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.partial = append(l.partial, b...)
	for {
		i := bytes.IndexAny(l.partial, "\r\n")
		if i < 0 {
			return len(b), nil
		}
		l.add(string(l.partial[:i]))
		l.partial = l.partial[i+1:]
	}
}

func (l *lines) add(line string) {
	line = strings.TrimRight(line, " \t")
	if line == "" {
		return
	}
	if l.say != nil {
		l.say(line)
	}
	if r := []rune(line); len(r) > 200 {
		line = string(r[:200]) + "…"
	}
	if l.last = append(l.last, line); len(l.last) > 10 {
		l.last = l.last[1:]
	}
}

func (l *lines) tail() string {
	l.add(string(l.partial))
	l.partial = nil
	if len(l.last) == 0 {
		return "    (it printed nothing)"
	}
	return "    " + strings.Join(l.last, "\n    ")
}
