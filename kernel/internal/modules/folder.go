// Package modules keeps what one session may import beyond GoLab's own requirements: modules at pinned versions, which
// the go command fetches with the user's own settings, and local modules, folders whose code changes while the session runs.
package modules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
)

// Folder is a session's go.mod: GoLab's requirements, so that all which the base holds has the same versions here, and
// the session's. It is not safe for concurrent use.
type Folder struct {
	dir    string
	root   string // of GoLab's sources
	goTool string
	env    []string

	own    map[string]string // GoLab's requirements: versions by module
	direct map[string]bool   // modules that the user asked for
	names  map[string]string // packages of those: names by import path
	locals locals
	n      int // number of the latest copy of a local module
}

// Packages is what a folder lets cells import.
type Packages struct {
	Dir      string            // where the go command finds it all
	Names    map[string]string // of packages, by import path
	Local    map[string]string // local modules: the path under which each is compiled now, by its own
	Versions map[string]string // of all other modules
}

// New makes the folder dir, for modules beyond those that the source tree root requires. The go command is goTool, run
// with env.
func New(ctx context.Context, dir, root, goTool string, env []string) (*Folder, error) {
	f := &Folder{dir: dir, root: root, goTool: goTool, env: append(slices.Clip(env), "GOTOOLCHAIN=local"), direct: map[string]bool{}, names: map[string]string{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	if err := f.edit(ctx, "-module=golab.session", "-require=golab@v0.0.0", "-replace=golab="+root); err != nil {
		return nil, err
	}
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return nil, err
	}
	f.own = m.versions()
	return f, nil
}

// Packages tells what cells may import now.
func (f *Folder) Packages(ctx context.Context) (Packages, error) {
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return Packages{}, err
	}
	p := Packages{Dir: f.dir, Names: maps.Clone(f.names), Local: map[string]string{}, Versions: map[string]string{}}
	for _, l := range f.locals {
		p.Local[l.path] = cell.LocalPath(l.n, l.path)
		maps.Copy(p.Names, l.packages)
	}
	for path, v := range m.versions() {
		if path == "golab" || cell.PlainPath(path) != path {
			continue
		}
		p.Versions[path] = v
	}
	return p, nil
}

// Change is a module whose version is another than before; empty where it is not required.
type Change struct{ Module, Old, New string }

func (c Change) String() string {
	switch {
	case c.Old == "":
		return c.Module + " " + c.New + " added"
	case c.New == "":
		return c.Module + " " + c.Old + " removed"
	}
	return fmt.Sprintf("%s %s → %s", c.Module, c.Old, c.New)
}

// Get has the go command find the modules of these arguments of `go get`, and reports what that changed. When it fails
// everything is as before.
func (f *Folder) Get(ctx context.Context, args []string) (changes []Change, err error) {
	for _, a := range args {
		path, version, _ := strings.Cut(a, "@")
		first, _, _ := strings.Cut(path, "/")
		switch {
		case version == "none" && f.own[path] != "":
			return nil, fmt.Errorf("GoLab itself requires %s; `%%get %s@%s` goes back to its version", path, path, f.own[path])
		case strings.HasPrefix(a, "-"):
			return nil, fmt.Errorf("%s: flags are not taken; set GOPROXY and the like in the environment or by `go env -w`", a)
		case strings.HasPrefix(a, ".") || strings.HasPrefix(a, "/"):
			return nil, fmt.Errorf("%s is a folder; `%%use %s` uses the module in it", a, a)
		case path == "golab" || strings.HasPrefix(path, "golab/"):
			return nil, fmt.Errorf("%s is GoLab itself, which every session has", path)
		case !strings.Contains(first, "."):
			return nil, fmt.Errorf("%q is not the path of a module, such as example.org/name", a)
		case f.localFor(path) != nil && f.localFor(path).version == "":
			return nil, fmt.Errorf("%s is taken from %s (`%%use`)", path, f.localFor(path).dir)
		}
	}
	keep, err := f.Backup()
	if err != nil {
		return nil, err
	}
	before, err := f.read(ctx, "go.mod")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			keep()
		}
	}()
	out, err := f.run(ctx, append([]string{"get"}, args...)...)
	if err != nil {
		return nil, f.explain(ctx, err, before, args)
	}
	for line := range strings.Lines(out) {
		var path, from, to string
		if n, _ := fmt.Sscanf(line, "go: downgraded %s %s => %s", &path, &from, &to); n == 3 && f.own[path] != "" {
			return nil, fmt.Errorf("that needs %s %s, but GoLab itself needs %s or newer", path, to, from)
		}
	}
	after, err := f.read(ctx, "go.mod")
	if err != nil {
		return nil, err
	}
	direct := maps.Clone(f.direct)
	now := after.versions()
	for _, a := range args {
		path, _, _ := strings.Cut(a, "@")
		if m := longest(path, maps.Keys(now)); m != "" && f.own[m] == "" {
			direct[m] = true
		}
	}
	maps.DeleteFunc(direct, func(m string, _ bool) bool { return now[m] == "" })
	names, err := f.list(ctx, direct)
	if err != nil {
		return nil, err
	}
	f.direct, f.names = direct, names
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasSuffix(a, "@none") }) {
		if err := f.sweep(ctx); err != nil {
			return nil, err
		}
		if after, err = f.read(ctx, "go.mod"); err != nil {
			return nil, err
		}
	}
	return diff(before.versions(), after.versions()), f.adapt(ctx)
}

