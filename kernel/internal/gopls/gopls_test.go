package gopls

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golab/kernel/home"
)

// TestPositions counts as the protocol does.
func TestPositions(t *testing.T) {
	for text, want := range map[string][2]int{
		"|": {0, 0}, "ab|c": {0, 2}, "a\nb|": {1, 1}, "a\n|": {1, 0}, "größe|": {0, 5}, "x\n𝄞é|": {1, 3}, "\xff|": {0, 1}, "a\r\nb|": {1, 1},
	} {
		at := strings.IndexByte(text, '|')
		got := positionOf(strings.Replace(text, "|", "", 1), at)
		if got["line"] != want[0] || got["character"] != want[1] {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := positionOf("ab", 99); got["character"] != 2 {
		t.Errorf("behind the end: %v", got)
	}
}

// start starts gopls in a module of its own.
func start(t *testing.T) *Server {
	t.Helper()
	if _, err := os.Stat(home.Gopls()); err != nil {
		t.Skip("gopls is not installed; `go run ./install` does that: ", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.org/x\n\ngo 1.24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Start(Options{Program: home.Gopls(), Dir: dir, Cache: filepath.Join(home.Cache(), "gopls"), Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ask completes at the bar in file a.go.
func ask(t *testing.T, s *Server, files map[string]string) []Item {
	t.Helper()
	files = maps.Clone(files)
	before, after, _ := strings.Cut(files["a.go"], "|")
	files["a.go"] = before + after
	items, err := s.Complete(t.Context(), files, "a.go", len(before))
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// TestFilesInMemory asks about files that are nowhere on the disk, and come, change and go.
func TestFilesInMemory(t *testing.T) {
	s := start(t)
	files := map[string]string{"a.go": "package x\n\nfunc _() { größe := zeta.| }\n", "b.go": "package x\n\nvar zeta struct{ First int }\n"}
	if got := ask(t, s, files); len(got) != 1 || got[0] != (Item{"First", "property"}) {
		t.Errorf("got %v", got)
	}
	files["b.go"] = "package x\n\nvar zeta struct{ Second, Other int }\n"
	if got := ask(t, s, files); len(got) != 2 {
		t.Errorf("of the changed file: %v", got)
	}
	delete(files, "b.go")
	if got := ask(t, s, files); len(got) != 0 {
		t.Errorf("without the file: %v", got)
	}
	files["a.go"] = "package x\n\nimport \"strings\"\n\nfunc _(𝄞, title string, n int) { strings.Repeat(/* 𝄞 */ ti| }\n"
	if got := ask(t, s, files); len(got) == 0 || got[0] != (Item{"title", "variable"}) {
		t.Errorf("got %v", got)
	}
}

// TestEnd asks a server that has ended, and one that nobody waits for.
func TestEnd(t *testing.T) {
	s := start(t)
	files := map[string]string{"a.go": "package x\n"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Complete(ctx, files, "a.go", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	ask(t, s, files)
	if _, err := s.Complete(t.Context(), files, "other.go", 0); err == nil {
		t.Error("it completes in a file that is not there")
	}
	s.Close()
	if _, err := s.Complete(t.Context(), files, "a.go", 0); err == nil {
		t.Error("it answers after its end")
	}
	s.Close()
}
