package build

import (
	"context"
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
	cmd := group(exec.CommandContext(ctx, "go", args...))
	cmd.Dir = s.base.src
	if s.m.Dir != "" {
		cmd.Dir = s.m.Dir
	}
	cmd.Env = append(slices.Clip(s.base.env), "TMPDIR="+dir)
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &ToolError{"go " + args[0], strings.TrimSpace(string(text)), err}
	}
	return nil
}
