// Package build turns checked cells into code that the worker loads. It calls Go's compiler and linker directly, with
// the packages that a cell may import compiled once beforehand: the base.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golab/kernel/home"
	"golab/kernel/home/filelock"
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

// manifest describes what a base folder holds.
type manifest struct {
	Packages map[string]*pkg
	LD       string           // the system's linker; empty if gcc has to find it
	Library  string           // hash of what the worker and all plugins share
	Files    map[string]stamp // by path in the folder
}

// stamp is how a file looks if nobody has touched it. Archives have no time: they are links into go's cache, which changes it.
type stamp struct{ Size, Time int64 }

// Base is the compiled packages and the worker program that cells run against. It is safe for concurrent use.
type Base struct {
	Root string // GoLab's source tree
	Dir  string // the base's folder

	src    string // the folder whose go.mod says where the packages are: Root, or a session's
	first  *Base  // of which this is a variant with other versions of modules; nil if it is none
	env    []string
	goroot string
	tools  string // folder of the compiler and linker
	linker linker
	key    func() (string, error) // of what there is to make a base from now; Dir has the name of what it was

	running  sync.Once // sets inWorker
	inWorker map[string]*pkg

	mu       sync.Mutex
	manifest manifest
	packages map[string]*pkg     // with those compiled since
	names    map[string][]string // package name → paths
	imp      *importer
	marked   time.Time // when prune was last told that it is used

	repaired sync.Mutex // held while it is made again
}

// Root is the source tree that this program was built from; GOLAB_ROOT overrides it.
func Root() (string, error) {
	root := os.Getenv("GOLAB_ROOT")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(file))))
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return "", fmt.Errorf("GoLab's source tree is not at %s any more\nhint: run `go run ./install kernel --user` where it is now, or set GOLAB_ROOT", root)
	}
	return root, nil
}

// Env is the environment that everything in a base is compiled with.
func Env() []string {
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=1")
	if runtime.GOARCH == "amd64" && !strings.Contains(os.Getenv("GOEXPERIMENT"), "simd") {
		env = append(env, "GOEXPERIMENT="+strings.TrimPrefix(os.Getenv("GOEXPERIMENT")+",simd", ","))
	}
	return env
}

// recipe is the sources of this package as this program was compiled from them; those on the disk may be newer.
//
//go:embed edit.go embed.go group.go group_linux.go group_other.go importer.go index.go link.go packages.go program.go runtime.go shared.go space.go ld/golab.go rt/golab.go
var recipe embed.FS

