package session

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"golab/kernel/internal/build"
	"golab/kernel/internal/engine"
)

// serve makes the files below proxy/MODULE@VERSION/ of an archive available to the go command, and nothing else.
// In what the go command sees, host stands for example.org: its caches, which all tests have in common, would keep what an
// earlier one served.
func serve(t *testing.T, ar *txtar.Archive) (host, moduleCache string) {
	t.Helper()
	host = fmt.Sprintf("m%d.golab.test", time.Now().UnixNano())
	dir := t.TempDir()
	versions := map[string][]txtar.File{}
	for _, f := range ar.Files {
		if rest, ok := strings.CutPrefix(f.Name, "proxy/"); ok {
			at := strings.IndexByte(rest, '@')
			end := at + strings.IndexByte(rest[at:], '/')
			versions[rest[:end]] = append(versions[rest[:end]], txtar.File{Name: rest[end+1:], Data: f.Data})
		}
	}
	for mv, files := range versions {
		mv = strings.ReplaceAll(mv, "example.org", host)
		module, version, _ := strings.Cut(mv, "@")
		at := filepath.Join(dir, filepath.FromSlash(module), "@v")
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, f := range files {
			data := bytes.ReplaceAll(f.Data, []byte("example.org"), []byte(host))
			w, err := z.Create(mv + "/" + f.Name)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(data)
			if f.Name == "go.mod" {
				put(t, filepath.Join(at, version+".mod"), data)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(at, version+".zip"), b.Bytes())
		put(t, filepath.Join(at, version+".info"), fmt.Appendf(nil, `{"Version": %q, "Time": "2024-01-01T00:00:00Z"}`, version))
		list, _ := os.ReadFile(filepath.Join(at, "list"))
		put(t, filepath.Join(at, "list"), append(list, version+"\n"...))
	}
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(dir))
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOWORK", filepath.Join(dir, "go.work")) // must not matter
	t.Setenv("GOFLAGS", "-mod=vendor")
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(string(out))
	clean := func() {
		dirs := []string{filepath.Join(cache, host), filepath.Join(cache, "cache", "download", host)}
		for mv := range versions { // of real modules
			if m, v, _ := strings.Cut(mv, "@"); !strings.HasPrefix(m, "example.org") {
				at := filepath.Join(cache, "cache", "download", m, "@v")
				files, _ := filepath.Glob(filepath.Join(at, v+".*"))
				dirs = append(append(dirs, filepath.Join(cache, mv)), files...)
				if list, err := os.ReadFile(filepath.Join(at, "list")); err == nil {
					os.WriteFile(filepath.Join(at, "list"), bytes.ReplaceAll(list, []byte(v+"\n"), nil), 0o644)
				}
			}
		}
		for _, dir := range dirs {
			filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					os.Chmod(path, 0o755) // the go command writes them read-only
				}
				return nil
			})
			os.RemoveAll(dir)
		}
	}
	clean()
	t.Cleanup(clean)
	return host, cache
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// openIn starts a session whose cells run in dir.
func openIn(t *testing.T, dir, notebook string) *Session {
	t.Helper()
	s, err := New(Options{Open: build.Open, Dir: dir, Notebook: notebook})
	if err != nil {
		t.Fatal(err)
	}
	s.settings.noAutoGet = true
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var goVersion = regexp.MustCompile(`running go [\d.]+`)

// TestModules runs the cell sequences in testdata/modules, as TestCells does. Files below proxy/ are what the go command
// can get. Files below dir/ are written, where they stand among the cells, to the folder that cells run in; the one named
// "restart" ends the session and opens the notebook n.ipynb again.
func TestModules(t *testing.T) {
	files, err := filepath.Glob("testdata/modules/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cell sequences", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			if testing.Short() && strings.Contains(file, "raise") {
				t.Skip("it makes a base")
			}
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			host, cache := serve(t, ar)
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s := openIn(t, dir, filepath.Join(dir, "n.ipynb"))
			defer func() {
				s.Close()
				if shared, err := build.Open(t.Context(), nil); err == nil && s.base.Dir != shared.Dir {
					os.RemoveAll(s.base.Dir) // one that only this test needs
				}
			}()
			n := 0
			sequence(t, file, ar, func(f txtar.File) string {
				data := strings.ReplaceAll(string(f.Data), "example.org", host)
				name, isFile := strings.CutPrefix(f.Name, "dir/")
				switch {
				case strings.HasPrefix(f.Name, "proxy/"):
					return ""
				case f.Name == "restart":
					s.Close()
					s = openIn(t, dir, filepath.Join(dir, "n.ipynb"))
					n = 0
					return ""
				case isFile:
					put(t, filepath.Join(dir, name), []byte(data))
					return ""
				}
				n++
				got, _ := runCell(s, n, strings.TrimSuffix(data, "\n"))
				for _, r := range [][2]string{{host, "example.org"}, {dir, "DIR"}, {os.Getenv("GOPROXY"), "PROXY"}, {cache, "MODCACHE"}} {
					got = strings.ReplaceAll(got, r[0], r[1])
				}
				return goVersion.ReplaceAllString(got, "running go X")
			})
		})
	}
}

