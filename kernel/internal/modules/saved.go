package modules

import (
	"bufio"
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

// Beside is the file in which the modules of a notebook are saved.
func Beside(notebook string) string {
	return strings.TrimSuffix(notebook, ".ipynb") + ".golab.mod"
}

// sums is the go.sum that goes with a saved file.
func sums(file string) string {
	return strings.TrimSuffix(file, ".mod") + ".sum"
}

// Requirement is a module of the session's that GoLab does not require, or not at this version.
type Requirement struct {
	Module, Version string
	Dir             string // of a local module, which has no version
	Own             string // the version that GoLab requires, if it does
	Indirect        bool   // the user asked for another one that needs it
}

// Requirements lists what the session has beyond GoLab's own.
func (f *Folder) Requirements(ctx context.Context) ([]Requirement, error) {
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return nil, err
	}
	var out []Requirement
	locals := f.Locals()
	for path, version := range m.versions() {
		if locals[path] == "" && path != "golab" && cell.PlainPath(path) == path && f.own[path] != version {
			out = append(out, Requirement{Module: path, Version: version, Own: f.own[path], Indirect: f.own[path] == "" && !f.direct[path]})
		}
	}
	for path, dir := range locals {
		out = append(out, Requirement{Module: path, Dir: dir})
	}
	slices.SortFunc(out, func(a, b Requirement) int { return strings.Compare(a.Module, b.Module) })
	return out, nil
}

// Save writes the session's modules to file, in the form of a go.mod, and what go.sum says of them beside it. Local
// modules are named by their place relative to the file.
func (f *Folder) Save(ctx context.Context, file string) error {
	reqs, err := f.Requirements(ctx)
	if err != nil {
		return err
	}
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Modules of a notebook beyond GoLab's own, by `%%mod save`. GoLab restores them when the notebook is opened.\n\nrequire (\n")
	for _, r := range reqs {
		switch {
		case r.Dir != "":
			fmt.Fprintf(&b, "\t%s %s\n", r.Module, noVersion(r.Module))
		case r.Indirect:
			fmt.Fprintf(&b, "\t%s %s // indirect\n", r.Module, r.Version)
		default:
			fmt.Fprintf(&b, "\t%s %s\n", r.Module, r.Version)
		}
	}
	b.WriteString(")\n")
	for _, r := range reqs {
		if r.Dir != "" {
			fmt.Fprintf(&b, "\nreplace %s => %s\n", r.Module, quoted(relative(filepath.Dir(file), r.Dir)))
		}
	}
	for _, r := range m.Replace { // by local modules' go.mod files
		if r.New.Version != "" {
			fmt.Fprintf(&b, "\nreplace %s => %s %s\n", strings.TrimSpace(r.Old.Path+" "+r.Old.Version), r.New.Path, r.New.Version)
		}
	}
	if err := write(file, b.Bytes()); err != nil {
		return err
	}
	lines, err := f.ownSums()
	if err != nil {
		return err
	}
	return write(sums(file), lines)
}

// relative is dir as seen from the folder from, where that can be said.
func relative(from, dir string) string {
	if abs, err := filepath.Abs(from); err == nil {
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			abs = real
		}
		if rel, err := filepath.Rel(abs, dir); err == nil {
			rel = filepath.ToSlash(rel)
			if !strings.HasPrefix(rel, "../") && rel != ".." {
				rel = "./" + rel
			}
			return rel
		}
	}
	return dir
}

func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`(),") || strings.Contains(path, "//") {
		return fmt.Sprintf("%q", path)
	}
	return path
}

// ownSums is the lines of go.sum that are not GoLab's.
func (f *Folder) ownSums() ([]byte, error) {
	root, err := os.ReadFile(filepath.Join(f.root, "go.sum"))
	if err != nil {
		return nil, err
	}
	all, err := os.ReadFile(filepath.Join(f.dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	theirs := map[string]bool{}
	for line := range bytes.Lines(root) {
		theirs[string(line)] = true
	}
	var out []byte
	for line := range bytes.Lines(all) {
		if !theirs[string(line)] {
			out = append(out, line...)
		}
	}
	return out, nil
}

// write replaces a file as a whole or not at all.
func write(file string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	w := bufio.NewWriter(tmp)
	w.Write(data)
	if err := errors.Join(w.Flush(), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// Load adds the modules saved in file. Where GoLab or the session needs a newer version, that is taken, as in Go. When it
// fails everything is as before.
func (f *Folder) Load(ctx context.Context, file string) (changes []Change, err error) {
	if file, err = filepath.Abs(file); err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file %s", file)
		}
		return nil, err
	}
	saved, err := f.read(ctx, file)
	if err != nil {
		return nil, err
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
	if err := f.addSums(sums(file)); err != nil {
		return nil, err
	}
	folders := map[string]bool{}
	var dirs []string
	for _, r := range saved.Replace {
		if r.New.Version != "" {
			old := r.Old.Path
			if r.Old.Version != "" {
				old += "@" + r.Old.Version
			}
			if err := f.edit(ctx, fmt.Sprintf("-replace=%s=%s@%s", old, r.New.Path, r.New.Version)); err != nil {
				return nil, err
			}
			continue
		}
		dir := filepath.FromSlash(r.New.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(file), dir)
		}
		folders[r.Old.Path] = true
		dirs = append(dirs, dir)
	}
	direct := maps.Clone(f.direct)
	var requires []string
	for _, r := range saved.Require {
		if folders[r.Path] {
			continue
		}
		requires = append(requires, r.Path+" "+r.Version)
		if !r.Indirect && f.own[r.Path] == "" {
			direct[r.Path] = true
		}
	}
	if err := f.require(requires); err != nil {
		return nil, err
	}
	if _, err := f.run(ctx, "list", "-mod=mod", "-m"); err != nil {
		return nil, f.explain(ctx, err, before, nil)
	}
	if len(direct) > 0 {
		args := append([]string{"mod", "download"}, slices.Sorted(maps.Keys(direct))...)
		if _, err := f.run(ctx, args...); err != nil {
			return nil, f.explain(ctx, err, before, nil)
		}
	}
	names, err := f.list(ctx, direct)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if _, err := f.Use(ctx, dir); err != nil {
			return nil, err
		}
	}
	after, err := f.read(ctx, "go.mod")
	if err != nil {
		return nil, err
	}
	f.direct, f.names = direct, names
	return diff(before.versions(), after.versions()), f.adapt(ctx)
}
