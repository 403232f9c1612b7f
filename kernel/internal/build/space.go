package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/modules"
)

// Space is what the cells of one session can import: the packages of a base and, over them, those of the session's own
// modules. Other modules make another Space. It is safe for concurrent use.
type Space struct {
	base *Base
	m    modules.Packages // no Dir: there are none
	wait error            // why nothing but the base can be imported, if that is so

	mu       sync.Mutex
	packages map[string]*pkg // that are not of the base, by the path under which they are compiled
	imp      *importer
	ctx      context.Context // ends compiling; nil: nothing does
}

// Space is b with no modules of the session's own.
func (b *Base) Space() *Space { return &Space{base: b, imp: b.imp} }

// With is what cells can import when the session's modules are m. If wait is not nil then packages that are not in the
// base can't be imported yet, and wait says why.
func (s *Space) With(m modules.Packages, wait error) *Space {
	n := &Space{base: s.base, m: m, wait: wait, packages: map[string]*pkg{}}
	if s.m.Dir == m.Dir && maps.Equal(s.m.Versions, m.Versions) {
		// Only local modules changed, whose new packages have new paths: what is known of all others still holds.
		s.mu.Lock()
		maps.Copy(n.packages, s.packages)
		s.mu.Unlock()
		n.imp = s.imp
		n.imp.mu.Lock()
		n.imp.find, n.imp.repair = n.find, n.repair
		n.imp.mu.Unlock()
		return n
	}
	n.imp = newImporter(n.find, n.repair)
	return n
}