func TestChoose(t *testing.T) {
	history := []record{{count: 1, code: "a := 1", ok: true}, {count: 2, code: "b := a", ok: true}, {count: 3, code: "oops", ok: false}, {count: 3, code: "c := b", ok: true}, {count: 5, code: "d", ok: false}}
	for args, want := range map[string][]string{
		"all":     {"a := 1", "b := a", "c := b"},
		"2-3":     {"b := a", "c := b"},
		"5, 1":    {"a := 1", "d"},
		"1-9 2-2": {"a := 1", "b := a", "c := b", "d"},
	} {
		chosen, err := choose(history, args)
		var got []string
		for _, r := range chosen {
			got = append(got, r.code)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", args, got, err)
		}
	}
	for _, args := range []string{"4", "x", "3-2", "1-", "-1", "1-2,7-9"} {
		if chosen, err := choose(history, args); err == nil {
			t.Errorf("%s: %v", args, chosen)
		}
	}
}

// TestReplayLeavesOutAsides checks that what a client evaluates behind a cell, under its number, is not replayed for it.
func TestReplayLeavesOutAsides(t *testing.T) {
	s := open(t)
	must(t, s, "a := 1")
	if res := s.Execute(engine.Request{Code: "a = 2", Count: 1, Aside: true}, &transcript{}); res.Err != nil {
		t.Fatal(res.Err)
	}
	if got, want := must(t, s, "%replay 1\na"), "── cell[1]: a := 1\n=> 1\n"; got != want {
		t.Errorf("it shows %q, want %q", got, want)
	}
}

// TestInterruptGet interrupts %get while the go command waits for a module proxy that never answers.
func TestInterruptGet(t *testing.T) {
	asked, end := make(chan bool, 100), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-end
	}))
	defer server.Close()
	defer close(end)
	t.Setenv("GOPROXY", server.URL)
	t.Setenv("GOSUMDB", "off")
	s := open(t)
	must(t, s, "n := 7")
	go func() {
		<-asked
		s.Interrupt()
	}()
	got, err := runCell(s, 2, "%get "+fmt.Sprintf("m%d.golab.test/x", time.Now().UnixNano())+"\nn = 8")
	if err == nil || err.Name != "interrupted" || !strings.Contains(err.Value, "%get") {
		t.Errorf("it shows %q", got)
	}
	if got, want := must(t, s, "%mod\nn"), "no modules beyond GoLab's own; `%get MODULE` and `%use DIR` add some\n=> 7\n"; got != want {
		t.Errorf("then it shows %q, want %q", got, want)
	}
}

