package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"golab/kernel/internal/engine"
)

// changing is what differs from run to run in what commands show.
var changing = regexp.MustCompile(`\(\d+\.\d+s\)|(?:-\d+)?\s+1\t\s+[\d.]+ ns/op|go(os|arch|cpu): .*|cpu: .*|[\d.]+ ms \(.*\); CPU [\d.]+ ms`)

// TestCommands runs the cell sequences in testdata/commands, as TestCells does. Files below dir/ are written to the
// folder that cells run in.
func TestCommands(t *testing.T) {
	archives, err := filepath.Glob("testdata/commands/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no cell sequences", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s := openIn(t, dir, "")
			n := 0
			sequence(t, file, ar, func(f txtar.File) string {
				if name, ok := strings.CutPrefix(f.Name, "dir/"); ok {
					put(t, filepath.Join(dir, name), f.Data)
					return ""
				}
				n++
				got, _ := runCell(s, n, strings.TrimSuffix(string(f.Data), "\n"))
				got = strings.ReplaceAll(strings.ReplaceAll(got, s.settings.modules, "$MOD"), dir, "$DIR")
				return changing.ReplaceAllString(got, "#")
			})
		})
	}
}

// TestTime checks that %time runs the code on its line and below, and tells where the time went.
func TestTime(t *testing.T) {
	s := open(t)
	for _, code := range []string{"%time x := 1\nx + 1", "%time\nx := 1\nx + 1", "%%time\nx := 1\nx + 1"} {
		got := must(t, s, code)
		if !regexp.MustCompile(`(?s)^=> 2\ncell\[1\]: [\d.]+ ms \(check [\d.]+, .*run [\d.]+\); CPU [\d.]+ ms\n$`).MatchString(got) {
			t.Errorf("%s\nshows %q", code, got)
		}
	}
	if got, err := runCell(s, 1, "%time panic(1)"); err == nil || !regexp.MustCompile(`cell\[1\]: [\d.]+ ms`).MatchString(got) {
		t.Errorf("a failing cell shows %q", got)
	}
}

// TestTimeit checks what %timeit measures, and how it tells.
func TestTimeit(t *testing.T) {
	s := open(t)
	const line = `[\d.]+ [nµm]?s ± [\d.]+ [nµm]?s per loop \(mean ± std\. dev\. of %s each\), best [\d.]+ [nµm]?s; %s per loop\n$`
	must(t, s, "n := 0\nfunc count() { n++ }\nfunc pair() (int, error) { n++; return n, nil }\nvar kept []byte")
	const few = `\d+ B and \d+ allocs` // with few loops, what the runtime allocates meanwhile counts
	for _, c := range []struct{ code, loops, allocs, calls string }{
		{"%timeit -n 10 -r 3 count()", "3 runs, 10 loops", few, "30"},
		{"%timeit -n 5 -r1 pair()", "1 run, 5 loops", few, "5"},
		{"%timeit -n1000 -r 2 n + 1", "2 runs, 1,000 loops", "0 B and 0 allocs", "0"},
		{"%timeit -n 1000 -r 2 n++; kept = make([]byte, 64)", "2 runs, 1,000 loops", "64 B and 1 allocs", "2000"},
		{"m := 4\n%timeit -n 2 -r 2 n += m", "2 runs, 2 loops", few, "16"},
		{"%%timeit -n 2 -r 2 step := 3\nfor range 2 {\n\tn += step\n}\n", "2 runs, 2 loops", few, "24"},
		{"%%timeit -n 7 -r 1\ncount()", "1 run, 7 loops", few, "7"},
	} {
		must(t, s, "n = 0")
		got := must(t, s, c.code)
		if !regexp.MustCompile(fmt.Sprintf(line, c.loops, c.allocs)).MatchString(got) {
			t.Errorf("%s\nshows %q", c.code, got)
		}
		if got := must(t, s, "n"); got != "=> "+c.calls+"\n" {
			t.Errorf("%s\nleaves n at %s, want %s", c.code, got, c.calls)
		}
	}
	if got := must(t, s, "%timeit count()"); !regexp.MustCompile(fmt.Sprintf(line, "7 runs, [0-9,]+ loops", "0 B and 0 allocs")).MatchString(got) {
		t.Errorf("shows %q", got)
	}
	for code, want := range map[string]string{
		"%timeit":             "which code",
		"%timeit -x f()":      "no option -x",
		"%timeit -n 0 f()":    "-n is a number",
		"x := 1\n%timeit y+1": "cell[1]:2:9: undefined: y",
		"%timeit var z int":   "",
		"%timeit panic(1)":    "panic: 1",
	} {
		got, err := runCell(s, 1, code)
		if want != "" && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s\nshows %q, want %q", code, got, want)
		}
	}
}

