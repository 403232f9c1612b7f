package modules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golab/kernel/internal/cell"
)

// local is a local module. Each of its versions is a copy of its source files in the session's folder, in which module
// and imports have the version's path: so the go command compiles it as it is, and old and new code can be in one
// process. Line directives name the files that the user edits.
type local struct {
	path    string // as its go.mod names it
	dir     string
	version string // of a third-party module that is treated as a local one, see adapt; else empty

	n, last  int               // of its latest copy and of the one before, which may be needed again
	mod      *modFile          // its go.mod
	packages map[string]string // names by import path
	imports  map[string]bool   // paths that its packages import
	embeds   []string          // patterns of files and folders that its packages embed
	seen     string            // what the files looked like when they were copied, or failed to compile
}

// sources is what of a package's folder is compiled.
var sources = map[string]bool{".go": true, ".s": true, ".S": true, ".c": true, ".h": true, ".cc": true, ".cpp": true, ".cxx": true,
	".m": true, ".hh": true, ".hpp": true, ".hxx": true, ".f": true, ".F": true, ".for": true, ".f90": true, ".syso": true}

type locals []*local

// at is the module of that path; nil if there is none.
func (ls locals) at(path string) *local {
	for _, l := range ls {
		if l.path == path {
			return l
		}
	}
	return nil
}

// localFor is the local module that holds the package path; nil if none does.
func (f *Folder) localFor(path string) *local {
	var best *local
	for _, l := range f.locals {
		if (path == l.path || strings.HasPrefix(path, l.path+"/")) && (best == nil || len(l.path) > len(best.path)) {
			best = l
		}
	}
	return best
}