// TestGetWithoutNetwork checks that the error says what can be done.
func TestGetWithoutNetwork(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there now
	t.Setenv("GOPROXY", server.URL)
	t.Setenv("GOSUMDB", "off")
	s := open(t)
	got, err := runCell(s, 1, "%get "+fmt.Sprintf("m%d.golab.test/x", time.Now().UnixNano()))
	if err == nil || !strings.Contains(got, "hint: modules come through GOPROXY="+server.URL) {
		t.Errorf("it shows %q", got)
	}
}

// TestCompleteModules checks that names and members of a session's packages are known to completion, and their
// documentation to inspection.
func TestCompleteModules(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "l/go.mod"), []byte("module example.org/lively/v2\n\ngo 1.24\n"))
	put(t, filepath.Join(dir, "l/l.go"), []byte("package lively\n\n// Hello greets.\nfunc Hello() {}\n"))
	s := openIn(t, dir, "")
	must(t, s, "%use l")
	for code, want := range map[string]string{`import "example.org/li`: "example.org/lively/v2", "livel": "lively", "lively.": "Hello"} {
		if c := s.Complete(code, len(code)); !slices.Contains(c.Matches, want) {
			t.Errorf("%q: %q", code, c.Matches)
		}
	}
	text, _ := s.Inspect("lively.Hello", 9, 0)["text/plain"].(string)
	if want := "func lively.Hello()\n\nHello greets.\n\nfunction of example.org/lively/v2"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}

// TestEditLocalTypes edits a type of a local module at random, with the garbage collector at work: variables of types made
// of it keep their values where those still fit, and are gone otherwise. Nothing reads memory as a wrong type.
func TestEditLocalTypes(t *testing.T) {
	values := map[string]string{ // literals, which print as %v of them does
		"int": "7", "string": `"text"`, "float64": "2.5", "[]int": "[]int{1, 2}", "map[string]int": `map[string]int{"a": 3}`, "any": `any("boxed")`,
	}
	prints := map[string]string{"int": "7", "string": "text", "float64": "2.5", "[]int": "[1 2]", "map[string]int": "map[a:3]", "any": "boxed"}
	kinds := slices.Sorted(maps.Keys(values))
	rnd := rand.New(rand.NewPCG(4, 2))
	type field struct{ name, kind string }
	draw := func() (fields []field) {
		names := rnd.Perm(6)
		for i := range 1 + rnd.IntN(4) {
			fields = append(fields, field{string(rune('A' + names[i])), kinds[rnd.IntN(len(kinds))]})
		}
		return fields
	}
	dir := t.TempDir()
	write := func(version int, fields []field) {
		var decl, lit strings.Builder
		for _, f := range fields {
			fmt.Fprintf(&decl, "\t%s %s\n", f.name, f.kind)
			fmt.Fprintf(&lit, "%s, ", values[f.kind])
		}
		put(t, filepath.Join(dir, "l/l.go"), fmt.Appendf(nil, "package l\n\nconst Version = %d\n\ntype T struct {\n%s}\n\nfunc New() T { return T{%s} }\n", version, decl.String(), lit.String()))
	}
	put(t, filepath.Join(dir, "l/go.mod"), []byte("module example.org/l\n\ngo 1.24\n"))
	fields := draw()
	write(0, fields)
	s := openIn(t, dir, "")
	must(t, s, "%use l\ntype Q struct { In l.T; N int }\ndebug.SetGCPercent(1)")
	fresh := "v := l.New()\np := &v\nlist := []l.T{v, v}\nm := map[string]*l.T{`k`: p}\nq := Q{v, 1}\nc := make(chan l.T, 1)\nc <- v"
	must(t, s, fresh)
	kept, dropped := 0, 0
	for version := 1; version <= 24; version++ {
		next := slices.Clone(fields)
		switch rnd.IntN(4) {
		case 0:
			next = draw()
		case 1: // other names
			for i := range next {
				next[i].name = string(rune('K' + rnd.IntN(3)*5 + i))
			}
		case 2: // other places of names
			rnd.Shuffle(len(next), func(i, j int) { next[i].name, next[j].name = next[j].name, next[i].name })
		}
		write(version, next)
		fits := slices.EqualFunc(fields, next, func(a, b field) bool { return a.kind == b.kind })
		for i, a := range fields { // in another place, a name means another value
			for j, b := range next {
				fits = fits && (a.name != b.name || i == j)
			}
		}
		shown := must(t, s, fmt.Sprintf("runtime.GC()\nif l.Version != %d { panic(l.Version) }", version))
		for _, name := range []string{"v", "p", "list", "m", "q", "c"} {
			if regexp.MustCompile(`dropped, because .*[:,] `+name+" ").MatchString(shown) == fits {
				t.Fatalf("from %v to %v: %s\n%s", fields, next, name, shown)
			}
		}
		fields = next
		if !fits {
			dropped++
			must(t, s, fresh)
			continue
		}
		kept++
		var want []string
		for _, f := range fields {
			want = append(want, prints[f.kind])
		}
		one := "{" + strings.Join(want, " ") + "}"
		all := fmt.Sprintf("%s %s %s %s {%s 1} %s\n", one, "&"+one, "["+one+" "+one+"]", "&"+one, one, one)
		if got := must(t, s, "runtime.GC()\nx := <-c\nc <- x\nfmt.Println(v, p, list, m[`k`], q, x)"); got != all {
			t.Fatalf("%v: shows %s, want %s", fields, got, all)
		}
	}
	if kept < 5 || dropped < 5 {
		t.Errorf("%d kept, %d dropped: this tells little", kept, dropped)
	}
}

