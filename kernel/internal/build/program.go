package build

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Program has the go command build an ordinary program of the files of package main, with additional flags, at out. The
// files are written to the folder dir; they may import what s has. A failing build is an error of type
// *ToolError.
func (s *Space) Program(ctx context.Context, dir string, files map[string]string, out string, flags ...string) error {
	paths, err := writeFiles(dir, files)
	if err != nil {
		return err
	}
	return s.goCommand(ctx, dir, append(append([]string{"build", "-o", out}, flags...), paths...))
}

// Tests is Program for files of tests, which become a program that runs them.
func (s *Space) Tests(ctx context.Context, dir string, files map[string]string, out string, flags ...string) error {
	paths, err := writeFiles(dir, files)
	if err != nil {
		return err
	}
	return s.goCommand(ctx, dir, append(append([]string{"test", "-c", "-vet=off", "-o", out}, flags...), paths...))
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// writeFiles writes files into dir and returns their paths.
func writeFiles(dir string, files map[string]string) ([]string, error) {
	var paths []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, nil
}

// goCommand runs the go command where it finds what s has.
func (s *Space) goCommand(ctx context.Context, dir string, args []string) error {
	at := s.base.src
	if s.m.Dir != "" {
		at = s.m.Dir
	}
	run := func(args []string) ([]byte, error) {
		cmd := group(exec.CommandContext(ctx, "go", args...))
		cmd.Dir, cmd.Env = at, append(slices.Clip(s.base.env), "TMPDIR="+dir)
		return cmd.CombinedOutput()
	}
	text, err := run(args)
	if err != nil && ctx.Err() == nil && bytes.Contains(text, []byte("updates to go.mod needed")) {
		// It needs a module that is only required by others, and would say so in go.mod: it may, in a copy.
		mod := filepath.Join(dir, "go.mod")
		if err := errors.Join(copyFile(filepath.Join(at, "go.mod"), mod), copyFile(filepath.Join(at, "go.sum"), filepath.Join(dir, "go.sum"))); err != nil {
			return err
		}
		text, err = run(append([]string{args[0], "-mod=mod", "-modfile=" + mod}, args[1:]...))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &ToolError{"go " + args[0], strings.TrimSpace(string(text)), err}
	}
	return nil
}
