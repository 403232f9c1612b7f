// Package build turns checked cells into code that the worker loads. It calls Go's compiler and linker directly, with
// the packages that a cell may import compiled once beforehand: the base.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
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

// manifest is what a base folder holds.
type manifest struct {
	Packages map[string]*pkg
	Worker   string
}

// Base is the compiled packages and the worker program that cells run against. It is safe for concurrent use.
type Base struct {
	Root string // GoLab's source tree
	Dir  string // the base's folder

	src    string // the folder whose go.mod says where the packages are: Root, or a session's
	first  *Base  // of which this is a variant with other versions of modules; nil if it is none
	env    []string
	goroot string
	tool   string // folder of the compiler and linker
	linker linker

	mu       sync.Mutex
	packages map[string]*pkg
	names    map[string][]string // package name → paths
	imp      *importer
	worker   string
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

// key identifies everything a base is made from: compiler, settings, module versions, GoLab's own sources.
func key(root, goroot, linker string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "base 1", linker, root, goroot, runtime.GOOS, runtime.GOARCH, os.Getenv("GOEXPERIMENT"), roots)
	for _, file := range []string{filepath.Join(goroot, "VERSION"), filepath.Join(root, "go.mod"), filepath.Join(root, "go.sum")} {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	for _, dir := range []string{"kernel/live", "kernel/nb", "kernel/home", "kernel/internal/worker", "kernel/internal/pipe", "kernel/internal/build", "mlx", "viz", "datasets"} {
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
	goroot, tool, err := goTool(ctx)
	if err != nil {
		return nil, err
	}
	var l linker = stock{}
	if os.Getenv(LinkerEnv) != "stock" && runtime.GOOS == "linux" && canShare(goroot) == nil {
		l = shared{}
	}
	k, err := key(root, goroot, l.name())
	if err != nil {
		return nil, err
	}
	b := &Base{Root: root, Dir: filepath.Join(home.Cache(), "base", k), src: root, env: Env(), goroot: goroot, tool: tool, linker: l}
	return b.open(ctx, report)
}

// open loads the base, or makes it.
func (b *Base) open(ctx context.Context, report func(string)) (*Base, error) {
	if b.load() == nil {
		return b, nil
	}
	unlock, err := filelock.Acquire(ctx, filepath.Join(home.Cache(), "base.lock"), nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if b.load() == nil {
		return b, nil
	}
	if err := b.make(ctx, report); err != nil {
		return nil, err
	}
	prune(filepath.Dir(b.Dir), filepath.Base(b.Dir))
	return b, b.load()
}

// goTool finds the toolchain; asking the go command takes 10 ms.
func goTool(ctx context.Context) (goroot, tool string, err error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOTOOLDIR").Output()
	if err != nil {
		return "", "", fmt.Errorf("the go command does not run: %w\nhint: GoLab compiles cells with Go 1.26; have `go` on the PATH", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 {
		return "", "", fmt.Errorf("go env answered %q", out)
	}
	return lines[0], lines[1], nil
}

func (b *Base) load() error {
	data, err := os.ReadFile(filepath.Join(b.Dir, "manifest.json"))
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	if _, err := os.Stat(m.Worker); err != nil {
		return err
	}
	for _, p := range m.Packages {
		if _, err := os.Stat(p.File); err != nil {
			return err
		}
	}
	now := time.Now()
	os.Chtimes(b.Dir, now, now) // tells prune that it is used; a base that can't be written is not pruned either
	b.mu.Lock()
	defer b.mu.Unlock()
	b.packages, b.worker = m.Packages, m.Worker
	b.index()
	b.imp = newImporter(b.find)
	return nil
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
func (b *Base) Worker() string { return b.worker }

// make builds the base's folder beside its place and moves it there.
func (b *Base) make(ctx context.Context, report func(string)) error {
	tmp := b.Dir + fmt.Sprintf(".%d", os.Getpid())
	if err := os.MkdirAll(filepath.Join(tmp, "pkg"), 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	start := time.Now()
	report("compiling the packages that cells can use (a few minutes the first time)")
	pkgs, err := b.list(ctx, b.src, roots)
	if err != nil {
		return err
	}
	for _, p := range pkgs { // go's own cache drops what was not used for days
		to := filepath.Join(tmp, "pkg", filepath.Base(p.File))
		if err := link(p.File, to); err != nil {
			return err
		}
		p.File = filepath.Join(b.Dir, "pkg", filepath.Base(p.File))
		p.Base = true
	}
	report(fmt.Sprintf("%d packages compiled in %s", len(pkgs), time.Since(start).Round(100*time.Millisecond)))
	if err := os.RemoveAll(b.Dir); err != nil {
		return err
	}
	if err := os.Rename(tmp, b.Dir); err != nil {
		return err
	}
	b.packages = pkgs
	start = time.Now()
	worker := filepath.Join(b.Dir, "golab-worker")
	dir, err := os.MkdirTemp(b.Dir, "link")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := b.linker.prepare(ctx, b, dir); err != nil {
		return err
	}
	if err := b.linkWorker(ctx, dir, worker); err != nil {
		return err
	}
	report(fmt.Sprintf("worker linked in %s", time.Since(start).Round(100*time.Millisecond)))
	data, err := json.Marshal(manifest{pkgs, worker})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.Dir, "manifest.json"), data, 0o600)
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

// list compiles packages and all they import, as plugins need them, where the go.mod in dir has them.
func (b *Base) list(ctx context.Context, dir string, patterns []string) (map[string]*pkg, error) {
	args := []string{"list", "-e", "-buildmode=plugin", "-export", "-deps", "-json=ImportPath,Name,Export,Imports,ImportMap,Module,Error,DepsErrors"}
	if flags := b.linker.compile(); len(flags) > 0 {
		args = append(args, "-gcflags=all="+strings.Join(flags, " "))
	}
	args = append(args, patterns...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, b.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its compilers end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && stdout.Len() == 0 {
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
		if p.Error != nil && len(patterns) == 1 {
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

// prune removes bases beside keep that nobody has used for a week, or for an hour if there are more than a few: every
// change of Go, GoLab or its modules makes a new one. A base is used when a session opens it.
func prune(dir, keep string) {
	entries, _ := os.ReadDir(dir)
	var others []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && e.Name() != keep {
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
