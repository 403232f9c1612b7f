// Package setup is what `go run ./install lab` and `kernel` do, step by step: look at what this machine has, make GoLab's own Python
// environment, build the kernel, prepare it, register it, fetch the native parts and run a cell.
//
// Every step finds out by itself whether it is done and then takes next to no time, so that doing all of them again is the way to go on
// after an interruption, an upgrade or a `git pull`.
package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golab/install/fetch"
	"golab/install/internal/command"
	"golab/install/internal/hint"
	"golab/install/internal/kernelspec"
	"golab/install/internal/progress"
	"golab/install/internal/venv"
	"golab/kernel/home"
	"golab/kernel/home/filelock"
)

// Lab sets up everything that JupyterLab with GoLab's kernel needs. root is GoLab's source folder, of [FindRoot].
func Lab(ctx context.Context, p *progress.Printer, root string) error {
	return locked(ctx, p, []func() error{
		func() error { return Tools(ctx, p, true) },
		func() error { return environment(ctx, p) },
		func() error { return build(ctx, p, root) },
		func() error { return prepare(ctx, p, root) },
		func() error { return register(p, venv.DataDir(), "GoLab's JupyterLab") },
		func() error { return downloads(ctx, p) },
		func() error { return verify(ctx, p) },
	})
}

// Kernel builds the kernel and registers it in a Jupyter data folder, for a Jupyter that the user has already.
func Kernel(ctx context.Context, p *progress.Printer, root, dataDir string) error {
	return locked(ctx, p, []func() error{
		func() error { return Tools(ctx, p, false) },
		func() error { return build(ctx, p, root) },
		func() error { return prepare(ctx, p, root) },
		func() error { return downloads(ctx, p) },
		func() error { return register(p, dataDir, dataDir) },
		func() error { return verify(ctx, p) },
	})
}

// locked runs steps up to the first that fails, while no other installation into the same home does.
func locked(ctx context.Context, p *progress.Printer, steps []func() error) error {
	if home.Dir() == "" {
		return hint.Wrap(errors.New("you have no home folder"), "set GOLAB_HOME to a folder that GoLab may fill")
	}
	release, err := filelock.Acquire(ctx, filepath.Join(home.Dir(), ".stage", "install.lock"), func() {
		p.Printf("• another installation is running: waiting for it")
	})
	if errors.Is(err, fs.ErrPermission) {
		return hint.Wrap(err, "set GOLAB_HOME to a folder that you may write to")
	}
	if err != nil {
		return err
	}
	defer release()
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// FindRoot returns GoLab's source folder, which is dir or one above it.
func FindRoot(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		b, err := os.ReadFile(filepath.Join(d, "go.mod"))
		if err == nil && bytes.HasPrefix(b, []byte("module golab\n")) {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", hint.Wrap(fmt.Errorf("%s is not in GoLab's source folder", dir), "cd into the folder that you cloned GoLab into, then run this again")
		}
	}
}

// Binary is the installed kernel's path.
func Binary() string { return filepath.Join(home.Bin(), "golab-kernel") }

func environment(ctx context.Context, p *progress.Printer) error {
	return p.Step("JupyterLab "+venv.LabVersion()+", in a Python environment of GoLab's own", func(s *progress.Step) (string, error) {
		made, err := venv.Ensure(ctx, s.Note)
		return outcome(made, "made"), err
	})
}

func build(ctx context.Context, p *progress.Printer, root string) error {
	return p.Step("Build the kernel", func(s *progress.Step) (string, error) {
		changed, err := Build(ctx, root, s.Note)
		return outcome(changed, "built"), err
	})
}

// Build brings the installed kernel up to date with the sources; changed reports whether it was not.
func Build(ctx context.Context, root string, say func(string)) (changed bool, err error) {
	// The Go command links again only if its output isn't there or is out of date: it gets one of its own to look at, and the
	// installed program, which may be running, is replaced whole.
	built := filepath.Join(home.Dir(), ".stage", "golab-kernel")
	// The kernel finds GoLab's sources by the path that it was built from, which -trimpath in the user's GOFLAGS would take away.
	if err := command.Run(ctx, root, nil, say, "go", "build", "-trimpath=false", "-o", built, "./kernel"); err != nil {
		return false, err
	}
	same, err := sameContent(built, Binary())
	if err != nil || same {
		return false, err
	}
	if err := os.MkdirAll(home.Bin(), 0o755); err != nil {
		return false, err
	}
	tmp := Binary() + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return false, err
	}
	if err := copyFile(built, tmp); err != nil {
		return false, err
	}
	return true, os.Rename(tmp, Binary())
}