// list finds the packages of modules: names by import path. What their go.mod and go.sum lines need is added.
func (f *Folder) list(ctx context.Context, modules map[string]bool) (map[string]string, error) {
	names := map[string]string{}
	if len(modules) == 0 {
		return names, nil
	}
	args := []string{"list", "-mod=mod", "-e", "-f", "{{.Name}} {{.ImportPath}}"}
	for m := range modules {
		args = append(args, m+"/...")
	}
	out, err := f.output(ctx, args...)
	if err != nil {
		return nil, shorten(err)
	}
	for line := range strings.Lines(out) {
		name, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && name != "main" && !internal(path) {
			names[path] = name
		}
	}
	return names, nil
}

func internal(path string) bool {
	return slices.Contains(strings.Split(path, "/"), "internal")
}

// longest is the one of modules that holds the package path; empty if none does.
func longest[Seq ~func(yield func(string) bool)](path string, modules Seq) string {
	best := ""
	for m := range modules {
		if (path == m || strings.HasPrefix(path, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

func diff(before, after map[string]string) []Change {
	var out []Change
	for m, v := range after {
		if before[m] != v && cell.PlainPath(m) == m {
			out = append(out, Change{m, before[m], v})
		}
	}
	for m, v := range before {
		if after[m] == "" && cell.PlainPath(m) == m {
			out = append(out, Change{m, v, ""})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Module, b.Module) })
	return out
}

// Backup returns what puts everything back to what it is now.
func (f *Folder) Backup() (restore func(), err error) {
	data := map[string][]byte{}
	for _, name := range []string{"go.mod", "go.sum"} {
		path := filepath.Join(f.dir, name)
		if data[path], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	direct, names, all := f.direct, f.names, slices.Clone(f.locals) // maps are replaced, not changed
	var were []local
	for _, l := range all {
		were = append(were, *l)
	}
	return func() {
		for path, b := range data {
			os.WriteFile(path, b, 0o600)
		}
		f.direct, f.names, f.locals = direct, names, all
		for i, l := range all {
			*l = were[i]
		}
	}, nil
}

// require adds lines "module version" to go.mod. A second line of one module raises the first, if it is newer: so the go
// command reads them, and writes them as one the next time that it may.
func (f *Folder) require(lines []string) error {
	mod := filepath.Join(f.dir, "go.mod")
	data, err := os.ReadFile(mod)
	if err != nil {
		return err
	}
	for _, line := range lines {
		data = append(data, "\nrequire "+line+" // indirect\n"...)
	}
	return os.WriteFile(mod, data, 0o600)
}

// addSums adds the lines of another go.sum.
func (f *Folder) addSums(file string) error {
	more, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	path := filepath.Join(f.dir, "go.sum")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for line := range bytes.Lines(old) {
		have[string(bytes.TrimSpace(line))] = true
	}
	for line := range bytes.Lines(more) {
		if s := string(bytes.TrimSpace(line)); s != "" && !have[s] {
			old = append(old, s+"\n"...)
		}
	}
	return os.WriteFile(path, old, 0o600)
}