// compiled is the path under which the package that a cell imports as path is compiled.
func (s *Space) compiled(path string) string {
	best := ""
	for m := range s.m.Local {
		if (path == m || strings.HasPrefix(path, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	if best == "" {
		return path
	}
	return s.m.Local[best] + path[len(best):]
}

// Import is the types of package path. Packages are shared by all callers and must not be changed.
func (s *Space) Import(path string) (*types.Package, error) { return s.imp.Import(s.compiled(path)) }

// Candidates lists the import paths of packages with that name, the likeliest first.
func (s *Space) Candidates(name string) []string {
	list := slices.Clone(s.base.Candidates(name))
	var own []string
	for path, n := range s.m.Names {
		if n == name && !slices.Contains(list, path) {
			own = append(own, path)
		}
	}
	slices.SortFunc(own, func(x, y string) int {
		if d := len(x) - len(y); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	// What the user asked for comes before what GoLab brings along, but not before Go's and GoLab's own.
	at := slices.IndexFunc(list, func(path string) bool { return rank(path) >= 1000 })
	if at < 0 {
		at = len(list)
	}
	return slices.Insert(list, at, own...)
}

// Known is the packages that cells can import at once: their names by path.
func (s *Space) Known() map[string]string {
	known := s.base.Known()
	maps.Copy(known, s.m.Names)
	return known
}

// Shared reports whether a package is part of the base, and whether every worker has initialized it when it starts.
func (s *Space) Shared(path string) (shared, running bool) { return s.base.Shared(path) }

// Position is where an object of an imported package is declared: a file of this machine, which may have been removed.
func (s *Space) Position(pos token.Pos) token.Position {
	p := s.imp.fset.Position(pos)
	if rest, ok := strings.CutPrefix(p.Filename, "$GOROOT"); ok {
		p.Filename = s.base.goroot + rest
	}
	return p
}

// Plugin is [Base.Plugin] for cells that import from s.
func (s *Space) Plugin(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string) (Times, error) {
	return s.make(ctx, dir, gen, files, imports, out, false)
}

// Debuggable is Plugin for a debugger: what the files hold is not optimised, and the plugin says where its code and its
// variables come from.
func (s *Space) Debuggable(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string) (Times, error) {
	return s.make(ctx, dir, gen, files, imports, out, true)
}

func (s *Space) make(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string, debug bool) (Times, error) {
	t, err := s.plugin(ctx, dir, gen, files, imports, out, debug)
	if err == nil || ctx.Err() != nil {
		return t, err
	}
	if err := s.repair(ctx, err); err != nil {
		return t, err
	}
	return s.plugin(ctx, dir, gen, files, imports, out, debug)
}

func (s *Space) plugin(ctx context.Context, dir string, gen int, files map[string]string, imports []string, out string, debug bool) (Times, error) {
	pkgs, err := s.closure(imports)
	if err != nil {
		return Times{}, err
	}
	return s.base.plugin(ctx, dir, gen, files, pkgs, out, debug)
}

// repair is [Base.repair] of what s uses.
func (s *Space) repair(ctx context.Context, failed error) error {
	lost := false
	s.mu.Lock()
	for path, p := range s.packages {
		if _, err := os.Stat(p.File); err != nil {
			delete(s.packages, path)
			lost = true
		}
	}
	s.mu.Unlock()
	if err := s.base.repair(ctx, failed); err != nil && !lost {
		return err
	}
	return nil
}

func (s *Space) closure(imports []string) (map[string]*pkg, error) {
	return closure(s.find, append([]string{"runtime/cgo"}, imports...))
}

// Part is a package that becomes part of a cell because the base does not have it.
type Part struct {
	Path            string // under which it is compiled
	Module, Version string // no version: a local module
	Archive         string // named by what is in it
}

// Parts lists what a cell that imports these paths would load beyond the base.
func (s *Space) Parts(imports []string) ([]Part, error) {
	pkgs, err := s.closure(imports)
	if err != nil {
		return nil, err
	}
	var parts []Part
	for path, p := range pkgs {
		if !p.Base {
			m, v, _ := strings.Cut(p.Module, "@")
			if cell.PlainPath(m) != m {
				m, v = cell.PlainPath(m), ""
			}
			parts = append(parts, Part{path, m, v, p.File})
		}
	}
	slices.SortFunc(parts, func(a, b Part) int { return strings.Compare(a.Path, b.Path) })
	return parts, nil
}

// Until makes the end of ctx, if it comes before done is called, the end of compiling packages.
func (s *Space) Until(ctx context.Context) (done func()) {
	set := func(ctx context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ctx = ctx
	}
	set(ctx)
	return func() { set(nil) }
}

// find returns a compiled package, compiling it first if that was not done.
func (s *Space) find(path string) (*pkg, error) {
	if s.m.Dir == "" {
		return s.base.find(path)
	}
	s.base.mu.Lock()
	p := s.base.packages[path]
	s.base.mu.Unlock()
	if p != nil && p.Base { // first: what the go command lists with a module, such as runtime/cgo, is the base's all the same
		return p, nil
	}
	s.mu.Lock()
	p = s.packages[path]
	s.mu.Unlock()
	if p != nil {
		return p, nil
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	plain := cell.PlainPath(path)
	fail := func(why any) error { return fmt.Errorf("package %s can't be imported: %v", plain, why) }
	if s.wait != nil {
		return nil, fail(s.wait)
	}
	if plain == path && slices.Contains(strings.Split(path, "/"), "internal") {
		return nil, fail("it is internal to its module")
	}
	pkgs, err := s.list(path)
	if err != nil {
		return nil, fail(s.why(err, plain))
	}
	switch p = pkgs[path]; {
	case p == nil:
		return nil, fail("it does not compile")
	case p.Name == "main":
		return nil, fail("it is a program")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, p := range pkgs {
		if s.packages[path] == nil {
			s.packages[path] = p
		}
	}
	return s.packages[path], nil
}

// list compiles the package and what it imports.
func (s *Space) list(path string) (map[string]*pkg, error) {
	s.mu.Lock()
	ctx := s.ctx
	s.mu.Unlock()
	if ctx == nil {
		ctx = context.Background()
	}
	pkgs, err := s.base.list(ctx, s.m.Dir, []string{path})
	if err == nil || !strings.Contains(err.Error(), "missing go.sum entry") {
		return pkgs, err
	}
	// Its module is there, but something that only this package of it needs is not.
	cmd := group(exec.CommandContext(ctx, s.base.Go(), "list", "-mod=mod", "-deps", path))
	cmd.Dir, cmd.Env = s.m.Dir, s.base.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(bytes.TrimSpace(out)))
	}
	return s.base.list(ctx, s.m.Dir, []string{path})
}

var missingPackage = regexp.MustCompile(`(?:no required module provides|missing go.sum entry for module providing|cannot find module providing) package ([^\s;:]+)`)

// why shortens what the go command says of the package path that it can't compile.
func (s *Space) why(err error, path string) string {
	msg := cell.PlainPaths(err.Error())
	if m := missingPackage.FindStringSubmatch(msg); m != nil && m[1] != path {
		return fmt.Sprintf("it imports %s, which no module of this session has; `%%get %s` gets its module", m[1], m[1])
	} else if m != nil || strings.Contains(msg, "updates to go.mod needed") {
		return s.missing(path)
	}
	var lines []string
	for line := range strings.Lines(msg) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "# ") {
			lines = append(lines, line)
		}
	}
	if len(lines) > 5 {
		lines = append(lines[:5], fmt.Sprintf("… and %d lines more", len(lines)-5))
	}
	return strings.Join(lines, "\n")
}

// Lacks reports whether a package can't be imported because no module that the session has holds it.
func (s *Space) Lacks(path string) bool {
	_, err := s.Import(path)
	return err != nil && strings.Contains(err.Error(), gets(path))
}

// gets begins to say, in errors about a missing package, what gets it.
func gets(path string) string { return "`%get " + path + "` gets " }

// missing says that no module has the package path.
func (s *Space) missing(path string) string {
	for m := range s.m.Local {
		if strings.HasPrefix(path, m+"/") {
			return fmt.Sprintf("the local module %s has no such package", m)
		}
	}
	for m, v := range s.m.Versions {
		if strings.HasPrefix(path, m+"/") {
			return fmt.Sprintf("module %s %s has no such package; if it is in another module, %sthat", m, v, gets(path))
		}
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return "Go has no such package"
	}
	return "no module of this session has it; " + gets(path) + "its module"
}

// Recompile compiles those packages of the modules that old has compiled, so that it is known whether cells can go on.
func (s *Space) Recompile(old *Space, mods []string) error {
	old.mu.Lock()
	paths := slices.Sorted(maps.Keys(old.packages))
	old.mu.Unlock()
	for _, path := range paths {
		plain := cell.PlainPath(path)
		if plain == path || !slices.ContainsFunc(mods, func(m string) bool { return plain == m || strings.HasPrefix(plain, m+"/") }) {
			continue
		}
		if s.m.Names[plain] == "" && !slices.Contains(strings.Split(plain, "/"), "internal") {
			continue // removed: the cells that import it will be told
		}
		if _, err := s.find(s.compiled(plain)); err != nil {
			return err
		}
	}
	return nil
}

// modules is the versions of the modules that the base has packages of.
func (b *Base) modules() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	has := map[string]string{}
	for _, p := range b.packages {
		if mod, v, _ := strings.Cut(p.Module, "@"); p.Base && v != "" {
			has[mod] = v
		}
	}
	return has
}

// Raised lists the modules of the base that m has at another version.
func (b *Base) Raised(m modules.Packages) []modules.Change {
	has := b.modules()
	var out []modules.Change
	for _, mod := range slices.Sorted(maps.Keys(has)) {
		if v := m.Versions[mod]; v != "" && v != has[mod] {
			out = append(out, modules.Change{Module: mod, Old: has[mod], New: v})
		}
	}
	return out
}

// Variant opens, or makes, the base with the versions of modules that m has: where they are those that GoLab requires,
// that is the base which all sessions share.
func (b *Base) Variant(ctx context.Context, m modules.Packages, report func(string)) (*Base, error) {
	first := b
	if b.first != nil {
		first = b.first
	}
	raised := first.Raised(m)
	if len(raised) == 0 {
		return first, nil
	}
	h := sha256.New()
	for _, c := range raised {
		fmt.Fprintln(h, c.Module, c.New)
	}
	suffix := "-" + hex.EncodeToString(h.Sum(nil)[:6])
	v := &Base{Root: b.Root, Dir: first.Dir + suffix, src: m.Dir, first: first, env: b.env, goroot: b.goroot, tools: b.tools, linker: b.linker}
	v.key = func() (string, error) {
		k, err := first.key()
		return k + suffix, err
	}
	if report == nil {
		report = func(string) {}
	}
	return v.open(ctx, report)
}

// Missing lists the packages that the base of which b is a variant has and b lacks, because they don't compile.
func (b *Base) Missing() []string {
	if b.first == nil {
		return nil
	}
	b.first.mu.Lock()
	defer b.first.mu.Unlock()
	var missing []string
	for path, p := range b.first.packages {
		if p.Base && b.packages[path] == nil {
			missing = append(missing, path)
		}
	}
	slices.Sort(missing)
	return missing
}

// Go is the path of the go command that belongs to the base's compiler.
func (b *Base) Go() string { return filepath.Join(b.goroot, "bin", "go") }

// Env is the environment of the go command.
func (b *Base) Env() []string { return b.env }
