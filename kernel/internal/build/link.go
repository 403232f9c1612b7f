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
	"time"
)

// linker is a way to make plugins that share types and variables with the worker.
type linker interface {
	// name is part of a base's key.
	name() string
	// compile is what the compiler needs beyond the flags for plugins.
	compile() []string
	// sources are files of Go that the packages are compiled with in place of those in goroot, by path.
	sources(goroot string) map[string]string
	// prepare makes, in b.Dir, the worker and what else is needed to link plugins that fit it. It returns a hash of what
	// they share.
	prepare(ctx context.Context, b *Base, dir string) (hash string, err error)
	link(ctx context.Context, b *Base, l linkJob) error
}

// linkJob is a worker or plugin to be linked. dir takes intermediate files.
type linkJob struct {
	dir, out string
	obj      string          // archive of the worker's main package or of the generation
	pkgs     map[string]*pkg // all that it imports, directly or not
	gen      int             // of a plugin; 0 for the worker
	debug    bool            // keep what a debugger reads
}

// Times is how long making a plugin took.
type Times struct{ Compile, Link time.Duration }

// symbols is the linker's flags for what only debuggers read.
func (j linkJob) symbols() []string {
	if j.debug {
		return []string{"-compressdwarf=false"} // it is read once, at once
	}
	return []string{"-s", "-w"}
}

// workerMain is all of the worker's own program.
const workerMain = "package main\n\nimport \"golab/kernel/internal/worker\"\n\nfunc main() { worker.Main() }\n"

// linkWorker makes the worker program of the same archives as cells are, so that both share every package.
func (b *Base) linkWorker(ctx context.Context, dir string) error {
	pkgs, err := b.closure([]string{"golab/kernel/internal/worker", "runtime/cgo", "plugin"})
	if err != nil {
		return err
	}
	obj, err := b.compileMain(ctx, dir, workerMain, "main", pkgs, "", false)
	if err != nil {
		return err
	}
	return b.linker.link(ctx, b, linkJob{dir: dir, out: b.worker(), obj: obj, pkgs: pkgs})
}

// Plugin compiles the files of one generation and links them to a plugin at out, in the folder dir, which it fills with
// intermediate files. gen, over 0, tells plugins apart. imports is every path that the files import. A failing compiler is
// an error of type *ToolError.
func (b *Base) Plugin(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string) (Times, error) {
	return b.Space().Plugin(ctx, dir, gen, files, imports, out)
}

// plugin is Plugin with pkgs, all that the files import, directly or not. With debug, the files are compiled for a debugger.
func (b *Base) plugin(ctx context.Context, dir string, gen int, files map[string]string, pkgs map[string]*pkg, out string, debug bool) (Times, error) {
	b.used()
	var t Times
	start := time.Now()
	var paths []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return t, err
		}
		if name == EmbedConfig {
			path = "-embedcfg=" + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths) // flags first
	cfg := filepath.Join(dir, "cfg")
	if err := writeConfig(cfg, pkgs, ""); err != nil {
		return t, err
	}
	nb := filepath.Join(dir, "nb.a")
	err := b.compile(ctx, dir, "nb", cfg, nb, debug, paths...)
	t.Compile = time.Since(start)
	if err != nil {
		return t, err
	}
	start = time.Now()
	err = b.linker.link(ctx, b, linkJob{dir: dir, out: out, obj: nb, pkgs: pkgs, gen: gen, debug: debug})
	t.Link = time.Since(start)
	return t, err
}

// compileMain compiles a main package that may import nb, the archive of a generation.
func (b *Base) compileMain(ctx context.Context, dir, text, path string, pkgs map[string]*pkg, nb string, debug bool) (obj string, err error) {
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		return "", err
	}
	cfg := filepath.Join(dir, "maincfg")
	if err := writeConfig(cfg, pkgs, nb); err != nil {
		return "", err
	}
	obj = filepath.Join(dir, "main.a")
	return obj, b.compile(ctx, dir, path, cfg, obj, debug, src)
}

func (b *Base) compile(ctx context.Context, dir, path, cfg, out string, debug bool, files ...string) error {
	args := []string{"-o", out, "-p", path, "-lang=go1.26", "-complete", "-installsuffix", "dynlink", "-dynlink",
		"-nolocalimports", "-importcfg", cfg, "-pack"}
	if debug {
		args = append(args, "-N", "-l") // every variable in memory, every call a call
	} else {
		args = append(args, "-dwarf=false")
	}
	return b.tool(ctx, dir, filepath.Join(b.tools, "compile"), append(append(args, b.linker.compile()...), files...)...)
}

// stock is the linker that comes with Go. Every plugin carries a copy of all packages that its cell reaches.
type stock struct{}

func (stock) name() string                            { return "stock" }
func (stock) compile() []string                       { return nil }
func (stock) sources(goroot string) map[string]string { return editedOS(goroot) }

func (stock) prepare(ctx context.Context, b *Base, dir string) (hash string, err error) {
	return "", b.linkWorker(ctx, dir)
}

// cellMain is the main package of every plugin of the stock linker: the generation's init functions register it.
const cellMain = "package main\n\nimport _ \"nb\"\n\nfunc main() {}\n"

func (stock) link(ctx context.Context, b *Base, j linkJob) error {
	nb, obj := "", j.obj
	args := append([]string{"-o", j.out, "-importcfg", filepath.Join(j.dir, "linkcfg"), "-installsuffix", "dynlink", "-extld=gcc"}, j.symbols()...)
	if j.gen == 0 {
		args = append(args, "-buildmode=pie", "-linkmode=external")
	} else {
		path := fmt.Sprintf("nbcell/%d", j.gen)
		nb = j.obj
		var err error
		if obj, err = b.compileMain(ctx, j.dir, cellMain, path, j.pkgs, nb, j.debug); err != nil {
			return err
		}
		hide, err := hideGeneration(j.dir)
		if err != nil {
			return err
		}
		args = append(args, "-buildmode=plugin", "-pluginpath", path, "-extldflags="+hide)
	}
	if err := writeConfig(filepath.Join(j.dir, "linkcfg"), j.pkgs, nb); err != nil {
		return err
	}
	return b.tool(ctx, j.dir, filepath.Join(b.tools, "link"), append(args, obj)...)
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

// systemLinker is the path of the linker that gcc calls; empty if it can't be had.
func systemLinker(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "gcc", "-print-prog-name=ld").Output()
	if err != nil {
		return ""
	}
	path, err := exec.LookPath(strings.TrimSpace(string(out)))
	if err != nil {
		return ""
	}
	return path
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

// tool runs Go's compiler or linker. They end before their garbage is worth collecting; where it would be, the limit sees to that.
func (b *Base) tool(ctx context.Context, dir, tool string, args ...string) error {
	return b.run(ctx, dir, []string{"GOGC=off", "GOMEMLIMIT=512MiB", "GOLAB_LD=" + b.manifest.LD}, tool, args...)
}

func (b *Base) run(ctx context.Context, dir string, env []string, tool string, args ...string) error {
	cmd := group(exec.CommandContext(ctx, tool, args...))
	cmd.Dir = dir
	cmd.Env = append(append(slices.Clip(b.env), "TMPDIR="+dir), env...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &ToolError{filepath.Base(tool), strings.TrimSpace(string(out)), err}
	}
	return nil
}