// TestInputs checks that shell commands read what is typed, after %with_inputs and %with_password.
func TestInputs(t *testing.T) {
	s := open(t)
	var asked []bool
	answers := []string{"foo", "secret"}
	req := engine.Request{Count: 1, Code: "%with_inputs\n!read a; echo got $a\n%with_password\n!read b; echo and $b\n!cat", Input: func(ctx context.Context, prompt string, password bool) (string, error) {
		if len(asked) == len(answers) {
			return "", errors.New("asked too often")
		}
		asked = append(asked, password)
		return answers[len(asked)-1], nil
	}}
	tr := &transcript{}
	if res := s.Execute(req, tr); res.Err != nil {
		t.Fatal(res.Err)
	}
	if got := tr.String(); got != "got foo\nand secret\n" {
		t.Errorf("shows %q", got)
	}
	if len(asked) != 2 || asked[0] || !asked[1] {
		t.Errorf("asked for passwords: %v", asked)
	}
}

// TestInterruptShell checks that an interrupt ends a shell command with all that it started, and the cell, while values stay.
func TestInterruptShell(t *testing.T) {
	s := open(t)
	must(t, s, "x := 1")
	file := filepath.Join(s.settings.folder(), "pid")
	tr := &signalling{seen: make(chan struct{})}
	ended := make(chan engine.Result)
	go func() {
		ended <- s.Execute(engine.Request{Code: "!sleep 1000 & echo $! > pid; echo started; wait\nx = 2", Count: 1}, tr)
	}()
	<-tr.seen
	s.Interrupt()
	res := <-ended
	if res.Err == nil || res.Err.Name != "interrupted" {
		t.Errorf("ends with %v", res.Err)
	}
	pid, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)) + "/exe"); err == nil {
		t.Error("what the command had started still runs")
	}
	if got := must(t, s, "x"); got != "=> 1\n" {
		t.Errorf("x is %s", got)
	}
}

// signalling is a sink that tells of the first text.
type signalling struct {
	discard
	seen chan struct{}
}

func (s *signalling) Stream(_, text string) {
	if strings.Contains(text, "started") {
		close(s.seen)
	}
}