// key identifies everything a base is made from: compiler, settings, module versions, GoLab's own sources.
func key(root, goroot, linker string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, linker, root, goroot, runtime.GOOS, runtime.GOARCH, os.Getenv("GOEXPERIMENT"), roots)
	for _, file := range []string{filepath.Join(goroot, "VERSION"), filepath.Join(root, "go.mod"), filepath.Join(root, "go.sum")} {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	err := fs.WalkDir(recipe, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := recipe.ReadFile(path)
		h.Write(b)
		return err
	})
	if err != nil {
		return "", err
	}
	for _, dir := range []string{"kernel/live", "kernel/nb", "kernel/home", "kernel/internal/worker", "kernel/internal/pipe", "mlx", "viz", "datasets"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			if d.IsDir() {
				if d.Name() == "testdata" {
					return fs.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(path, "_test.go") {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:10]), nil
}

// LinkerEnv names the environment variable that chooses how cells are linked: "stock" for Go's own linker; anything else
// for the shared base, where that can be had.
const LinkerEnv = "GOLAB_LINKER"

// Open returns the base for this machine and these sources, building what is missing: minutes the first time, a few
// milliseconds when all is there. Progress is told to report, which may be nil. Processes that open at once wait for each
// other.
func Open(ctx context.Context, report func(string)) (*Base, error) {
	if report == nil {
		report = func(string) {}
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	goroot, tools, level, err := goTool(ctx)
	if err != nil {
		return nil, err
	}
	var l linker = stock{}
	if os.Getenv(LinkerEnv) != "stock" && runtime.GOOS == "linux" && canShare(goroot) == nil {
		l = shared{}
	}
	now := func() (string, error) { return key(root, goroot, l.name()+" "+level) }
	k, err := now()
	if err != nil {
		return nil, err
	}
	b := &Base{Root: root, Dir: filepath.Join(home.Cache(), "base", k), src: root, env: append(Env(), level), goroot: goroot, tools: tools, linker: l, key: now}
	return b.open(ctx, report)
}

// open loads the base, or makes it.
func (b *Base) open(ctx context.Context, report func(string)) (*Base, error) {
	if b.load() == nil {
		return b, nil
	}
	if err := b.ensure(ctx, report); err != nil {
		return nil, err
	}
	return b, b.load()
}

// ensure makes the base's folder if it is not there or damaged. One process does that at a time.
func (b *Base) ensure(ctx context.Context, report func(string)) error {
	unlock, err := filelock.Acquire(ctx, filepath.Join(filepath.Dir(filepath.Dir(b.Dir)), "base.lock"), nil)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := b.read(); err == nil {
		return nil
	}
	prune(filepath.Dir(b.Dir), filepath.Base(b.Dir))
	return b.make(ctx, report)
}

// goTool finds the toolchain and the setting that says which processors it compiles for. Asking the go command takes 10 ms.
func goTool(ctx context.Context) (goroot, tools, level string, err error) {
	name := "GO" + strings.ToUpper(runtime.GOARCH)
	cmd := exec.CommandContext(ctx, "go", "env", "-json", "GOROOT", "GOTOOLDIR", name)
	out, err := cmd.Output()
	if err != nil {
		return "", "", "", fmt.Errorf("the go command does not run: %w\nhint: GoLab compiles cells with Go 1.26; have `go` on the PATH", err)
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return "", "", "", fmt.Errorf("go env answered %q", out)
	}
	return env["GOROOT"], env["GOTOOLDIR"], name + "=" + env[name], nil
}

// read returns the manifest of the base's folder if everything in it is as it was when it was made.
func (b *Base) read() (manifest, error) {
	var m manifest
	data, err := os.ReadFile(filepath.Join(b.Dir, "manifest.json"))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	if len(m.Packages) == 0 || len(m.Files) == 0 {
		return m, errors.New("the manifest is empty")
	}
	for name, was := range m.Files {
		info, err := os.Stat(filepath.Join(b.Dir, name))
		if err != nil {
			return m, err
		}
		if is := stampOf(name, info); is != was {
			return m, fmt.Errorf("%s was changed", filepath.Join(b.Dir, name))
		}
	}
	for _, p := range m.Packages {
		p.File = filepath.Join(b.Dir, p.File)
	}
	return m, nil
}

func stampOf(name string, info fs.FileInfo) stamp {
	if filepath.Dir(name) == archives {
		return stamp{Size: info.Size()}
	}
	return stamp{info.Size(), info.ModTime().UnixNano()}
}

func (b *Base) load() error {
	m, err := b.read()
	if err != nil {
		return err
	}
	now := b.mark()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.manifest, b.packages, b.marked = m, m.Packages, now
	b.index()
	b.imp = newImporter(b.find, b.repair)
	return nil
}

// mark tells prune that the base is used. One that can't be written is not pruned either.
func (b *Base) mark() time.Time {
	now := time.Now()
	os.Chtimes(b.Dir, now, now)
	return now
}

// used marks the base again, after a while.
func (b *Base) used() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.marked) > 10*time.Minute {
		b.marked = b.mark()
	}
}

// repair is called when something failed that should not. If that is because files of the base have gone or changed, it
// makes the base again and returns nil: what failed can be tried again. Otherwise it returns the error it was given.
func (b *Base) repair(ctx context.Context, failed error) error {
	b.repaired.Lock()
	defer b.repaired.Unlock()
	if err := b.changed(); err != nil {
		return fmt.Errorf("%w\nhint: restart the kernel", err)
	}
	lost := b.forget()
	m, damage := b.read()
	if damage != nil {
		if err := b.ensure(ctx, func(string) {}); err != nil {
			return fmt.Errorf("GoLab's compiled packages in %s were damaged and can't be made again: %w", b.Dir, err)
		}
		var err error
		if m, err = b.read(); err != nil {
			return err
		}
	}
	if m.Library != b.manifest.Library {
		return fmt.Errorf("GoLab's compiled packages in %s were damaged and have been made again, but not the same as before\nhint: restart the kernel", b.Dir)
	}
	if damage == nil && !lost {
		return failed
	}
	return nil
}

