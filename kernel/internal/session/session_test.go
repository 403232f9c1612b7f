package session

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"golab/kernel/internal/build"
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata")

// open starts a session on the real base and worker.
func open(t testing.TB) *Session {
	t.Helper()
	s, err := New(Options{Open: build.Open, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.settings.noAutoGet = true // tests don't reach for the network
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// transcript is a sink that writes down what a cell shows.
type transcript struct {
	mu sync.Mutex
	b  strings.Builder
}

func (t *transcript) line(s string) {
	if n := t.b.Len(); n > 0 && !strings.HasSuffix(t.b.String(), "\n") {
		t.b.WriteString("\n")
	}
	t.b.WriteString(s + "\n")
}

func (t *transcript) Stream(name, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.HasPrefix(text, "golab: ") && (strings.Contains(text, "compil") && strings.Contains(text, "packages") || strings.Contains(text, "linked")) {
		return // the base is being made
	}
	if name == "stderr" {
		text = ansi.ReplaceAllString(text, "")
		for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			t.line("stderr: " + l)
		}
		return
	}
	t.b.WriteString(text)
}

func (t *transcript) Display(o nb.Output) {
	t.mu.Lock()
	defer t.mu.Unlock()
	verb := "display"
	if o.Update {
		verb = "update"
	}
	if o.ID != "" {
		verb += " with id"
	}
	for _, m := range slices.Sorted(maps.Keys(o.Data)) {
		t.line(fmt.Sprintf("%s %s: %.60v", verb, m, o.Data[m]))
	}
}

func (t *transcript) Result(b nb.Bundle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(fmt.Sprintf("=> %v", b["text/plain"]))
	for _, m := range slices.Sorted(maps.Keys(b)) {
		if m != "text/plain" {
			t.line(fmt.Sprintf("   %s", m))
		}
	}
}

func (t *transcript) Comm(nb.CommMessage) {}

func (t *transcript) Clear(wait bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(fmt.Sprintf("clear %v", wait))
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.b.String()
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// runCell executes one cell and returns all that it shows.
func runCell(s *Session, count int, code string) (string, *engine.Error) {
	tr := &transcript{}
	res := s.Execute(engine.Request{Code: code, Count: count}, tr)
	if res.Err != nil {
		tr.line("error: " + res.Err.Name + ": " + res.Err.Value)
		for _, l := range res.Err.Traceback {
			tr.line("  " + ansi.ReplaceAllString(l, ""))
		}
		if m := res.Err.More; m != nil {
			tr.line(fmt.Sprint("  more: ", m["text/plain"]))
		}
	}
	return tr.String(), res.Err
}

// TestCells runs the cell sequences in testdata: in each archive, the files named "1", "2", … are cells, and "1.out" what
// cell 1 shows.
func TestCells(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cell sequences", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := open(t)
			n := 0
			sequence(t, file, ar, func(f txtar.File) string {
				n++
				checkPlain(t, s, n, strings.TrimSuffix(string(f.Data), "\n"))
				got, _ := runCell(s, n, strings.TrimSuffix(string(f.Data), "\n"))
				return got
			})
		})
	}
}

// sequence runs the files of an archive but those named ".out", which are what the others show, in turn; with -update it
// writes what they show to file instead.
func sequence(t *testing.T, file string, ar *txtar.Archive, show func(f txtar.File) string) {
	t.Helper()
	want := map[string]string{}
	for _, f := range ar.Files {
		want[f.Name] = string(f.Data)
	}
	out := &txtar.Archive{Comment: ar.Comment}
	for _, f := range ar.Files {
		if strings.HasSuffix(f.Name, ".out") {
			continue
		}
		got := show(f)
		out.Files = append(out.Files, f)
		if got != "" {
			out.Files = append(out.Files, txtar.File{Name: f.Name + ".out", Data: []byte(got)})
		}
		if !*update && got != want[f.Name+".out"] {
			t.Errorf("cell %s\n%s--- shows\n%s--- want\n%s", f.Name, f.Data, got, want[f.Name+".out"])
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	if _, err := build.Open(context.Background(), func(line string) { fmt.Println("golab:", line) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
