package modules

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
)

// Dir is where the go.mod lies.
func (f *Folder) Dir() string { return f.dir }

// Stamp changes when go.mod or go.sum do.
func (f *Folder) Stamp() string {
	return stamps(filepath.Join(f.dir, "go.mod"), filepath.Join(f.dir, "go.sum"))
}

// Reread takes what somebody else, such as the user with the go command, has changed in go.mod: modules that are required
// there directly are what they asked for.
func (f *Folder) Reread(ctx context.Context) error {
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return err
	}
	direct := map[string]bool{}
	for _, r := range m.Require {
		if !r.Indirect && f.own[r.Path] == "" && r.Path != "golab" && cell.PlainPath(r.Path) == r.Path {
			direct[r.Path] = true
		}
	}
	for path := range f.direct {
		if m.versions()[path] != "" {
			direct[path] = true
		}
	}
	names, err := f.list(ctx, direct)
	if err != nil {
		return err
	}
	f.direct, f.names = direct, names
	return nil
}

// Older lists the versions of the module that holds a package, of those before the one which is required now, the newest
// first; without those before a release.
func (f *Folder) Older(ctx context.Context, pkg string) (module string, versions []string) {
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return "", nil
	}
	now := m.versions()
	module = longest(pkg, maps.Keys(now))
	out, err := f.output(ctx, "list", "-mod=mod", "-m", "-versions", "-f", `{{join .Versions " "}}`, module)
	if module == "" || err != nil {
		return module, nil
	}
	for _, v := range strings.Fields(out) {
		if v == now[module] {
			break
		}
		if !strings.Contains(v, "-") {
			versions = append(versions, v)
		}
	}
	slices.Reverse(versions)
	return module, versions
}

// Has reports whether a package can be imported from a module that was asked for.
func (f *Folder) Has(pkg string) bool { return f.names[pkg] != "" }

// Own is the module in dir and the version at which GoLab itself requires it; empty if it does not.
func (f *Folder) Own(ctx context.Context, dir string) (path, version string) {
	m, err := f.read(ctx, filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", ""
	}
	return m.Module.Path, f.own[m.Module.Path]
}

// Workspace lists the folders of modules that a go.work in the folder uses, other than the folder itself; ok is false if
// there is no go.work.
func (f *Folder) Workspace(ctx context.Context) (dirs []string, ok bool, err error) {
	file := filepath.Join(f.dir, "go.work")
	if _, err := os.Stat(file); err != nil {
		return nil, false, nil
	}
	out, err := f.output(ctx, "work", "edit", "-json", file)
	if err != nil {
		return nil, true, shorten(err)
	}
	var work struct {
		Use []struct{ DiskPath string }
	}
	if err := json.Unmarshal([]byte(out), &work); err != nil {
		return nil, true, err
	}
	for _, u := range work.Use {
		dir := u.DiskPath
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(f.dir, dir)
		}
		if dir != f.dir {
			dirs = append(dirs, dir)
		}
	}
	return dirs, true, nil
}
