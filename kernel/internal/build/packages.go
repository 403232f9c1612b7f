// Package build turns checked cells into code that the worker loads. It calls Go's compiler and linker directly, with
// the packages that a cell may import compiled once beforehand: the base.
package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// roots are the packages compiled ahead, with all that they import. Others are compiled when a cell first imports them.
var roots = []string{
	"std",
	"golab/kernel/live", "golab/kernel/nb", "golab/kernel/internal/worker",
	"golab/mlx/...", "golab/viz/...", "golab/datasets/...",
	"github.com/go-gota/gota/...",
	"github.com/go-echarts/go-echarts/v2/...",
	"github.com/gomlx/gomlx/core/...", "github.com/gomlx/gomlx/ml/...",
	"github.com/gomlx/compute/gobackend", "github.com/gomlx/compute/dtypes/...", "github.com/gomlx/compute/shapes",
	"github.com/janpfeifer/gonb/gonbui/...",
}

// pkg is a compiled package.
type pkg struct {
	Name    string
	File    string   // archive with export data and object code
	Imports []string // resolved
	Base    bool     // part of the base, not compiled later
	Module  string   // "path@version", empty for the standard library
}

// forget drops packages compiled since the base was made whose archives go's cache no longer has, and reports if there were any.
func (b *Base) forget() (any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for path, p := range b.packages {
		if p.Base {
			continue
		}
		if _, err := os.Stat(p.File); err != nil {
			delete(b.packages, path)
			any = true
		}
	}
	return any
}

// index makes the table from names to paths that imports are completed from: the shortest path first, the standard
// library before others.
func (b *Base) index() {
	b.names = map[string][]string{"unsafe": {"unsafe"}}
	for path, p := range b.packages {
		if strings.Contains(path, "/internal/") || strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "vendor/") || strings.HasSuffix(path, "/internal") || p.Name == "main" {
			continue
		}
		b.names[p.Name] = append(b.names[p.Name], path)
	}
	for _, paths := range b.names {
		slices.SortFunc(paths, func(x, y string) int {
			if d := rank(x) - rank(y); d != 0 {
				return d
			}
			return strings.Compare(x, y)
		})
	}
}

// rank orders packages of one name: GoLab's own, then the standard library's usual ones, then by length.
func rank(path string) int {
	switch path {
	case "math/rand", "text/template":
		return 0
	case "crypto/rand", "html/template", "math/rand/v2":
		return 200
	}
	r := len(path)
	first, _, _ := strings.Cut(path, "/")
	switch {
	case first == "golab":
	case !strings.Contains(first, "."):
		r += 20
	default:
		r += 1000
	}
	return r
}

// Candidates lists the import paths of packages with that name, the likeliest first.
func (b *Base) Candidates(name string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.names[name]
}

// position is where something in a source file is wrong.
var position = regexp.MustCompile(`\w:\d+:\d+: `)

// list compiles packages and all they import, as plugins need them, where the go.mod in dir has them.
func (b *Base) list(ctx context.Context, dir string, patterns []string) (map[string]*pkg, error) {
	args := []string{"list", "-e", "-buildmode=plugin", "-export", "-deps", "-json=ImportPath,Name,Export,Imports,ImportMap,Module,Error,DepsErrors"}
	if flags := b.linker.compile(); len(flags) > 0 {
		args = append(args, "-gcflags=all="+strings.Join(flags, " "))
	}
	if files := b.linker.sources(b.goroot); len(files) > 0 {
		dir, err := os.MkdirTemp("", "golab-overlay-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		overlay, err := writeOverlay(dir, files)
		if err != nil {
			return nil, err
		}
		args = append(args, "-overlay", overlay)
	}
	args = append(args, patterns...)
	cmd := group(exec.CommandContext(ctx, "go", args...))
	cmd.Dir, cmd.Env = dir, b.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && (stdout.Len() == 0 || cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0): // nothing listed, or killed
		return nil, fmt.Errorf("%s (go list: %w)", strings.TrimSpace(stderr.String()), err)
	}
	pkgs := map[string]*pkg{}
	dec := json.NewDecoder(&stdout)
	for {
		var p struct {
			ImportPath, Name, Export string
			Imports                  []string
			ImportMap                map[string]string
			Module                   *struct{ Path, Version string }
			Error                    *struct{ Err string }
		}
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		// Of many packages those that do not compile, or lack a module, are left out; but not if that is for want of space
		// or the like.
		if p.Error != nil && (len(patterns) == 1 || strings.HasPrefix(p.Error.Err, "# ") && !position.MatchString(p.Error.Err)) {
			return nil, errors.New(strings.TrimSpace(p.Error.Err))
		}
		if p.Export == "" {
			continue
		}
		for i, im := range p.Imports {
			if r := p.ImportMap[im]; r != "" {
				p.Imports[i] = r
			}
		}
		if slices.Contains(p.Imports, "C") { // what the code that cgo adds imports
			p.Imports = append(p.Imports, "runtime/cgo", "syscall")
		}
		p.Imports = slices.DeleteFunc(p.Imports, func(s string) bool { return s == "C" || s == "unsafe" })
		k := &pkg{Name: p.Name, File: p.Export, Imports: p.Imports}
		if p.Module != nil {
			k.Module = p.Module.Path + "@" + p.Module.Version
		}
		pkgs[p.ImportPath] = k
	}
	if len(pkgs) == 0 {
		return nil, fmt.Errorf("go list compiled nothing\n%s", stderr.Bytes())
	}
	return pkgs, nil
}

// checkPath keeps the go command from reading path as anything but a package.
func checkPath(path string) error {
	if path == "" || strings.ContainsAny(path, " \t\n\"'`;*") || strings.HasPrefix(path, "-") || strings.HasPrefix(path, ".") {
		return fmt.Errorf("%q is not an import path", path)
	}
	return nil
}

// find returns a compiled package, compiling it first if the base does not have it.
func (b *Base) find(path string) (*pkg, error) {
	b.mu.Lock()
	p := b.packages[path]
	b.mu.Unlock()
	if p != nil {
		return p, nil
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	pkgs, err := b.list(context.Background(), b.src, []string{path})
	if err != nil {
		msg, _, _ := strings.Cut(err.Error(), "\n")
		for _, missing := range []string{"no required module provides", "updates to go.mod needed", "missing go.sum entry"} {
			if strings.Contains(msg, missing) {
				msg = "it is neither in the standard library nor in a module that GoLab requires"
				if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
					msg += "; " + gets(path) + "its module"
				}
			}
		}
		return nil, fmt.Errorf("package %s can't be imported: %s", path, msg)
	}
	if pkgs[path] == nil {
		return nil, fmt.Errorf("package %s can't be imported: it does not compile", path)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for path, p := range pkgs {
		if b.packages[path] == nil {
			b.packages[path] = p
		}
	}
	b.index()
	return b.packages[path], nil
}

// closure is the packages that paths import, directly or not, themselves included.
func (b *Base) closure(paths []string) (map[string]*pkg, error) { return closure(b.find, paths) }

func closure(find func(path string) (*pkg, error), paths []string) (map[string]*pkg, error) {
	all := map[string]*pkg{}
	var add func(path string) error
	add = func(path string) error {
		if path == "unsafe" || all[path] != nil {
			return nil
		}
		p, err := find(path)
		if err != nil {
			return err
		}
		all[path] = p
		for _, im := range p.Imports {
			if err := add(im); err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range paths {
		if err := add(p); err != nil {
			return nil, err
		}
	}
	return all, nil
}
