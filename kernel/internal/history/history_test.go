package history

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golab/kernel/internal/engine"
)

// logText is a log that tests read.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// session opens the database, adds cells from line 1 on, and closes it.
func session(t *testing.T, path string, cells ...string) (log string) {
	t.Helper()
	text := &logText{}
	h := Open(path, slog.New(slog.NewTextHandler(text, nil)))
	for i, c := range cells {
		h.Add(i+1, c, "")
	}
	h.Close()
	return text.String()
}

// show is a short form of entries: "session/line input=output".
func show(t *testing.T) func([]engine.HistoryEntry, error) string {
	return func(entries []engine.HistoryEntry, err error) string {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		var all []string
		for _, e := range entries {
			s := fmt.Sprintf("%d/%d %s", e.Session, e.Line, e.Input)
			if e.Output != "" {
				s += "=" + e.Output
			}
			all = append(all, s)
		}
		return strings.Join(all, ", ")
	}
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "history.db")
	expect(t, "log", session(t, path, "a", "b", "a")+session(t, path)+session(t, path, "x 1", "y 2", "a"), "")
	h := Open(path, discard())
	defer h.Close()
	h.Add(1, "now", "42")
	h.Add(2, "b", "")
	if h.Session() != 4 {
		t.Errorf("session %d", h.Session())
	}
	text := show(t)
	for _, test := range []struct{ name, got, want string }{
		{"tail", text(h.Tail(4)), "3/2 y 2, 3/3 a, 4/1 now=42, 4/2 b"},
		{"tail of nothing", text(h.Tail(0)), ""},
		{"whole tail", text(h.Tail(-1)), "1/1 a, 1/2 b, 1/3 a, 3/1 x 1, 3/2 y 2, 3/3 a, 4/1 now=42, 4/2 b"},
		{"range of this one", text(h.Range(0, 1, 2)), "4/1 now=42"},
		{"range of this one by number", text(h.Range(4, 2, -1)), "4/2 b"},
		{"range of the one before", text(h.Range(-1, 2, -1)), "3/2 y 2, 3/3 a"},
		{"range of the one before that with cells", text(h.Range(-2, 0, 3)), "1/1 a, 1/2 b"},
		{"range of none", text(h.Range(-3, 0, -1)) + text(h.Range(2, 0, -1)) + text(h.Range(99, 0, -1)), ""},
		{"search", text(h.Search("?", -1, false)), "1/1 a, 1/2 b, 1/3 a, 3/3 a, 4/2 b"},
		{"search for the last", text(h.Search("a", 2, false)), "1/3 a, 3/3 a"},
		{"search unique", text(h.Search("?", -1, true)), "3/3 a, 4/2 b"},
		{"search unique for the last", text(h.Search("*", 3, true)), "3/3 a, 4/1 now=42, 4/2 b"},
	} {
		expect(t, test.name, test.got, test.want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestInMemory(t *testing.T) {
	h := InMemory()
	defer h.Close()
	h.Add(1, "a", "")
	text := show(t)
	expect(t, "all", text(h.Tail(-1))+text(h.Range(-1, 0, -1))+text(h.Search("b", -1, false)), "1/1 a")
}

// TestManyKernels: kernels that write at the same time lose nothing, and each has a number of its own.
func TestManyKernels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	const kernels, cells = 8, 20
	numbers := make([]int, kernels)
	var all sync.WaitGroup
	for i := range kernels {
		all.Go(func() {
			h := Open(path, discard())
			for line := range cells {
				h.Add(line+1, fmt.Sprintf("kernel %d", i), "")
				if line%5 == 0 {
					h.Tail(3)
				}
			}
			numbers[i] = h.Session()
			<-h.numbered
			h.mu.Lock()
			h.closed = true
			close(h.wake)
			h.mu.Unlock()
			<-h.written // not Close, which gives up after a while
		})
	}
	all.Wait()
	h := Open(path, discard())
	defer h.Close()
	entries, err := h.Tail(-1)
	if err != nil || len(entries) != kernels*cells {
		t.Errorf("%d cells, want %d (%v)", len(entries), kernels*cells, err)
	}
	seen := map[int]bool{}
	for _, n := range numbers {
		if seen[n] || n < 1 || n > kernels {
			t.Errorf("numbers %v", numbers)
		}
		seen[n] = true
	}
}

// TestPrune: the oldest cells go when there are too many; a session alone loses its own oldest.
func TestPrune(t *testing.T) {
	s := &store{path: filepath.Join(t.TempDir(), "h.db"), log: discard(), max: 1000}
	size := len(`{"i":"`) + 100 + len(`"}`)
	input := strings.Repeat("x", 100)
	for range 3 {
		n, err := s.begin()
		if err != nil {
			t.Fatal(err)
		}
		for line := 1; line <= 12; line++ {
			if err := s.add(n, []engine.HistoryEntry{{Line: line, Input: input}}); err != nil {
				t.Fatal(err)
			}
			cells := 0
			s.backward(0, func(e engine.HistoryEntry) bool {
				if cells == 0 && (e.Session != n || e.Line != line) {
					t.Errorf("the latest is %d/%d, want %d/%d", e.Session, e.Line, n, line)
				}
				cells++
				return true
			})
			if cells*size > s.max || (n > 1 || line == 12) && cells*size < s.max/2 {
				t.Errorf("%d cells of %d bytes are kept", cells, size)
			}
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.db")
	long := make([]string, 200)
	for i := range long {
		long[i] = strings.Repeat("cell ", 100)
	}
	session(t, good, long...)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	scribbled := bytes.Clone(data)
	for i := 2 * 4096; i < len(scribbled); i++ {
		scribbled[i] = byte(i * 7)
	}
	for name, content := range map[string][]byte{
		"text":          []byte(strings.Repeat("this is no database\n", 1000)),
		"short":         []byte("x"),
		"cut in half":   data[:len(data)/2],
		"first page":    data[:4096],
		"two pages":     data[:2*4096],
		"zeros":         make([]byte, 64<<10),
		"broken inside": scribbled,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			log := session(t, path, "a")
			if strings.Count(log, "set aside") != 1 || strings.Count(log, "\n") != 1 {
				t.Errorf("log: %s", log)
			}
			if kept, err := os.ReadFile(path + ".broken"); err != nil || !bytes.Equal(kept, content) {
				t.Errorf("the broken file is not kept: %d bytes, %v", len(kept), err)
			}
			h := Open(path, discard())
			defer h.Close()
			expect(t, "cells", show(t)(h.Tail(-1)), "1/1 a")
		})
	}
}

// TestUnwritable: where nothing can be written, this session's cells are known all the same.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := &logText{}
	h := Open(filepath.Join(file, "history.db"), slog.New(slog.NewTextHandler(text, nil)))
	h.Add(1, "a", "")
	expect(t, "cells", show(t)(h.Tail(-1)), "1/1 a")
	h.Add(2, "b", "")
	expect(t, "cells", show(t)(h.Search("b", 5, true)), "1/2 b")
	h.Close()
	if strings.Count(text.String(), "\n") != 1 || !strings.Contains(text.String(), "not kept beyond this session") {
		t.Errorf("log: %s", text)
	}
}

// TestRemovedFile: somebody removes the file under a running session, which makes a new one.
func TestRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	session(t, path, "old")
	h := Open(path, discard())
	h.Session()
	os.Remove(path)
	expect(t, "cells without a file", show(t)(h.Tail(-1)), "")
	h.Add(1, "new", "")
	h.Close()
	session(t, path, "newer")
	h = Open(path, discard())
	defer h.Close()
	expect(t, "cells", show(t)(h.Tail(-1)), "2/1 new, 3/1 newer")
}

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "anything", true}, {"*", "", true}, {"?", "", false}, {"?", "é", true}, {"??", "é", false}, {"a*", "a\nb", true}, {"a*", "ba", false},
		{"*b", "ab", true}, {"*b*", "abc", true}, {"*ab", "aab", true}, {"*a?c*", "xxabxabc", true}, {"a.c", "abc", false}, {"[a]", "[a]", true},
		{"*a*a*a*b", strings.Repeat("a", 100), false}, {"*日?語", "x日本語", true}, {"ab", "a", false}, {"a", "ab", false}, {"a**", "a", true}, {"*\xff", "a\xff", true},
	} {
		if got := glob(test.pattern, test.text); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.text, got)
		}
	}
}
