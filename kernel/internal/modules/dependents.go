package modules

import (
	"context"
	"maps"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
)

// adapt makes local modules also of those third-party ones that require a local one, directly or not: they use its code
// then, as they do where a go.mod replaces it, and their types are made of its types. GoLab's own modules, which are
// compiled already, go on with what they were compiled with.
func (f *Folder) adapt(ctx context.Context) error {
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return err
	}
	others := m.versions()
	maps.DeleteFunc(others, func(path, version string) bool {
		l := f.locals.at(path)
		return f.own[path] != "" || path == "golab" || cell.PlainPath(path) != path || l != nil && l.version == ""
	})
	found, err := f.dependents(ctx, others)
	if err != nil {
		return err
	}
	var args []string
	var changed []*local
	touched := map[string]bool{} // paths that mean another module than before
	for _, l := range slices.Clone(f.locals) {
		if now := found[l.path]; l.version != "" && (now == nil || now.version != l.version) {
			was := cell.LocalPath(l.n, l.path)
			args = append(args, "-droprequire="+was, "-dropreplace="+was)
			f.locals = slices.DeleteFunc(f.locals, func(x *local) bool { return x == l })
			touched[l.path] = true
		}
	}
	for path, l := range found {
		if f.locals.at(path) == nil {
			f.locals = append(f.locals, l)
			changed = append(changed, l)
			touched[path] = true
		}
	}
	if len(touched) == 0 {
		return nil
	}
	for _, l := range f.locals {
		for path := range touched {
			if !slices.Contains(changed, l) && l.uses(path) {
				changed = append(changed, l)
			}
		}
	}
	if err := f.edit(ctx, args...); err != nil {
		return err
	}
	return f.renew(ctx, changed)
}

// dependents finds those of the modules, versions by path, that require a local one.
func (f *Folder) dependents(ctx context.Context, others map[string]string) (map[string]*local, error) {
	found := map[string]*local{}
	if len(others) == 0 || !slices.ContainsFunc(f.locals, func(l *local) bool { return l.version == "" }) {
		return found, nil
	}
	requires, err := f.requires(ctx, others)
	if err != nil {
		return nil, err
	}
	depends := func(r string) bool {
		l := f.locals.at(r)
		return found[r] != nil || l != nil && l.version == ""
	}
	for grown := true; grown; {
		grown = false
		for path, rs := range requires {
			if found[path] == nil && slices.ContainsFunc(rs, depends) {
				found[path] = &local{path: path, version: others[path]}
				grown = true
			}
		}
	}
	for path, l := range found {
		if _, err := f.run(ctx, "mod", "download", path); err != nil {
			return nil, shorten(err)
		}
		dir, err := f.output(ctx, "list", "-mod=mod", "-m", "-f", "{{.Dir}}", path)
		if err != nil {
			return nil, shorten(err)
		}
		l.dir = strings.TrimSpace(dir)
	}
	return found, nil
}

// requires is what the go.mod files of modules, versions by path, require.
func (f *Folder) requires(ctx context.Context, modules map[string]string) (map[string][]string, error) {
	args := append([]string{"list", "-mod=mod", "-m", "-f", "{{.Path}}\t{{.GoMod}}"}, slices.Sorted(maps.Keys(modules))...)
	out, err := f.output(ctx, args...)
	if err != nil {
		return nil, shorten(err)
	}
	requires := map[string][]string{}
	for line := range strings.Lines(out) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if file == "" {
			continue
		}
		m, err := f.read(ctx, file)
		if err != nil {
			return nil, err
		}
		requires[path] = slices.Collect(maps.Keys(m.versions()))
	}
	return requires, nil
}

// sweep drops requirements that nothing needs any more.
func (f *Folder) sweep(ctx context.Context) error {
	m, err := f.read(ctx, "go.mod")
	if err != nil {
		return err
	}
	others := m.versions()
	maps.DeleteFunc(others, func(path, _ string) bool {
		return f.own[path] != "" || path == "golab" || cell.PlainPath(path) != path
	})
	if len(others) == 0 {
		return nil
	}
	requires, err := f.requires(ctx, others)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	var need func(path string)
	need = func(path string) {
		if !needed[path] {
			needed[path] = true
			for _, r := range requires[path] {
				need(r)
			}
		}
	}
	for path := range f.direct {
		need(path)
	}
	for _, l := range f.locals {
		for _, r := range l.mod.Require {
			need(r.Path)
		}
	}
	var args []string
	for path := range others {
		if !needed[path] {
			args = append(args, "-droprequire="+path)
		}
	}
	return f.edit(ctx, args...)
}
