package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// linker is a way to make plugins that share types and variables with the worker.
type linker interface {
	// name is part of a base's key.
	name() string
	// compile is what the compiler needs beyond the flags for plugins.
	compile() []string
	// prepare makes, in b.Dir, what the base needs before a worker or plugin is linked.
	prepare(ctx context.Context, b *Base, dir string) error
	// link links obj, whose packages are pkgs and, of a cell, nb; of a plugin, path is its plugin path.
	link(ctx context.Context, b *Base, l linkJob) error
}

type linkJob struct {
	dir, out, obj string
	pkgs          map[string]*pkg
	nb            string // archive of a generation; empty for the worker
	path          string
}

// workerMain is all of the worker's own program.
const workerMain = "package main\n\nimport \"golab/kernel/internal/worker\"\n\nfunc main() { worker.Main() }\n"

// cellMain is the main package of every plugin: the generation's init functions register it.
const cellMain = "package main\n\nimport _ \"nb\"\n\nfunc main() {}\n"

// linkWorker makes the worker program of the same archives as cells are, so that both share every package.
func (b *Base) linkWorker(ctx context.Context, dir, out string) error {
	pkgs, err := b.closure([]string{"golab/kernel/internal/worker", "runtime/cgo", "plugin"})
	if err != nil {
		return err
	}
	return b.main(ctx, workerMain, "main", linkJob{dir: dir, out: out, pkgs: pkgs})
}

// Plugin compiles the files of one generation and links them to a plugin at out, in the folder dir, which it fills with
// intermediate files. imports is every path that the files import. A failing compiler is an error of type *ToolError.
func (b *Base) Plugin(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string) error {
	pkgs, err := b.closure(append([]string{"runtime/cgo"}, imports...))
	if err != nil {
		return err
	}
	return b.plugin(ctx, dir, gen, files, pkgs, out)
}

// plugin is Plugin with pkgs, all that the files import, directly or not.
func (b *Base) plugin(ctx context.Context, dir string, gen int, files map[string]string, pkgs map[string]*pkg, out string) error {
	var paths []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	cfg := filepath.Join(dir, "cfg")
	if err := writeConfig(cfg, pkgs, ""); err != nil {
		return err
	}
	nb := filepath.Join(dir, "nb.a")
	if err := b.compile(ctx, dir, "nb", cfg, nb, paths...); err != nil {
		return err
	}
	path := fmt.Sprintf("nbcell/%d", gen)
	return b.main(ctx, cellMain, path, linkJob{dir: dir, out: out, pkgs: pkgs, nb: nb, path: path})
}

// main compiles a main package and links it.
func (b *Base) main(ctx context.Context, text, path string, job linkJob) error {
	src := filepath.Join(job.dir, "main.go")
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		return err
	}
	cfg := filepath.Join(job.dir, "maincfg")
	if err := writeConfig(cfg, job.pkgs, job.nb); err != nil {
		return err
	}
	job.obj = filepath.Join(job.dir, "main.a")
	if err := b.compile(ctx, job.dir, path, cfg, job.obj, src); err != nil {
		return err
	}
	return b.linker.link(ctx, b, job)
}

func (b *Base) compile(ctx context.Context, dir, path, cfg, out string, files ...string) error {
	args := []string{"-o", out, "-p", path, "-lang=go1.26", "-complete", "-installsuffix", "dynlink", "-dynlink",
		"-nolocalimports", "-importcfg", cfg, "-pack"}
	return b.run(ctx, dir, filepath.Join(b.tool, "compile"), append(append(args, b.linker.compile()...), files...)...)
}

// stock is the linker that comes with Go. Every plugin carries a copy of all packages that its cell reaches.
type stock struct{}

func (stock) name() string                                 { return "stock" }
func (stock) compile() []string                            { return nil }
func (stock) prepare(context.Context, *Base, string) error { return nil }
func (stock) link(ctx context.Context, b *Base, j linkJob) error {
	cfg := filepath.Join(j.dir, "linkcfg")
	if err := writeConfig(cfg, j.pkgs, j.nb); err != nil {
		return err
	}
	args := []string{"-o", j.out, "-importcfg", cfg, "-installsuffix", "dynlink", "-s", "-w", "-extld=gcc"}
	if j.nb == "" {
		args = append(args, "-buildmode=pie", "-linkmode=external")
	} else {
		hide, err := hideGeneration(j.dir)
		if err != nil {
			return err
		}
		args = append(args, "-buildmode=plugin", "-pluginpath", j.path, "-extldflags="+hide)
	}
	return b.run(ctx, j.dir, filepath.Join(b.tool, "link"), append(args, j.obj)...)
}

// hideGeneration writes to dir what keeps a generation's functions and variables its own, while its type descriptors are
// shared with all others, and returns the flag for the system's linker, which runs in dir. (That of macOS has not been tried.)
func hideGeneration(dir string) (flag string, err error) {
	file, text, flag := "version", "{ global: *; local: nb.*; go?link.pkghash*.nb; };\n", "-Wl,--version-script="
	if runtime.GOOS == "darwin" {
		file, text, flag = "unexported", "_nb.*\n_go?link.pkghash*.nb\n", "-Wl,-unexported_symbols_list,"
	}
	return flag + file, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600)
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
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(slices.Clip(b.env), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &ToolError{filepath.Base(tool), strings.TrimSpace(string(out)), err}
	}
	return nil
}
