// Package lab starts GoLab's JupyterLab.
package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golab/install/internal/kernelspec"
	"golab/install/internal/venv"
)

// Options say how to start JupyterLab.
type Options struct {
	Root    string    // the folder that its file browser shows
	Port    int       // 0: JupyterLab's own choice, 8888 or the next that is free
	Browser bool      // open one
	Args    []string  // further arguments of JupyterLab
	Env     []string  // further environment
	Log     io.Writer // for JupyterLab's address and warnings
}

// A Server is a running JupyterLab.
type Server struct {
	URL string // with the token, so that opening it is enough

	stop context.CancelFunc
	done chan struct{}
	err  error // of the process, once done is closed
}

// Start starts JupyterLab and returns once it takes requests. When ctx is done, JupyterLab is told to shut down with its kernels.
func Start(ctx context.Context, o Options) (*Server, error) {
	runtimeDir, err := runtimeDir(ctx, o.Env)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, venv.Python(), append(arguments(o), o.Args...)...)
	cmd.Dir = o.Root
	cmd.Env = environ(o.Env)
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	// A group of its own: a terminal's Ctrl-C reaches this process alone, which then asks JupyterLab once, in an orderly way.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	s := &Server{stop: cancel, done: make(chan struct{})}
	go func() {
		s.err = cmd.Wait()
		if ctx.Err() != nil {
			s.err = nil // it ended because it was told to
		}
		cancel()
		close(s.done)
	}()

	info := filepath.Join(runtimeDir, "jpserver-"+strconv.Itoa(cmd.Process.Pid)+".json")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			if s.err == nil {
				s.err = errors.New("it ended")
			}
			return nil, fmt.Errorf("JupyterLab did not start: %w", s.err)
		case <-tick.C:
		}
		if url, ok := readInfo(info); ok {
			s.URL = url
			return s, nil
		}
	}
}

// Wait waits until JupyterLab ends. The error is nil when it was told to, by Stop or by Start's context.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Stop has JupyterLab shut down and waits until it has.
func (s *Server) Stop() error {
	s.stop()
	return s.Wait()
}

func arguments(o Options) []string {
	args := []string{
		"-m", "jupyterlab",
		"--ServerApp.root_dir=" + o.Root,
		"--MultiKernelManager.default_kernel_name=" + kernelspec.Name,
		"--ServerApp.log_level=WARN", "--LabApp.log_level=WARN", // its address comes as a critical message
	}
	if o.Port != 0 {
		args = append(args, "--ServerApp.port="+strconv.Itoa(o.Port))
	}
	if !o.Browser {
		args = append(args, "--no-browser")
	}
	if os.Getuid() == 0 {
		args = append(args, "--allow-root")
	}
	return args
}

func environ(extra []string) []string {
	// What a shell has activated must not decide which Jupyter this is.
	path := filepath.Join(venv.Dir(), "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return append(append(append(os.Environ(), venv.Env()...), "PATH="+path), extra...)
}

// runtimeDir is where JupyterLab tells of its running servers.
func runtimeDir(ctx context.Context, env []string) (string, error) {
	cmd := exec.CommandContext(ctx, venv.Python(), "-m", "jupyter", "--runtime-dir")
	cmd.Env = environ(env)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("GoLab's Jupyter does not run: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// readInfo reads the address of a server from the file that it writes once it listens.
func readInfo(name string) (url string, ok bool) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", false
	}
	var info struct{ URL, Token string }
	if json.Unmarshal(b, &info) != nil || info.URL == "" { // half-written: next time
		return "", false
	}
	url = info.URL + "lab"
	if info.Token != "" {
		url += "?token=" + info.Token
	}
	return url, true
}
