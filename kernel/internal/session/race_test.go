package session

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
)

// needRace skips a test where programs can't be built with the race detector.
var needRace = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "race")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("go", "build", "-race", "-o", filepath.Join(dir, "x"), file).CombinedOutput(); err != nil {
		return fmt.Errorf("go build -race does not work here: %s", out)
	}
	return nil
})

func openRace(t *testing.T) *Session {
	t.Helper()
	if err := needRace(); err != nil {
		t.Skip(err)
	}
	return open(t)
}

func mustRun(t *testing.T, s *Session, count int, code string) {
	t.Helper()
	if got, err := runCell(s, count, code); err != nil {
		t.Fatalf("%s\nshows %s", code, got)
	}
}

func plainText(s string) string { return ansi.ReplaceAllString(s, "") }

// TestRace runs cells under %race. Which access of a race comes first, and how many of a cell's races show in one run,
// is up to the scheduler; the places are not.
func TestRace(t *testing.T) {
	s := openRace(t)
	must(t, s, "import str \"strings\"\nbase := 40\ndata := []int{1, 2, 3}\nvar mu sync.Mutex\ntype P struct{ A, B int }\nfunc (p P) Sum() int { return p.A + p.B }\np := P{base, 2}")
	mustRun(t, s, 2, "total := p.Sum() + len(data)\nupper := str.ToUpper(\"x\")\nbase := \"now a string\"")
	for _, c := range []struct {
		name, code string
		fails      string   // name of the error
		want       []string // regular expressions that match what is shown
	}{
		{"counter", "n := 0\nvar wg sync.WaitGroup\nfor range 4 {\n\twg.Go(func() {\n\t\tn++\n\t})\n}\nwg.Wait()", "", []string{
			`(?m)^data race 1`, `cell\[9\]:6 in a function literal`, `(?s)by goroutine \d+.*Goroutine \d+ created at:`, `data race.* found in this run\n$`}},
		{"map", "m := map[string]int{}\ndone := make(chan bool)\ngo func() {\n\tm[\"a\"] = 1\n\tdone <- true\n}()\nm[\"b\"] = 2\n<-done", "", []string{
			`cell\[9\]:5 in`, `cell\[9\]:8 in the cell\n[\s>]+8 \| m\["b"\] = 2`, `(?m)by main goroutine:$`}},
		{"slice header", "var out []int\nvar wg sync.WaitGroup\nfor i := range 4 {\n\twg.Add(1)\n\tgo func() { defer wg.Done(); out = append(out, i) }()\n}\nwg.Wait()", "", []string{`cell\[9\]:6 in`}},
		{"loop variable", "var i int\nvar wg sync.WaitGroup\nfor i = 0; i < 3; i++ {\n\twg.Add(1)\n\tgo func() { defer wg.Done(); fmt.Sprint(i) }()\n}\nwg.Wait()", "", []string{`cell\[9\]:4 in the cell`, `cell\[9\]:6 in`}},
		{"WaitGroup", "x := 0\nvar wg sync.WaitGroup\ngo func() { wg.Add(1); x = 1; wg.Done() }()\nwg.Wait()\nx = 2", "", []string{`data races? (was|were) found in this run`}},
		{"earlier variables", "var wg sync.WaitGroup\nfor i := range 2 {\n\twg.Go(func() { data[0] = i })\n}\nwg.Wait()\ntotal", "", []string{
			`declared anew: base \(cell\[1\]\), data \(cell\[1\]\), p \(cell\[1\]\), total \(cell\[2\]\)\n`, `(?m)^45$`, `cell\[9\]:4 in a function literal`, `Goroutine \d+ created at:\n    in sync`}},
		{"in an earlier function", "func bump(p *int) {\n\t*p++\n}\nn := 0\ngo bump(&n)\nbump(&n)", "", []string{`cell\[9\]:3 in bump\n[\s>]+3 \|\s+\*p\+\+`, `cell\[9\]:7 in the cell`}},
		{"goroutine that outlives the cell", "q := 0\ngo func() {\n\tq++\n}()\nq++", "", []string{`cell\[9\]:4 in`, `1 data race was found`}},
		{"clean", "n := 0\nvar wg sync.WaitGroup\nfor range 4 {\n\twg.Go(func() { mu.Lock(); n++; mu.Unlock() })\n}\nwg.Wait()\nn", "", []string{`(?m)^4\nno data race was found in this run\n$`}},
		{"panic", "func at(a []int) int { return a[5] }\nat(data)", "panic", []string{`no data race was found before the run ended`, `index out of range \[5\] with length 3 \(cell\[9\]:2\)`, `cell\[9\]:2 in at\n`, `cell\[9\]:3 in the cell`}},
		{"panic in a goroutine", "go func() {\n\tpanic(fmt.Sprint(\"boom \", len(data)))\n}()\nselect {}", "panic", []string{`panic in a goroutine: boom 3`, `cell\[9\]:3 in a function literal`}},
		{"exit", "os.Exit(3)", "process ended", []string{`exit status 3`}},
		{"words like a crash", "fmt.Fprintln(os.Stderr, \"panic: only words\")\nfmt.Fprint(os.Stderr, \"a line\")", "", []string{`stderr: panic: only words\nstderr: a line`, `no data race was found in this run`}},
		{"compile error", "\nn := 1 + undefinedThing", "compile error", []string{`^error: compile error: cell\[9\]:3:10: undefined: undefinedThing`}},
		{"fails", "strconv.Atoi(\"x\")", "process ended", []string{`stderr: error: strconv.Atoi: parsing "x": invalid syntax`}},
		{"results", "strconv.Atoi(\"17\")", "", []string{`(?m)^17$`}},
		{"last values", "len(upper)", "", []string{`(?m)^1$`}},
		{"silent", "len(upper);", "", []string{`^stderr: golab: [^\n]*upper \(cell\[2\]\)\nno data race`}},
		{"shadowed variable", "base := 1.5\nfmt.Println(base, p)", "", []string{`1\.5 \{40 2\}`}},
		{"type of another time", "fmt.Println(base, p.A, upper)", "", []string{`now a string 40 X`}},
		{"name of a package", "strings := []string{\"a\"}\nfunc up() string { return strings[0] + str.ToUpper(\"b\") }\nup()", "", []string{`(?m)^aB$`}},
		{"block, main, init", "func init() { fmt.Println(\"init\") }\nfunc main() { fmt.Println(\"main\") }\nfunc again() { main() }\nagain()\n%%\nfmt.Println(\"block\")", "", []string{`main\nblock\nmain\n`}},
		{"generic", "type Pair[K comparable, V any] struct { Key K; Val V }\nfunc (p Pair[K, V]) String() string { return fmt.Sprint(p.Key, \"=\", p.Val) }\nfunc mk[K comparable, V any](k K, v V) Pair[K, V] { return Pair[K, V]{k, v} }\nw := mk(\"a\", 1)\nw", "", []string{`(?m)^a=1$`}},
		{"displays do nothing", "nb.Display(nb.Bundle{\"text/html\": \"<b>\"})\nfmt.Println(nb.Live(), nb.Context().Err())", "", []string{`(?m)^false <nil>$`}},
		{"unused", "var unused int\na, err := 1, error(nil)\nfor i, v := range data { z := 1 }\nswitch q := any(1).(type) {\ncase int:\n}", "", []string{`no data race`}},
		{"type without a name", "h := md5.New()\nf, err := os.Open(os.DevNull)\nst, err := f.Stat()\nst.Name()", "", []string{`(?m)^null$`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := runCell(s, 9, "%race\n"+c.code)
			got = plainText(got)
			name := ""
			if err != nil {
				name = err.Name
			}
			if name != c.fails {
				t.Errorf("fails with %q, want %q", name, c.fails)
			}
			for _, w := range c.want {
				if !regexp.MustCompile(w).MatchString(got) {
					t.Errorf("does not match %s", w)
				}
			}
			if t.Failed() {
				t.Logf("%s\nshows\n%s", c.code, got)
			}
		})
	}
	if got := must(t, s, "fmt.Println(base, data, p, total, upper)"); got != "now a string [1 2 3] {40 2} 45 X\n" {
		t.Errorf("the session has changed: %s", got)
	}
	for _, name := range []string{"n", "bump", "Pair", "wg"} {
		if _, err := runCell(s, 10, name); err == nil {
			t.Errorf("%s is in the session", name)
		}
	}
}