func prepare(ctx context.Context, p *progress.Printer, root string) error {
	return p.Step("Compile what notebooks use, once", func(s *progress.Step) (string, error) {
		return "", command.Run(ctx, root, nil, s.Note, Binary(), "prepare")
	})
}

func register(p *progress.Printer, dataDir, where string) error {
	return p.Step(fmt.Sprintf("Register the kernel %q with %s", kernelspec.DisplayName, where), func(*progress.Step) (string, error) {
		changed, err := kernelspec.Write(dataDir, kernelspec.For(Binary()))
		return outcome(changed, "registered"), err
	})
}

func downloads(ctx context.Context, p *progress.Printer) error {
	err := p.Step("ECharts "+home.EChartsVersion+", for charts without a network", func(s *progress.Step) (string, error) {
		_, had := os.Stat(home.ECharts())
		_, err := fetch.ECharts(fetch.Notify(ctx, s.Note))
		return outcome(had != nil, "fetched"), err
	})
	if err != nil {
		return err
	}
	// Not failures: GoLab works without these.
	for _, t := range []struct {
		title, path string
		fetch       func(context.Context) (string, error)
		done, then  string
	}{
		{"XLA for the CPU", home.XLACPU(), fetch.XLACPU, "fetched", "models run on the pure-Go backend, more slowly"},
		{"gopls, for completion and documentation", home.Gopls(), fetch.Gopls, "built", "completion and documentation know less"},
		{"Delve, for the debugger", home.Delve(), fetch.Delve, "built", "there is no debugger"},
	} {
		err := p.Step(t.title, func(s *progress.Step) (string, error) {
			_, had := os.Stat(t.path)
			_, err := t.fetch(fetch.Notify(ctx, s.Note))
			if err != nil && ctx.Err() == nil {
				return "", progress.Warning{Err: fmt.Errorf("%s, because it can't be had (%s)", t.then, gist(err))}
			}
			return outcome(had != nil, t.done), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func verify(ctx context.Context, p *progress.Printer) error {
	return p.Step("Run two cells through the kernel", func(s *progress.Step) (string, error) {
		return "", RunCells(ctx, s.Note)
	})
}

// RunCells has the installed kernel run a notebook of two cells, the second of which needs the live value of the first.
func RunCells(ctx context.Context, say func(string)) error {
	dir, err := os.MkdirTemp("", "golab-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "check.ipynb"), filepath.Join(dir, "out.ipynb")
	if err := os.WriteFile(in, []byte(checkNotebook), 0o644); err != nil {
		return err
	}
	if err := command.Run(ctx, dir, nil, say, Binary(), "run", "-o", out, in); err != nil {
		return err
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if !bytes.Contains(b, []byte("[1 4 9]")) {
		return fmt.Errorf("the kernel ran a notebook, but the value of a cell is not in it:\n%s", b)
	}
	return nil
}

const checkNotebook = `{
 "cells": [
  {"cell_type": "code", "execution_count": null, "id": "c1", "metadata": {}, "outputs": [],
   "source": ["squares := []int{1, 4}"]},
  {"cell_type": "code", "execution_count": null, "id": "c2", "metadata": {}, "outputs": [],
   "source": ["squares = append(squares, 9)\n", "fmt.Println(squares)"]}
 ],
 "metadata": {
  "kernelspec": {"display_name": "Go (GoLab)", "language": "go", "name": "golab"},
  "language_info": {"name": "go"}
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`

func outcome(changed bool, what string) string {
	if changed {
		return what
	}
	return "already there"
}

func sameContent(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer fb.Close()
	ba, bb := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		na, ea := io.ReadFull(fa, ba)
		nb, eb := io.ReadFull(fb, bb)
		if !bytes.Equal(ba[:na], bb[:nb]) {
			return false, nil
		}
		if ea != nil || eb != nil {
			return isEOF(ea) && isEOF(eb), nil
		}
	}
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// copyFile copies a program to a new file at dst and returns once it is on disk.
func copyFile(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// gist is an error in one line: what a program that failed said last, or else the error's first line.
func gist(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\nhint: ")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// firstLine is the first line of what a program printed.
func firstLine(b []byte) string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return s
}