// TestBackground checks that what a shell command leaves in the background does not hold up the cell, still shows what it
// prints, and ends with the session.
func TestBackground(t *testing.T) {
	s := open(t)
	must(t, s, "!mkfifo go; (read x < go; echo late; sleep 1000) & echo $! > pid")
	tr := &signalling{seen: make(chan struct{})}
	s.Execute(engine.Request{Code: "", Count: 2}, tr)
	fifo := filepath.Join(s.settings.folder(), "go")
	pid, err := os.ReadFile(filepath.Join(s.settings.folder(), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fifo, []byte("started\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)) + "/exe"); err == nil {
		t.Error("what the command had started still runs")
	}
}

// TestRestartKeepsSettings checks that a new worker has the folder and environment that commands chose.
func TestRestartKeepsSettings(t *testing.T) {
	s := open(t)
	must(t, s, "!mkdir sub\n%cd sub\n%env A=b\n%env -u HOME")
	runCell(s, 2, "os.Exit(0)")
	got := must(t, s, "d, _ := os.Getwd()\n_, home := os.LookupEnv(\"HOME\")\nfmt.Println(filepath.Base(d), os.Getenv(\"A\"), home)")
	if !strings.HasSuffix(got, "sub b false\n") {
		t.Errorf("shows %q", got)
	}
}

// TestLoad checks what %load asks the client to do.
func TestLoad(t *testing.T) {
	s := open(t)
	put(t, filepath.Join(s.settings.folder(), "a.txt"), []byte("x := 1\n"))
	must(t, s, "func f() int { return 1 }")
	for args, want := range map[string]string{"a.txt": "x := 1", "1": "func f() int { return 1 }", "f": "func f() int { return 1 }"} {
		res := s.Execute(engine.Request{Code: "%load " + args, Count: 2}, discard{})
		if res.Err != nil || len(res.Payload) != 1 || !res.Payload[0].Replace || res.Payload[0].Source != "set_next_input" ||
			res.Payload[0].Text != "// %load "+args+"\n"+want {
			t.Errorf("%%load %s: %+v", args, res)
		}
	}
}

// kept is a history of two sessions.
type kept struct{}

func (kept) Session() int { return 2 }

func (kept) Tail(n int) ([]engine.HistoryEntry, error) {
	all := []engine.HistoryEntry{{Session: 1, Line: 1, Input: "old()\nolder()"}, {Session: 2, Line: 1, Input: "x", Output: "7"}}
	return all[max(0, len(all)-n):], nil
}

func (kept) Range(session, start, stop int) ([]engine.HistoryEntry, error) {
	return []engine.HistoryEntry{{Session: 1, Line: start, Input: fmt.Sprintln(session, start, stop)}}, nil
}

func (kept) Search(pattern string, n int, unique bool) ([]engine.HistoryEntry, error) {
	return []engine.HistoryEntry{{Session: 1, Line: 3, Input: fmt.Sprintln(pattern, n, unique)}}, nil
}

// TestHistory checks which entries of earlier sessions %history asks for, and how it shows them.
func TestHistory(t *testing.T) {
	s := open(t)
	for args, want := range map[string]string{
		"-l 2 -o":     "   1/1: old()\n        older()\n   1: x\n      => 7\n",
		"~1/2-4":      "-1 2 5\n",
		"-n ~1/":      "   1/0: -1 0 -1\n",
		"-g old -u":   "   1/3: *old* -1 true\n",
		"-g":          "   1/3: *** -1 false\n",
		"-l 3 -g a b": "   1/3: *a b* 3 false\n",
	} {
		tr := &transcript{}
		res := s.Execute(engine.Request{Code: "%history " + args, Count: 1, History: kept{}, Silent: true}, tr)
		if got := tr.String(); res.Err != nil || got != want {
			t.Errorf("%%history %s shows %q (%v), want %q", args, got, res.Err, want)
		}
	}
}

// TestVariableTable checks how %whos shows variables, whose names and values may be anything.
func TestVariableTable(t *testing.T) {
	b := variableTable([]engine.Variable{
		{Name: "größe", Type: "[]int", Value: "[1 2]", Size: 16, Shape: "2 items", Cell: "cell[1]"},
		{Name: "p", Type: "*T", Size: -1, Cell: "cell[12]", Lost: "its type <b>T</b> is gone"},
		{Name: "big", Type: "*tensors.Tensor", Value: "…", Size: 1_530_000, Shape: "300×1000", Cell: "cell[2]"},
	})
	want := `Variable  Type               Size  Shape     Cell      Value
────────────────────────────────────────────────────────────────────────────────────
größe     []int              16 B  2 items   cell[1]   [1 2]
p         *T                                 cell[12]  lost: its type <b>T</b> is gone
big       *tensors.Tensor  1.5 MB  300×1000  cell[2]   …`
	if got := b["text/plain"].(string); strings.ReplaceAll(got, "─", "") != strings.ReplaceAll(want, "─", "") {
		t.Errorf("shows\n%s\nwant\n%s", got, want)
	}
	if got := b["text/html"].(string); strings.Contains(got, "<b>") || !strings.Contains(got, "&lt;b&gt;T") || strings.Count(got, "<tr>") != 4 {
		t.Errorf("shows\n%s", got)
	}
}

// TestHelp checks that every command tells what it is, and can be asked in every way.
func TestHelp(t *testing.T) {
	s := open(t)
	all := must(t, s, "%help")
	for _, g := range groups {
		for _, c := range g.commands {
			if !strings.Contains(all, "  "+c.synopsis()) || !strings.Contains(all, " "+c.about+"\n") || c.about == "" || c.run == nil {
				t.Errorf("%%help does not list %s", c.name)
			}
			if len(c.about) > 100 || strings.HasSuffix(c.about, ".") {
				t.Errorf("%s: what it is about is no short line: %q", c.name, c.about)
			}
			if strings.HasPrefix(c.name, "!") {
				continue
			}
			want := must(t, s, "%help "+c.name)
			res := s.Execute(engine.Request{Code: c.mark() + c.name + "?", Count: 1}, discard{})
			if len(res.Payload) != 1 || !strings.Contains(fmt.Sprint(res.Payload[0].Page["text/plain"]), c.about) {
				t.Errorf("%s? shows %+v", c.name, res)
			}
			if c.plain {
				continue
			}
			if got := must(t, s, c.mark()+c.name+" -h"); got != want {
				t.Errorf("%s -h shows %q, want %q", c.name, got, want)
			}
		}
	}
}
