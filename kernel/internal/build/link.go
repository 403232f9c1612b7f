package build

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// workerMain is all of the worker's own program.
const workerMain = "package main\n\nimport \"golab/kernel/internal/worker\"\n\nfunc main() { worker.Main() }\n"

// cellMain is the main package of every plugin: the generation's init functions register it.
const cellMain = "package main\n\nimport _ \"nb\"\n\nfunc main() {}\n"

// linkWorker makes the worker program of the same archives as cells are, so that both share every package.
func (b *Base) linkWorker(ctx context.Context, out string) error {
	dir, err := os.MkdirTemp(b.Dir, "worker")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	pkgs, err := b.closure([]string{"golab/kernel/internal/worker", "runtime/cgo", "plugin"})
	if err != nil {
		return err
	}
	cfg := filepath.Join(dir, "cfg")
	if err := writeConfig(cfg, pkgs, ""); err != nil {
		return err
	}
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte(workerMain), 0o600); err != nil {
		return err
	}
	obj := filepath.Join(dir, "main.a")
	if err := b.compile(ctx, dir, "main", cfg, obj, src); err != nil {
		return err
	}
	return b.run(ctx, dir, "link", "-o", out, "-importcfg", cfg, "-installsuffix", "dynlink", "-buildmode=pie",
		"-linkmode=external", "-s", "-w", "-extld=gcc", obj)
}

// Plugin compiles the files of one generation and links them to a plugin at out, in the folder dir, which it fills with
// intermediate files. imports is every path that the files import. A failing compiler is an error of type *ToolError.
func (b *Base) Plugin(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string) error {
	pkgs, err := b.closure(append([]string{"runtime/cgo"}, imports...))
	if err != nil {
		return err
	}
	cfg := filepath.Join(dir, "cfg")
	if err := writeConfig(cfg, pkgs, ""); err != nil {
		return err
	}
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	nb := filepath.Join(dir, "nb.a")
	if err := b.compile(ctx, dir, "nb", cfg, nb, paths...); err != nil {
		return err
	}
	return b.linkPlugin(ctx, dir, gen, pkgs, nb, out)
}

// linkPlugin is the stock way: the linker that comes with Go.
func (b *Base) linkPlugin(ctx context.Context, dir string, gen int, pkgs map[string]*pkg, nb, out string) error {
	path := fmt.Sprintf("nbcell/%d", gen)
	cfg := filepath.Join(dir, "linkcfg")
	if err := writeConfig(cfg, pkgs, nb); err != nil {
		return err
	}
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte(cellMain), 0o600); err != nil {
		return err
	}
	obj := filepath.Join(dir, "main.a")
	if err := b.compile(ctx, dir, path, cfg, obj, src); err != nil {
		return err
	}
	// The generation's functions and variables stay its own; its type descriptors are shared with all others.
	script := filepath.Join(dir, "version")
	if err := os.WriteFile(script, []byte("{ global: *; local: nb.*; go?link.pkghash*.nb; };\n"), 0o600); err != nil {
		return err
	}
	return b.run(ctx, dir, "link", "-o", out, "-importcfg", cfg, "-installsuffix", "dynlink", "-pluginpath", path,
		"-buildmode=plugin", "-s", "-w", "-extld=gcc", "-extldflags=-Wl,--version-script="+script, obj)
}

func (b *Base) compile(ctx context.Context, dir, path, cfg, out string, files ...string) error {
	args := append([]string{"-o", out, "-p", path, "-lang=go1.26", "-complete", "-installsuffix", "dynlink", "-dynlink",
		"-nolocalimports", "-importcfg", cfg, "-pack"}, files...)
	return b.run(ctx, dir, "compile", args...)
}

// writeConfig lists archives for the compiler or linker; nb, if not empty, is the archive of a generation.
func writeConfig(path string, pkgs map[string]*pkg, nb string) error {
	var s bytes.Buffer
	for p, k := range pkgs {
		fmt.Fprintf(&s, "packagefile %s=%s\n", p, k.File)
	}
	if nb != "" {
		fmt.Fprintf(&s, "packagefile nb=%s\n", nb)
	}
	return os.WriteFile(path, s.Bytes(), 0o600)
}

// ToolError is a compiler or linker that failed.
type ToolError struct {
	Tool   string
	Output string
	Err    error
}

func (e *ToolError) Error() string {
	return fmt.Sprintf("%s: %v\n%s", e.Tool, e.Err, e.Output)
}

func (e *ToolError) Unwrap() error { return e.Err }

func (b *Base) run(ctx context.Context, dir, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(b.tool, tool), args...)
	cmd.Dir, cmd.Env = dir, b.env
	cmd.Env = append(slices.Clip(cmd.Env), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &ToolError{tool, strings.TrimSpace(string(out)), err}
	}
	return nil
}
