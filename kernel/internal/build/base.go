package build

import (
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
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golab/kernel/home"
	"golab/kernel/home/filelock"
)

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
	release  func()    // of the lock on the file inUse; nil if that can't be had

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
//go:embed base.go edit.go embed.go group.go group_linux.go group_other.go importer.go index.go link.go packages.go program.go prompt.go runtime.go shared.go space.go stdin.go ld/golab.go ld/types.go rt/golab.go rt/stdin.go
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
	b.hold()
	b.index()
	b.imp = newImporter(b.find, b.repair)
	return nil
}

// inUse is a file, in a base's folder, of which every process that uses the base shares the lock.
const inUse = "in-use"

// hold keeps other processes from pruning the base until this one ends. b.mu is held. A base that can't be written can't be
// pruned either.
func (b *Base) hold() {
	release, err := filelock.Share(filepath.Join(b.Dir, inUse))
	if b.release != nil {
		b.release()
	}
	if b.release = release; err != nil {
		b.release = nil
	}
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
	b.mu.Lock()
	b.hold() // the folder is another
	b.mu.Unlock()
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
	return CopyFile(from, to)
}

// CopyFile copies a file's content.
func CopyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
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
		if !filelock.Free(filepath.Join(dir, info.Name(), inUse)) {
			continue // times tell nothing where a clock was set
		}
		if unused > 7*24*time.Hour || i >= 3 && unused > time.Hour {
			os.RemoveAll(filepath.Join(dir, info.Name()))
		}
	}
}