// Use adds the module in dir, or in the nearest folder above it, and those local ones by which its go.mod replaces
// others. It returns their paths, its own first; none is new if all are there already. When it fails everything is as
// before.
func (f *Folder) Use(ctx context.Context, dir string) (paths []string, err error) {
	keep, err := f.Backup()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			keep()
		}
	}()
	added, err := f.find(ctx, dir)
	if err != nil {
		return nil, err
	}
	var fresh []*local
	for _, l := range added {
		paths = append(paths, l.path)
		if l.n == 0 {
			fresh = append(fresh, l)
		}
	}
	if len(fresh) > 0 {
		for _, l := range f.locals { // what imports them finds them here from now on
			if l.n > 0 && slices.ContainsFunc(fresh, func(x *local) bool { return l.uses(x.path) }) {
				fresh = append(fresh, l)
			}
		}
		if err := f.renew(ctx, fresh); err != nil {
			return nil, err
		}
		if err := f.adapt(ctx); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// find makes the records of the module in dir and of those that it names by folder.
func (f *Folder) find(ctx context.Context, dir string) ([]*local, error) {
	start := dir
	dir, err := filepath.EvalSymlinks(start)
	if err != nil {
		return nil, fmt.Errorf("there is no folder %s", start)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			return nil, fmt.Errorf("neither %s nor a folder above it has a go.mod\nhint: `go mod init example.org/name` makes one", start)
		}
		dir = up
	}
	m, err := f.read(ctx, filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	switch name := m.Module.Path; {
	case name == "":
		return nil, fmt.Errorf("%s names no module", filepath.Join(dir, "go.mod"))
	case name == "golab":
		return nil, errors.New("that is GoLab itself, which every session has; a change of it needs a restart of the kernel")
	}
	if l := f.locals.at(m.Module.Path); l != nil && l.version == "" {
		if l.dir != dir {
			return nil, fmt.Errorf("%s is taken from %s already", l.path, l.dir)
		}
		return []*local{l}, nil
	}
	f.locals = slices.DeleteFunc(slices.Clone(f.locals), func(l *local) bool { return l.path == m.Module.Path })
	l := &local{path: m.Module.Path, dir: dir}
	f.locals = append(f.locals, l)
	all := []*local{l}
	for _, r := range m.Replace {
		switch {
		case r.Old.Path == "golab":
		case r.New.Version != "" && f.own[r.Old.Path] != "": // the base has it as it is
		case r.New.Version == "": // a folder
			to := r.New.Path
			if !filepath.IsAbs(to) {
				to = filepath.Join(dir, to)
			}
			more, err := f.find(ctx, to)
			if err != nil {
				return nil, fmt.Errorf("%s: replace %s: %w", filepath.Join(dir, "go.mod"), r.Old.Path, err)
			}
			all = append(all, more...)
		default:
			old := r.Old.Path
			if r.Old.Version != "" {
				old += "@" + r.Old.Version
			}
			if err := f.edit(ctx, fmt.Sprintf("-replace=%s=%s@%s", old, r.New.Path, r.New.Version)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// Renewal is a change of local modules.
type Renewal struct {
	Edited  []string // the paths of those whose files differ
	Modules []string // these and those that import them
	// Undo takes the earlier copies again: until the next look, or until files change once more.
	Undo func(lookAgain bool)
}

// Renew copies the local modules whose files have changed since the last look, and those that import them, as their next
// versions. It is nil if nothing changed; looking costs a system call a file.
func (f *Folder) Renew(ctx context.Context) (r *Renewal, err error) {
	var changed []*local
	for _, l := range f.locals {
		if l.version == "" && l.look() != l.seen {
			changed = append(changed, l)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	r = &Renewal{}
	for _, l := range changed {
		r.Edited = append(r.Edited, l.path)
	}
	for grown := true; grown; {
		grown = false
		for _, l := range f.locals {
			if !slices.Contains(changed, l) && slices.ContainsFunc(changed, func(c *local) bool { return l.uses(c.path) }) {
				changed, grown = append(changed, l), true
			}
		}
	}
	keep, err := f.Backup()
	if err != nil {
		return nil, err
	}
	for _, l := range changed {
		r.Modules = append(r.Modules, l.path)
	}
	r.Undo = func(lookAgain bool) {
		var seen []string
		for _, l := range changed {
			seen = append(seen, l.seen)
		}
		keep()
		for i, l := range changed {
			if !lookAgain {
				l.seen = seen[i]
			}
		}
	}
	if err := f.renew(ctx, changed); err != nil {
		for _, l := range changed {
			l.seen = l.look()
		}
		r.Undo(ctx.Err() != nil)
		return nil, err
	}
	return r, nil
}

// uses reports whether a package of l imports one of the module of that path.
func (l *local) uses(module string) bool {
	for p := range l.imports {
		if p == module || strings.HasPrefix(p, module+"/") {
			return true
		}
	}
	return false
}

// renew copies modules and makes go.mod name the copies.
func (f *Folder) renew(ctx context.Context, changed []*local) error {
	var args []string
	for _, l := range changed {
		if l.n > 0 {
			was := cell.LocalPath(l.n, l.path)
			args = append(args, "-droprequire="+was, "-dropreplace="+was)
		}
		if l.last > 0 {
			os.RemoveAll(filepath.Join(f.dir, "local", strconv.Itoa(l.last)))
		}
		f.n++ // never the number of another copy: what has been loaded keeps its path
		l.n, l.last = f.n, l.n
	}
	var list []string
	for _, l := range changed {
		to := filepath.Join("local", strconv.Itoa(l.n))
		if err := f.copy(ctx, l, filepath.Join(f.dir, to)); err != nil {
			return err
		}
		now := cell.LocalPath(l.n, l.path)
		args = append(args, "-require="+now+"@"+noVersion(l.path), "-replace="+now+"=./"+to)
		list = append(list, now+"/...")
		if err := f.addSums(filepath.Join(l.dir, "go.sum")); err != nil {
			return err
		}
	}
	if err := f.edit(ctx, args...); err != nil {
		return err
	}
	// Cells may import what local modules require.
	var requires []string
	for _, l := range changed {
		for _, r := range l.mod.Require {
			if r.Path != "golab" && f.locals.at(r.Path) == nil {
				requires = append(requires, r.Path+" "+r.Version)
			}
		}
	}
	if err := f.require(requires); err != nil {
		return err
	}
	// What the modules need is added to go.mod.
	if _, err := f.output(ctx, append([]string{"list", "-mod=mod", "-e", "-f", "{{.ImportPath}}"}, list...)...); err != nil {
		return errors.New(cell.PlainPaths(shorten(err).Error()))
	}
	return nil
}

var majorSuffix = regexp.MustCompile(`/v([2-9]|[1-9][0-9]+)$`)

// noVersion is a version that a module of that path can have.
func noVersion(path string) string {
	if m := majorSuffix.FindStringSubmatch(path); m != nil {
		return "v" + m[1] + ".0.0"
	}
	return "v0.0.0"
}

// walk calls f for each source file of the module.
func (l *local) walk(f func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if path == l.dir {
			return err
		}
		if err != nil { // can't be read, or is gone meanwhile
			return fs.SkipDir
		}
		name := d.Name()
		if d.IsDir() {
			if name == "testdata" || name == "vendor" || name[0] == '.' || name[0] == '_' {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !sources[filepath.Ext(name)] || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil // gone meanwhile, or a link to nothing, as editors make them
		}
		return f(path, info)
	})
}

// look describes the module's files.
func (l *local) look() string { return l.lookAtSources() + l.lookAtEmbedded() }

func (l *local) lookAtSources() string {
	var b strings.Builder
	err := l.walk(func(path string, info fs.FileInfo) error {
		fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	return b.String() + stamps(filepath.Join(l.dir, "go.mod"), filepath.Join(l.dir, "go.sum"))
}

func (l *local) lookAtEmbedded() string { return stamps(l.embedded()...) }

// stamps describes files.
func stamps(files ...string) string {
	var b strings.Builder
	for _, p := range files {
		if info, err := os.Stat(p); err == nil {
			fmt.Fprintln(&b, p, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// embedded is the files that its packages embed, and perhaps more of the same folders: the go command knows which.
func (l *local) embedded() []string {
	var files []string
	for _, pattern := range l.embeds {
		matches, _ := filepath.Glob(pattern)
		for _, match := range matches {
			filepath.WalkDir(match, func(p string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					files = append(files, p)
				}
				return nil
			})
		}
	}
	return files
}

// copy copies the module to the folder to, as version l.n, and notes what it holds.
func (f *Folder) copy(ctx context.Context, l *local, to string) error {
	l.packages, l.imports, l.embeds = map[string]string{}, map[string]bool{}, nil
	write := func(file string, data []byte) error {
		rel, err := filepath.Rel(l.dir, file)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
			return err
		}
		return os.WriteFile(dst, data, 0o600)
	}
	l.seen = l.lookAtSources() // before reading: what changes meanwhile is noticed the next time
	err := l.walk(func(file string, info fs.FileInfo) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if filepath.Ext(file) == ".go" {
			data = f.goFile(l, file, data)
		}
		return write(file, data)
	})
	if err != nil {
		return err
	}
	l.seen += l.lookAtEmbedded()
	for _, file := range l.embedded() {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := write(file, data); err != nil {
			return err
		}
	}
	mod := filepath.Join(l.dir, "go.mod")
	data, err := os.ReadFile(mod)
	if err != nil {
		return err
	}
	if l.mod, err = f.read(ctx, mod); err != nil {
		return err
	}
	if err := write(mod, data); err != nil {
		return err
	}
	args := []string{"mod", "edit", "-module=" + cell.LocalPath(l.n, l.path)}
	for _, other := range f.locals {
		args = append(args, "-droprequire="+other.path)
	}
	_, err = f.run(ctx, append(args, filepath.Join(to, "go.mod"))...)
	return shorten(err)
}

// goFile is a Go file as it stands in the copy.
func (f *Folder) goFile(l *local, file string, data []byte) []byte {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, data, parser.ImportsOnly|parser.ParseComments|parser.SkipObjectResolution)
	if err != nil || parsed.Name == nil {
		return named(file, data) // the compiler will say what is wrong
	}
	if rel, err := filepath.Rel(l.dir, filepath.Dir(file)); err == nil && parsed.Name.Name != "main" {
		if p := path.Join(l.path, filepath.ToSlash(rel)); l.version == "" || !internal(p) {
			l.packages[p] = parsed.Name.Name
		}
	}
	for _, m := range embedLine.FindAllSubmatch(data, -1) {
		for _, pattern := range fields(string(m[1])) {
			l.embeds = append(l.embeds, filepath.Join(filepath.Dir(file), filepath.FromSlash(strings.TrimPrefix(pattern, "all:"))))
		}
	}
	var out []byte
	at := 0
	for _, im := range parsed.Imports {
		p, err := strconv.Unquote(im.Path.Value)
		if err != nil {
			continue
		}
		l.imports[p] = true
		other := f.localFor(p)
		if other == nil {
			continue
		}
		start, end := fset.PositionFor(im.Path.Pos(), false).Offset, fset.PositionFor(im.Path.End(), false).Offset
		out = append(append(out, data[at:start]...), strconv.Quote(cell.LocalPath(other.n, p))...)
		at = end
	}
	return named(file, append(out, data[at:]...))
}

// named adds the directive that makes the code stand in file. It takes no line of its own, as export data counts lines
// of the copy.
func named(file string, data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	at, n := 0, 1
	for bytes.HasPrefix(data[at:], []byte("//go:build")) || bytes.HasPrefix(data[at:], []byte("// +build")) {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			return data
		}
		at, n = at+end+1, n+1
	}
	return slices.Concat(data[:at], fmt.Appendf(nil, "/*line %s:%d:1*/", file, n), data[at:])
}

var embedLine = regexp.MustCompile(`(?m)^//go:embed[ \t]+(.*)$`)

// fields splits the patterns of a //go:embed line, which may be quoted.
func fields(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if q, err := strconv.QuotedPrefix(s); err == nil {
			u, _ := strconv.Unquote(q)
			out, s = append(out, u), s[len(q):]
			continue
		}
		word, rest, _ := strings.Cut(strings.ReplaceAll(s, "\t", " "), " ")
		out, s = append(out, word), rest
	}
	return out
}

// Locals lists the folders of the local modules, by their paths.
func (f *Folder) Locals() map[string]string {
	m := map[string]string{}
	for _, l := range f.locals {
		if l.version == "" {
			m[l.path] = l.dir
		}
	}
	return m
}