// TestRaceCannotRepeat checks that a variable whose declaration does not work any more stops %race with the reason.
func TestRaceCannotRepeat(t *testing.T) {
	s := openRace(t)
	must(t, s, "type T struct{ A int }\nt := T{A: 1}\nfunc f() int { return 1 }\nn := f()")
	mustRun(t, s, 2, "type T struct{ B int }\nfunc f() string { return \"one\" }")
	got, err := runCell(s, 3, "%race\nt.B")
	if err == nil || !strings.Contains(got, "t can't be declared anew") || !strings.Contains(got, "cell[1]:2") {
		t.Errorf("t.B shows\n%s", plainText(got))
	}
	got, err = runCell(s, 4, "%race\nn")
	if err == nil || !strings.Contains(got, "n can't be declared anew: n is now of type string, while the session holds a value of type int") {
		t.Errorf("n shows\n%s", plainText(got))
	}
	if got := must(t, s, "n"); got != "=> 1\n" {
		t.Errorf("n is %s", got)
	}
}

// TestRaceAnew checks that declarations of earlier cells are repeated with what their names meant.
func TestRaceAnew(t *testing.T) {
	s := openRace(t)
	for i, code := range []string{
		"x := 1\nsay := func(s string) string { fmt.Println(\"say\", s); return s }\nsay2 := say",
		"inc := func() int { x++; return x }\nx := x + 1",
		"import rnd \"math/rand\"\nx := x * 10\nr := rnd.New(rnd.NewSource(1)).Intn(100)\nvar a, b = r, say2(\"declared\")\nvar zero struct{ N int }",
		"import rnd \"strings\"\nx := fmt.Sprint(x)\nvar (\n\tc = len(b)\n\td, e = c, rnd.ToUpper(b)\n)\nz, err := strconv.Atoi(\"3\")\nhidden := md5.New\nzero.N = 5",
		"type Shape interface{ Area() float64 }\ntype Sq struct{ s float64 }\nfunc (q Sq) Area() float64 { return q.s * q.s }\nvar shape Shape = Sq{3}\nshapes := map[string]Shape{\"a\": shape}\nunused := say(\"never\")",
	} {
		mustRun(t, s, i+1, code)
	}
	got, err := runCell(s, 6, "%race\nfmt.Println(x, inc(), a == r, b, c, d, e, z, err, zero, len(shapes), shapes[\"a\"].Area(), hidden().Size())")
	if want := "say declared\n20 21 true declared 8 8 DECLARED 3 <nil> {0} 1 9 16\nno data race was found in this run\n"; err != nil || !strings.HasSuffix(got, want) {
		t.Errorf("shows\n%s", plainText(got))
	}
	got, err = runCell(s, 7, "%race\nx := 2.5\nfmt.Println(x, z)")
	if err != nil || !strings.HasSuffix(got, "declared anew: err (cell[4]), z (cell[4])\n2.5 3\nno data race was found in this run\n") {
		t.Errorf("shows\n%s", plainText(got))
	}
}