// TestInterruptImport interrupts a cell while what it imports is compiled.
func TestInterruptImport(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "l/go.mod"), []byte("module example.org/l\n\ngo 1.24\n"))
	// The C compiler is at it until the test ends, or is ended itself.
	fifo := filepath.Join(dir, "l", "fifo.h")
	put(t, filepath.Join(dir, "l/l.go"), []byte("package l\n\n// #include \""+fifo+"\"\nimport \"C\"\n\nconst One = 1\n"))
	s := openIn(t, dir, "")
	must(t, s, "%use l\nn := 1")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan *os.File, 1)
	go func() {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits until it is read
		if err == nil {
			opened <- f
		}
	}()
	var f *os.File
	go func() {
		f = <-opened
		s.Interrupt()
	}()
	got, err := runCell(s, 2, "n = l.One + 1")
	if f == nil {
		t.Fatalf("nothing was compiled: it shows %q", got)
	}
	defer f.Close()
	// Nobody reads any more: no compiler is left behind.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	if err == nil || err.Name != "interrupted" {
		t.Errorf("it shows %q", got)
	}
	if got := must(t, s, "n"); got != "=> 1\n" {
		t.Errorf("then n %s", got)
	}
}

// TestRestoreOffline checks that what was got once needs no module proxy again.
func TestRestoreOffline(t *testing.T) {
	host, _ := serve(t, &txtar.Archive{Files: []txtar.File{
		{Name: "proxy/example.org/x@v1.0.0/go.mod", Data: []byte("module example.org/x\n\ngo 1.20\n\nrequire example.org/y v1.0.0\n")},
		{Name: "proxy/example.org/x@v1.0.0/x.go", Data: []byte("package x\n\nimport \"example.org/y\"\n\nconst X = y.Y\n")},
		{Name: "proxy/example.org/y@v1.0.0/go.mod", Data: []byte("module example.org/y\n\ngo 1.20\n")},
		{Name: "proxy/example.org/y@v1.0.0/y.go", Data: []byte("package y\n\nconst Y = 7\n")},
	}})
	dir := t.TempDir()
	notebook := filepath.Join(dir, "n.ipynb")
	s := openIn(t, dir, notebook)
	must(t, s, "%get "+host+"/x\n%mod save\nx.X")
	t.Setenv("GOPROXY", "off")
	s = openIn(t, dir, notebook)
	if got := must(t, s, "x.X"); !strings.HasSuffix(got, "=> 7\n") || strings.Contains(got, "can't") {
		t.Errorf("it shows %q", got)
	}
}

