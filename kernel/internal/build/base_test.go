package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fake is a linker that writes a few files, so that a base is made in no time.
type fake struct {
	stock
	made *atomic.Int32
	fail func(b *Base) error
}

func (f fake) prepare(ctx context.Context, b *Base, dir string) (string, error) {
	f.made.Add(1)
	for _, name := range []string{b.worker(), filepath.Join(b.Dir, "libbase.so"), filepath.Join(dir, "scratch")} {
		if err := os.WriteFile(name, []byte("some code"), 0o700); err != nil {
			return "", err
		}
	}
	if f.fail != nil {
		return "", f.fail(b)
	}
	return "hash", nil
}

// small returns a base of a few packages that is yet to be made, by a fake linker.
func small(t *testing.T, f fake) *Base {
	t.Helper()
	was := roots
	roots = []string{"errors"}
	t.Cleanup(func() { roots = was })
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	goroot, tools, level, err := goTool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &Base{Root: root, Dir: filepath.Join(t.TempDir(), "base", "key"), env: append(Env(), level), goroot: goroot, tools: tools, linker: f,
		key: func() (string, error) { return "key", nil }}
}

func nothing(string) {}

func TestDamagedBaseIsMadeAgain(t *testing.T) {
	made := new(atomic.Int32)
	b := small(t, fake{made: made})
	sound := func(n int32) {
		t.Helper()
		if err := b.ensure(t.Context(), nothing); err != nil {
			t.Fatal(err)
		}
		if m, err := b.read(); err != nil || m.Packages["errors"] == nil || m.Library != "hash" {
			t.Errorf("read: %v", err)
		}
		if made.Load() != n {
			t.Errorf("made %d times, want %d", made.Load(), n)
		}
	}
	sound(1)
	sound(1)
	if _, err := os.Stat(filepath.Join(b.Dir, "tmp")); err == nil {
		t.Error("intermediate files are left")
	}
	archive := func() string {
		m, err := b.read()
		if err != nil {
			t.Fatal(err)
		}
		return m.Packages["errors"].File
	}
	rewrite := func(path string, data []byte) {
		if err := os.Remove(path); err != nil { // an archive is a link to go's own
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, damage := range []func(){
		func() { os.Remove(archive()) },
		func() { rewrite(archive(), []byte("!<arch>\n")) },
		func() { os.Truncate(filepath.Join(b.Dir, "libbase.so"), 3) },
		func() { rewrite(filepath.Join(b.Dir, "libbase.so"), []byte("sOme code")) },
		func() { os.Remove(b.worker()) },
		func() { os.Remove(filepath.Join(b.Dir, "manifest.json")) },
		func() { rewrite(filepath.Join(b.Dir, "manifest.json"), []byte(`{"Packages": {`)) },
		func() { rewrite(filepath.Join(b.Dir, "manifest.json"), nil) },
		func() { os.RemoveAll(filepath.Join(b.Dir, archives)) },
		func() { os.RemoveAll(b.Dir) },
	} {
		damage()
		if _, err := b.read(); err == nil {
			t.Errorf("damage %d was not noticed", i)
		}
		sound(int32(i + 2))
	}
}

// TestUnfinishedBase lets making a base fail half-way, and looks what is left of it; then of one whose maker was killed.
func TestUnfinishedBase(t *testing.T) {
	made := new(atomic.Int32)
	full := errors.New("no space left on device")
	b := small(t, fake{made: made, fail: func(*Base) error { return full }})
	if err := b.ensure(t.Context(), nothing); !errors.Is(err, full) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.linker = fake{made: made, fail: func(*Base) error { cancel(); return ctx.Err() }}
	if err := b.ensure(ctx, nothing); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(b.Dir)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// Killed before the manifest, and before it was moved to its place.
	for _, dir := range []string{b.Dir, b.Dir + unfinished, b.Dir + ".1234", filepath.Join(filepath.Dir(b.Dir), "other"+unfinished)} {
		if err := os.MkdirAll(filepath.Join(dir, archives), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "libbase.so"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.linker = fake{made: made}
	if err := b.ensure(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	if _, err := b.read(); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(b.Dir, "libbase.so")); err != nil || string(data) != "some code" {
		t.Errorf("%q, %v", data, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(b.Dir)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// TestCompilerOutOfSpace lets compiling fail for one of two packages, for a reason that is none of the package's own.
func TestCompilerOutOfSpace(t *testing.T) {
	b := small(t, fake{made: new(atomic.Int32)})
	roots = []string{"unicode/utf8", "unicode/utf16"}
	script := filepath.Join(t.TempDir(), "exec")
	text := "#!/bin/sh\ncase \"$*\" in *' -p unicode/utf16 '*) echo 'write $WORK/b001/_pkg_.a: no space left on device' >&2; exit 1 ;; esac\nexec \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	sound := b.env
	b.env = append(b.env[:len(b.env):len(b.env)], "GOFLAGS=-toolexec="+script, "GOCACHE="+t.TempDir())
	if err := b.ensure(t.Context(), nothing); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(b.Dir)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	b.env = sound
	if err := errors.Join(b.ensure(t.Context(), nothing), b.load()); err != nil || b.packages["unicode/utf16"] == nil {
		t.Errorf("got %v", err)
	}
}

// TestUsedBase looks whether a session that goes on keeps its base from being removed.
func TestUsedBase(t *testing.T) {
	b := small(t, fake{made: new(atomic.Int32)})
	if err := errors.Join(b.ensure(t.Context(), nothing), b.load()); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-30 * 24 * time.Hour)
	if err := os.Chtimes(b.Dir, old, old); err != nil {
		t.Fatal(err)
	}
	b.marked = old
	b.used()
	prune(filepath.Dir(b.Dir), "another")
	if _, err := b.read(); err != nil {
		t.Error(err)
	}
	for range 2 { // the clock was set forward, in use and not
		if err := os.Chtimes(b.Dir, old, old); err != nil {
			t.Fatal(err)
		}
		prune(filepath.Dir(b.Dir), "another")
		if b.release == nil {
			break
		}
		if _, err := b.read(); err != nil {
			t.Error("removed while it is used:", err)
		}
		b.release()
		b.release = nil
	}
	if _, err := b.read(); err == nil {
		t.Error("what nobody used for a month is still there")
	}
}

func TestOneMakesTheBaseForAll(t *testing.T) {
	made := new(atomic.Int32)
	b := small(t, fake{made: made})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			own := &Base{Root: b.Root, Dir: b.Dir, env: b.env, goroot: b.goroot, tools: b.tools, linker: b.linker, key: b.key}
			if err := own.ensure(t.Context(), nothing); err != nil {
				t.Error(err)
			}
			if err := own.load(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
}

// TestRepair damages a base while it is in use.
func TestRepair(t *testing.T) {
	made := new(atomic.Int32)
	b := small(t, fake{made: made})
	if err := errors.Join(b.ensure(t.Context(), nothing), b.load()); err != nil {
		t.Fatal(err)
	}
	own := errors.New("the cell's own error")
	if err := b.repair(t.Context(), own); err != own || made.Load() != 1 {
		t.Errorf("got %v", err)
	}
	os.Remove(b.packages["errors"].File)
	if p, err := b.Import("errors"); err != nil || p.Scope().Lookup("Join") == nil || made.Load() != 2 {
		t.Errorf("import: %v", err)
	}
	os.Remove(b.worker())
	if path, err := b.Worker(); err != nil || path != b.worker() || made.Load() != 3 {
		t.Errorf("worker: %v", err)
	}
	b.linker = fake{made: made, fail: func(*Base) error { return errors.New("no space left on device") }}
	os.Remove(b.worker())
	if _, err := b.Worker(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	b.linker = fake{made: made}
	b.manifest.Library = "another hash" // what the running worker has loaded
	if _, err := b.Worker(); err == nil || !strings.Contains(err.Error(), "restart the kernel") {
		t.Errorf("got %v", err)
	}
	// An archive that only go's cache had.
	b.manifest.Library = "hash"
	b.packages["gone"] = &pkg{Name: "gone", File: filepath.Join(b.Dir, "gone.a")}
	if err := b.repair(t.Context(), own); err != nil || b.packages["gone"] != nil {
		t.Errorf("got %v", err)
	}
}

// TestChangedWhileRunning changes what a base is made from, while it is made and while it is in use.
func TestChangedWhileRunning(t *testing.T) {
	made := new(atomic.Int32)
	b := small(t, fake{made: made})
	other := func() (string, error) { return "other", nil }
	same := b.key
	b.key = other
	if err := b.ensure(t.Context(), nothing); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(b.Dir); err == nil {
		t.Error("a base of two halves")
	}
	b.key = same
	if err := errors.Join(b.ensure(t.Context(), nothing), b.load()); err != nil {
		t.Fatal(err)
	}
	b.key = other
	if err := b.repair(t.Context(), errors.New("object is of go1.25, expected go1.26")); err == nil || !strings.Contains(err.Error(), "restart the kernel") {
		t.Errorf("got %v", err)
	}
}

// TestKey changes one by one what a base is made from.
func TestKey(t *testing.T) {
	root, goroot := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(goroot, "VERSION", "go1.26.5")
	write(root, "go.mod", "module golab")
	write(root, "go.sum", "")
	write(root, "kernel/live/live.go", "package live")
	linker := "shared"
	now := func() string {
		t.Helper()
		k, err := key(root, goroot, linker)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	last := now()
	for _, change := range []struct {
		what    string
		do      func()
		another bool
	}{
		{"nothing", func() {}, false},
		{"a test", func() { write(root, "kernel/live/live_test.go", "package live") }, false},
		{"test data", func() { write(root, "mlx/testdata/x.go", "package x") }, false},
		{"the front process", func() { write(root, "kernel/internal/session/s.go", "package session") }, false},
		{"a source file", func() { write(root, "kernel/live/live.go", "package live // more") }, true},
		{"a new source file", func() { write(root, "viz/new.go", "package viz") }, true},
		{"a module's version", func() { write(root, "go.mod", "module golab // more") }, true},
		{"a module's hash", func() { write(root, "go.sum", "x h1:") }, true},
		{"Go", func() { write(goroot, "VERSION", "go1.26.6") }, true},
		{"the linker", func() { linker = "stock" }, true},
	} {
		change.do()
		k := now()
		if (k != last) != change.another {
			t.Errorf("%s: key %s after %s", change.what, k, last)
		}
		last = k
	}
}