// TestRaceInterrupt checks that an interrupt ends a run that would not end, that what it has found is shown, and that no
// process is left.
func TestRaceInterrupt(t *testing.T) {
	s := openRace(t)
	must(t, s, "keep := 7")
	tr := &waitFor{text: "started", found: make(chan struct{})}
	done := make(chan engine.Result)
	go func() {
		done <- s.Execute(engine.Request{Count: 2, Code: "%race\nn := 0\nch := make(chan bool)\ngo func() { n++; ch <- true }()\nn++\n<-ch\n" +
			"child := exec.Command(\"sleep\", \"1000\")\nchild.Start()\nfmt.Println(\"started\", child.Process.Pid)\nfor {\n}"}, tr)
	}()
	<-tr.found
	s.Interrupt()
	var res engine.Result
	select {
	case res = <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the cell does not end")
	}
	if res.Err == nil || res.Err.Name != "interrupted" {
		t.Errorf("ends with %v", res.Err)
	}
	got := plainText(tr.String())
	if !strings.Contains(got, "1 data race was found") {
		t.Errorf("shows\n%s", got)
	}
	var pid int
	fmt.Sscanf(got[strings.Index(got, "started"):], "started %d", &pid)
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); pid == 0 || err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("process %d lives", pid)
	}
	if got := must(t, s, "keep"); got != "=> 7\n" {
		t.Errorf("keep is %s", got)
	}
}

// waitFor is a transcript that tells when a text has come.
type waitFor struct {
	transcript
	text  string
	once  sync.Once
	found chan struct{}
}

func (w *waitFor) Stream(name, text string) {
	w.transcript.Stream(name, text)
	if strings.Contains(w.String(), w.text) {
		w.once.Do(func() { close(w.found) })
	}
}

// checkPlain checks that a cell which compiles is Go as an ordinary program too; TestCells calls it for all cells.
func checkPlain(t *testing.T, s *Session, n int, code string) {
	t.Helper()
	<-s.started
	cmds, text := cutCommands(code)
	src := &cell.Source{Name: fmt.Sprintf("cell[%d]", n), Gen: s.gen + 1, Text: text}
	if _, err := s.build(src); err != nil || len(cmds) > 0 {
		return
	}
	prog, err := s.plain(src)
	if err != nil {
		if !strings.Contains(err.Error(), "can't be declared anew") {
			t.Errorf("cell %d is no program: %v\n%s", n, err, code)
		}
		return
	}
	if err := typeCheck(s, prog); err != nil {
		t.Errorf("cell %d is no program: %v\n%s", n, err, code)
		for name, text := range prog.Files {
			t.Logf("%s\n%s", name, text)
		}
	}
}

func typeCheck(s *Session, prog *cell.Plain) error {
	fset := token.NewFileSet()
	var files []*ast.File
	for name, text := range prog.Files {
		f, err := parser.ParseFile(fset, name, text, 0)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: s.base, GoVersion: "go1.26"}
	_, err := conf.Check("main", fset, files, nil)
	return err
}
