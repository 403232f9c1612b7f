package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golab/kernel/internal/jupyter/jupytertest"
)

type object = map[string]any

// binary is the kernel's program, built for these tests as the installer builds it.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kernel-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "golab-kernel")
	// The kernel finds GoLab's sources by the paths in its own program.
	for _, args := range [][]string{{"go", "build", "-trimpath=false", "-o", binary, "."}, {binary, "prepare"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", strings.Join(args, " "), err)
			return 1
		}
	}
	return m.Run()
}

// kernel is a kernel in a process of its own and the client connected to it.
type kernel struct {
	*jupytertest.Client
	t      *testing.T
	cmd    *exec.Cmd
	tmp    string // its TMPDIR
	log    *logText
	exited chan struct{} // closed when the process is gone and waited for
}

func start(t *testing.T) *kernel {
	t.Helper()
	return startWith(t, func(*exec.Cmd) {})
}

// startWith starts a kernel whose command change has changed.
func startWith(t *testing.T, change func(*exec.Cmd)) *kernel {
	t.Helper()
	file := jupytertest.ConnectionFile(t)
	k := &kernel{t: t, tmp: t.TempDir(), log: newLogText(), exited: make(chan struct{})}
	k.cmd = exec.Command(binary, "serve", file)
	k.cmd.Dir = t.TempDir()
	k.cmd.Env = append(os.Environ(), "TMPDIR="+k.tmp, "GOLAB_HISTORY=off")
	k.cmd.Stderr = k.log
	change(k.cmd)
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		k.cmd.Wait()
		close(k.exited)
	}()
	t.Cleanup(func() {
		k.cmd.Process.Signal(syscall.SIGTERM)
		k.waitExit()
		if t.Failed() {
			t.Logf("the kernel's log:\n%s", k.log)
		}
	})
	k.Client = jupytertest.Dial(t, file)
	return k
}

// waitExit waits until the kernel's process is gone. One that hangs is killed, and fails the test.
func (k *kernel) waitExit() {
	k.t.Helper()
	select {
	case <-k.exited:
	case <-time.After(time.Minute):
		k.t.Error("the kernel does not end")
		k.cmd.Process.Kill()
		<-k.exited
	}
}

// value runs a cell that has to succeed and returns the text of its value.
func (k *kernel) value(code string) string {
	k.t.Helper()
	reply, outputs := k.Execute(code)
	if reply.Text("status") != "ok" {
		k.t.Fatalf("cell %q: %s: %s", code, reply.Text("ename"), reply.Text("evalue"))
	}
	for _, m := range outputs {
		if m.Type == "execute_result" {
			text, _ := m.Content["data"].(object)["text/plain"].(string)
			return text
		}
	}
	return ""
}

// expect runs a cell and compares its value.
func (k *kernel) expect(code, want string) {
	k.t.Helper()
	if got := k.value(code); got != want {
		k.t.Errorf("cell %q shows %q, want %q", code, got, want)
	}
}

// fails runs a cell that has to fail, and compares its error: the name, and what the value contains.
func (k *kernel) fails(code, name string, contains ...string) {
	k.t.Helper()
	reply, outputs := k.Execute(code)
	k.isError(code, reply, outputs, name, contains...)
}

func (k *kernel) isError(code string, reply jupytertest.Message, outputs []jupytertest.Message, name string, contains ...string) {
	k.t.Helper()
	if reply.Text("status") != "error" || reply.Text("ename") != name {
		k.t.Errorf("cell %q: reply %v, want an error of name %q", code, reply.Content, name)
	}
	all := fmt.Sprint(reply.Text("evalue"), reply.Content["traceback"])
	for _, s := range contains {
		if !strings.Contains(ansi.ReplaceAllString(all, ""), s) {
			k.t.Errorf("cell %q: error %s\ndoes not tell of %q", code, all, s)
		}
	}
	if !slices.ContainsFunc(outputs, func(m jupytertest.Message) bool { return m.Type == "error" && m.Text("ename") == name }) {
		k.t.Errorf("cell %q: no error on iopub, but %v", code, outputs)
	}
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// text is what a cell printed on a stream.
func text(outputs []jupytertest.Message, stream string) string {
	var b strings.Builder
	for _, m := range outputs {
		if m.Type == "stream" && m.Text("name") == stream {
			b.WriteString(m.Text("text"))
		}
	}
	return b.String()
}

// begin sends a cell and returns when it has printed "go".
func (k *kernel) begin(code string) (id string) {
	k.t.Helper()
	id = k.Send("shell", "execute_request", jupytertest.ExecuteContent(code))
	for {
		switch m := k.Next(id); {
		case m.Type == "stream" && strings.Contains(m.Text("text"), "go"):
			return id
		case m.Type == "error", m.Text("execution_state") == "idle":
			k.t.Fatalf("cell %q ended before it printed: %v", code, m.Content)
		}
	}
}

// rest returns what a cell that begin began still shows.
func (k *kernel) rest(id string) (outputs []jupytertest.Message) {
	k.t.Helper()
	for {
		switch m := k.Next(id); {
		case m.Type != "status":
			outputs = append(outputs, m)
		case m.Text("execution_state") == "idle":
			return outputs
		}
	}
}

// workerPID is the process that runs the cells.
func (k *kernel) workerPID() int {
	k.t.Helper()
	pid, err := strconv.Atoi(k.value("os.Getpid()"))
	if err != nil || pid == k.cmd.Process.Pid {
		k.t.Fatalf("worker's process %d, the front's %d (%v)", pid, k.cmd.Process.Pid, err)
	}
	return pid
}

// leftovers lists what lies in the kernel's TMPDIR.
func (k *kernel) leftovers() (all []string) {
	k.t.Helper()
	err := filepath.WalkDir(k.tmp, func(path string, _ fs.DirEntry, err error) error {
		if path != k.tmp {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		k.t.Error(err)
	}
	return all
}

// logText collects what a process writes.
type logText struct {
	mu      sync.Mutex
	changed sync.Cond
	b       bytes.Buffer
}

func newLogText() *logText {
	l := &logText{}
	l.changed.L = &l.mu
	return l
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until s has been written n times in all.
func (l *logText) await(t *testing.T, s string, n int) {
	t.Helper()
	late := false
	giveUp := time.AfterFunc(time.Minute, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.changed.Broadcast()
	})
	defer giveUp.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for strings.Count(l.b.String(), s) < n {
		if late {
			t.Errorf("the log does not say %q %d times", s, n)
			return
		}
		l.changed.Wait()
	}
}