// changed is an error if Go, GoLab or its modules are not what the base is made from any more.
func (b *Base) changed() error {
	k, err := b.key()
	if err == nil && k != filepath.Base(b.Dir) {
		err = errors.New("what cells are compiled with has changed (Go, GoLab or its modules)")
	}
	return err
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

// Worker is the path of the worker program.
func (b *Base) Worker() (string, error) {
	if _, err := b.read(); err != nil {
		if err := b.repair(context.Background(), nil); err != nil {
			return "", err
		}
	}
	return b.worker(), nil
}

func (b *Base) worker() string { return filepath.Join(b.Dir, "golab-worker") }

// archives is the folder, in a base's, of its packages.
const archives = "pkg"

// unfinished ends the name of a folder in which a base is being made.
const unfinished = ".new"

// make builds the base's folder beside its place and moves it there when all is done. Only the holder of the lock may call it.
func (b *Base) make(ctx context.Context, report func(string)) error {
	t := &Base{Root: b.Root, Dir: b.Dir + unfinished, src: b.src, env: b.env, goroot: b.goroot, tools: b.tools, linker: b.linker}
	defer os.RemoveAll(t.Dir)
	dir := filepath.Join(t.Dir, "tmp")
	for _, d := range []string{filepath.Join(t.Dir, archives), dir} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	start := time.Now()
	report("compiling the packages that cells can use (a few minutes the first time)")
	var err error
	if t.packages, err = t.list(ctx, t.src, roots); err != nil {
		return err
	}
	m := manifest{Packages: map[string]*pkg{}, Files: map[string]stamp{}}
	for path, p := range t.packages { // go's own cache drops what was not used for days
		name := filepath.Join(archives, filepath.Base(p.File))
		to := filepath.Join(t.Dir, name)
		if err := link(p.File, to); err != nil {
			return err
		}
		p.File, p.Base = to, true
		m.Packages[path] = &pkg{Name: p.Name, File: name, Imports: p.Imports, Base: true, Module: p.Module}
	}
	report(fmt.Sprintf("%d packages compiled in %s", len(m.Packages), time.Since(start).Round(100*time.Millisecond)))
	start = time.Now()
	if err := b.changed(); err != nil { // what has been compiled is of the old or of the new
		return err
	}
	if m.Library, err = t.linker.prepare(ctx, t, dir); err != nil {
		return err
	}
	report(fmt.Sprintf("worker linked in %s", time.Since(start).Round(100*time.Millisecond)))
	m.LD = systemLinker(ctx)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	err = filepath.WalkDir(t.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(t.Dir, path)
		m.Files[name] = stampOf(name, info)
		return err
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.Dir, "manifest.json"), data, 0o600); err != nil {
		return err
	}
	if err := os.RemoveAll(b.Dir); err != nil {
		return err
	}
	return os.Rename(t.Dir, b.Dir)
}

// link makes to the same file as from, or a copy where the file system allows no links.
func link(from, to string) error {
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
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
					msg += "; `%get " + path + "` gets its module"
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

// prune removes what was left of bases half-made, and bases beside keep that nobody has used for a week, or for an hour if
// there are more than a few: every change of Go, GoLab or its modules makes a new one. Only the holder of the lock may call it.
func prune(dir, keep string) {
	entries, _ := os.ReadDir(dir)
	var others []fs.FileInfo
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		} else if info, err := e.Info(); err == nil && e.IsDir() && e.Name() != keep {
			others = append(others, info)
		}
	}
	slices.SortFunc(others, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, info := range others {
		unused := time.Since(info.ModTime())
		if unused > 7*24*time.Hour || i >= 3 && unused > time.Hour {
			os.RemoveAll(filepath.Join(dir, info.Name()))
		}
	}
}
