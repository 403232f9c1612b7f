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
	var paths []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	args := append([]string{"build", "-o", out}, flags...)
	cmd := group(exec.CommandContext(ctx, "go", append(args, paths...)...))
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
		return &ToolError{"go build", strings.TrimSpace(string(text)), err}
	}
	return nil
}