// TestInterruptReplay interrupts a cell that is replayed: the cells behind it are not run.
func TestInterruptReplay(t *testing.T) {
	s := open(t)
	loop := "// a loop\nfmt.Println(`go`)\nfor { n++ }"
	for i, code := range []string{"n := 1", loop, "n = 5"} {
		if i == 1 {
			if err := interrupted(t, s, code); err == nil {
				t.Fatal("it was not interrupted")
			}
			s.history[len(s.history)-1].count = 2
			continue
		}
		if got, err := runCell(s, i+1, code); err != nil {
			t.Fatal(got)
		}
	}
	err := interrupted(t, s, "%replay 1-3\nn = -1")
	if err == nil || err.Name != "interrupted" || !strings.HasSuffix(err.Value, "; the replay stopped at cell[2]; not run: 3") {
		t.Errorf("it ends with %v", err)
	}
	if got := must(t, s, "n > 1 && n != 5"); got != "=> true\n" {
		t.Errorf("then it shows %q", got)
	}
}

// TestCloseDuringGet ends a session whose %get waits for a module proxy.
func TestCloseDuringGet(t *testing.T) {
	asked, end := make(chan bool, 100), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		select {
		case <-r.Context().Done(): // the go command has ended
		case <-end:
		}
	}))
	defer server.Close()
	t.Setenv("GOPROXY", server.URL)
	t.Setenv("GOSUMDB", "off")
	s := open(t)
	must(t, s, "n := 1")
	done := make(chan *engine.Error)
	go func() {
		_, err := runCell(s, 2, "%get "+fmt.Sprintf("m%d.golab.test/x", time.Now().UnixNano()))
		done <- err
	}()
	<-asked
	s.Close()
	if err := <-done; err == nil {
		t.Error("it ended well")
	}
	close(end)
}

// TestRaceInLocalModule checks that %race builds with the session's modules, as they are now.
func TestRaceInLocalModule(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles packages for the race detector")
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "l/go.mod"), []byte("module example.org/l\n\ngo 1.24\n"))
	put(t, filepath.Join(dir, "l/l.go"), []byte("package l\n"))
	s := openIn(t, dir, "")
	must(t, s, "%use l")
	put(t, filepath.Join(dir, "l/l.go"), []byte("package l\n\nvar n int\n\nfunc Add() { n++ }\n"))
	got := must(t, s, "%race\ndone := make(chan bool)\ngo func() { l.Add(); done <- true }()\nl.Add()\n<-done")
	if want := "in example.org/l.Add (" + filepath.Join(dir, "l/l.go") + ":5)"; !strings.Contains(got, "1 data race was found") || !strings.Contains(got, want) {
		t.Errorf("it shows %s\nwant %s", got, want)
	}
}

// TestInterruptReload interrupts a cell while an edited local module is compiled: the next cell compiles it again.
func TestInterruptReload(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "l/go.mod"), []byte("module example.org/l\n\ngo 1.24\n"))
	put(t, filepath.Join(dir, "l/l.go"), []byte("package l\n\nconst N = 1\n"))
	s := openIn(t, dir, "")
	must(t, s, "%use l\nl.N")
	fifo := filepath.Join(dir, "fifo.h")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "l/l.go"), []byte("package l\n\n// #include \""+fifo+"\"\nimport \"C\"\n\nconst N = int(C.TWO)\n"))
	reading := make(chan *os.File, 1)
	go func() {
		if f, err := os.OpenFile(fifo, os.O_WRONLY, 0); err == nil { // waits until the C compiler reads it
			reading <- f
			s.Interrupt()
		}
	}()
	got, err := runCell(s, 2, "l.N")
	if err == nil || err.Name != "interrupted" {
		t.Errorf("it shows %q", got)
	}
	(<-reading).Close()
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	put(t, fifo, []byte("#define TWO 2\n"))
	if got := must(t, s, "l.N"); got != "stderr: golab: example.org/l was edited; cells use the new code from here on\n=> 2\n" {
		t.Errorf("then it shows %q", got)
	}
}
