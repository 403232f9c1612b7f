package session

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golab/kernel/internal/build"
)

// TestBaseDamagedInUse takes files of the base away from a running session. It makes them again, and values live on.
func TestBaseDamagedInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("links the base twice")
	}
	base, err := build.Open(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// A base of this test's own, of links to the files of the other.
	cache := t.TempDir()
	own := filepath.Join(cache, "base", filepath.Base(base.Dir))
	err = filepath.WalkDir(base.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to, err := filepath.Rel(base.Dir, path)
		if err != nil {
			return err
		}
		if to = filepath.Join(own, to); d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		return os.Link(path, to)
	})
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("GOLAB_CACHE", cache)
	s := open(t)
	must(t, s, "type T struct{ n int }\nvar x any = T{41}")
	for _, name := range []string{"pkg", "golab-link"} {
		if err := os.RemoveAll(filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(t, s, "x.(T).n + len(fmt.Sprint(1))"); got != "=> 42\n" {
		t.Errorf("shows %s", got)
	}
	if err := os.Remove(filepath.Join(own, "libbase.so")); err != nil {
		t.Fatal(err)
	}
	if out, err := runCell(s, 3, "os.Exit(3)"); err == nil || err.Name != "worker died" {
		t.Errorf("shows %s", out)
	}
	if got := must(t, s, "T{43}.n"); got != "=> 43\n" {
		t.Errorf("shows %s", got)
	}
}

// TestRefusedPlugin has a cell load a plugin that the runtime refuses: cells go on, and types stay the same.
func TestRefusedPlugin(t *testing.T) {
	s := open(t)
	must(t, s, "var x any = []struct{ A, b int }{{1, 2}}")
	dir := t.TempDir()
	so := filepath.Join(dir, "again.so")
	files := map[string]string{"body.go": "package nb\n\nvar Again = []struct{ A, b, c int }{}\n\nfunc init() { Again = nil }\n"}
	if _, err := s.base.Plugin(context.Background(), dir, 1, files, nil, so); err != nil {
		t.Fatal(err)
	}
	if got := must(t, s, "_, err1 := plugin.Open(`"+so+"`)\nerr1 != nil && strings.Contains(err1.Error(), `already loaded`)"); got != "=> true\n" {
		t.Errorf("shows %s", got)
	}
	if got := must(t, s, "var y any = []struct{ A, b int }{}\nreflect.TypeOf(x) == reflect.TypeOf(y)"); got != "=> true\n" {
		t.Errorf("shows %s", got)
	}
	if got := must(t, s, "_, ok := x.([]struct{ A, b int })\nok && reflect.PointerTo(reflect.TypeOf(y)) == reflect.TypeFor[*[]struct{ A, b int }]()"); got != "=> true\n" {
		t.Errorf("shows %s", got)
	}
}

// TestOldAndNewModules keeps code, types and stacks of many cells in use at once, and has the runtime find its way among them.
func TestOldAndNewModules(t *testing.T) {
	s := open(t)
	must(t, s, "var where []func() string\nvar names []reflect.Type\nvar gate = make(chan bool)\nvar ended = make(chan int)")
	const n = 40
	for i := range n {
		must(t, s, fmt.Sprintf(`type T%[1]d struct{ next *T%[1]d; n int }
func (t *T%[1]d) Depth() int { if t.next == nil { return t.n }; return 1 + t.next.Depth() }
names = append(names, reflect.TypeFor[T%[1]d]())
where = append(where, func() string {
	pc, _, line, _ := runtime.Caller(0)
	return fmt.Sprint(line, strings.Contains(runtime.FuncForPC(pc).Name(), "nb."))
})
go func() {
	var t *T%[1]d
	for range 1000 { t = &T%[1]d{next: t, n: %[1]d} }
	<-gate
	runtime.GC()
	ended <- t.Depth() - 999
}()`, i))
	}
	got := must(t, s, `close(gate)
seen := map[int]bool{}
for range names { seen[<-ended] = true }
ok := len(seen) == len(names)
for i, t := range names {
	ok = ok && seen[i] && t.String() == fmt.Sprintf("nb.T%d", i) && t.Field(0).Type.Elem() == t && reflect.PointerTo(t).Method(0).Name == "Depth"
	func() {
		defer func() { ok = ok && recover() != nil }()
		reflect.Zero(reflect.PointerTo(t)).Method(0).Call(nil)
	}()
	ok = ok && where[i]() == "5 true"
}
fmt.Println(ok, len(seen))`)
	if got != fmt.Sprintf("true %d\n", n) {
		t.Errorf("shows %s", got)
	}
}
