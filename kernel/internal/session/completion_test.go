package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golab/kernel/home"
	"golab/kernel/internal/engine"
)

// withLanguage waits until the session's gopls answers, and has completions wait for it from then on.
func withLanguage(t testing.TB, s *Session) {
	t.Helper()
	if _, err := os.Stat(home.Gopls()); err != nil {
		t.Skip("gopls is not installed; `go run ./install` does that: ", err)
	}
	if err := s.ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	state, space := s.state.Snapshot(), s.packages()
	if _, err := s.language.complete(context.Background(), state.Sketch("x", 1, space.Prompt()), state, space); err != nil {
		t.Fatal(err)
	}
	s.language.within = loadWithin
}

// completeAt completes a cell at the bar in it, and returns the code without that, too.
func completeAt(s *Session, cell string) (engine.Completions, string) {
	before, after, _ := strings.Cut(cell, "|")
	return s.Complete(before+after, len(before)), before + after
}

// typed is the session that the tests below complete in.
func typed(t testing.TB) *Session {
	s := open(t)
	for i, code := range []string{`import "github.com/go-gota/gota/dataframe"
import str "strings"
type Point struct{ X, Y int; label string }
// Dist is how far p lies from the origin.
func (p *Point) Dist() float64 { return math.Hypot(float64(p.X), float64(p.Y)) }
type Named struct { Point; Name string }
type Shape interface { Area() float64; Name() string }
type Color int
const ( Red Color = iota; Green; Blue )
// Map maps.
func Map[T, U any](xs []T, f func(T) U) []U { return nil }
func paint(c Color, times int) {}`, `pts := []Point{{X: 1}}
pt := Point{X: 3}
title := "hello"
count := 3
ratio := 0.5
byName := map[string]*Named{}
größe := 5
df := dataframe.New(series.New([]int{1}, series.Int, "a"))
var buf bytes.Buffer
build := func() (*Named, error) { return nil, nil }`, `count := "now it is text"`, `count := 4`} {
		if got, err := runCell(s, i+1, code); err != nil {
			t.Fatal(got)
		}
	}
	return s
}

// TestCompleteCells completes cells as they are typed. What gopls tells is the order: what fits the expected type is first.
func TestCompleteCells(t *testing.T) {
	s := typed(t)
	withLanguage(t, s)
	for _, c := range []struct{ cell, first, has, not string }{
		// what is expected
		{cell: "strings.Repeat(|", first: "title", has: "count"},
		{cell: "str.Repeat(ti|", first: "title"},
		{cell: "strings.Repeat(title, |", first: "count größe"},
		{cell: "strings.Repeat(title, co|", first: "count"},
		{cell: "paint(|", first: "Blue Green Red", has: "pt"},
		{cell: "paint(Red, pt.|", first: "X Y", has: "Dist label"},
		{cell: "var n int = p|", first: "pt.X pt.Y", has: "pt pts"},
		{cell: "ratio > |", first: "ratio"},
		{cell: "var d time.Duration = time.|", has: "Second Sleep"},
		{cell: "pts = append(pts, |", first: "pt"},
		{cell: "for i := range |", first: "byName pts"},
		{cell: "switch c := Blue; c { case |", first: "c Blue Green Red"},
		{cell: "if count == |", first: "count größe"},
		{cell: "x, err := strconv.Atoi(|", first: "title"},
		{cell: "func f(words []string, n int) string { return strings.Join(|", first: "words"},
		{cell: "func f(words []string, n int) string {\n\treturn strings.Join(w|\n}\nf(nil, 1)", first: "words"},
		{cell: "df.Filter(dataframe.F{Comparator: series.|", first: "CompFunc Eq Greater", has: "New"},
		{cell: "Map(pts, func(p Point) int { return p.|", first: "X Y"},
		{cell: "local := 2.5\nmath.Sqrt(|", first: "local ratio"},
		// literals
		{cell: "Point{|", first: "label X Y"},
		{cell: "Point{X: 1, |", first: "label Y"},
		{cell: "_ = Named{N|", first: "Name Named"},
		{cell: "[]Point{{X: 1}, {|", has: "X Y label"},
		{cell: "dataframe.F{Col|", has: "Colname Colidx"},
		{cell: "http.Server{Ad|", first: "Addr"},
		// members
		{cell: "pt.|", has: "X Y label Dist", not: "pts"},
		{cell: `df.Col("a").M|`, has: "Mean Median Max Min", not: "Name"},
		{cell: "df.\n\tFilter(dataframe.F{}).\n\tCo|", has: "Col Concat", not: "Filter"},
		{cell: "byName[\"a\"].|", has: "Name Point X Dist"},
		{cell: "n, err := build()\nn.|", has: "Name X", not: "Error"},
		{cell: "for _, p := range pts { p.|", has: "X Dist"},
		{cell: "func (p *Point) Move() { p.|", has: "X Dist Move"},
		{cell: "fmt.Pr|", has: "Print Printf Println", not: "Sprint"},
		{cell: "fmt.pr|", has: "Println"},
		{cell: "mlx.Den|", first: "Dense"},
		{cell: "json.NewEncoder(os.Std|", has: "Stdout Stdin Stderr"},
		{cell: "type T struct { s Sh|", first: "Shape"},
		{cell: "import \"gonum.org/v1/gonum/optimize\"\noptimize.Mini|", has: "Minimize", not: "minimize"},
		// names
		{cell: "grö|", first: "größe"},
		{cell: "// ü\nx := \"ä\" + gr|", has: "größe"},
		{cell: "ret|", first: "return"},
		{cell: "tit|", first: "title"},
		{cell: "ti|", first: "title time"},
		{cell: "|", has: "title pt Map", not: "strings"},
		{cell: "Ma|", first: "Map"},
		{cell: "%%\nif true {\n\tfresh := 1\n\tfre|", first: "fresh"},
		{cell: "x := (1 +\ny := ti|", has: "title"},
		{cell: "x := := 1\nstrings.Repeat(ti|", first: "title"},
		{cell: "if true {\r\n\tstrings.Repeat(ti|\r\n}\r\n", first: "title"},
		{cell: "%time strings.Repeat(ti|", first: "title"},
		{cell: "%race\nstrings.Repeat(ti|", first: "title"},
		// no code
		{cell: "// ti|"}, {cell: "/* ti|"}, {cell: "x := 'ti|"}, {cell: "x := 12|"}, {cell: "größe.|"}, {cell: "nothing.|"},
		// imports
		{cell: `import "encoding/j|`, has: "encoding/json", not: "encoding/xml"},
		{cell: `import "gonum.org/v1/gonum/opt|"`, has: "gonum.org/v1/gonum/optimize"},
		{cell: "import (\n\t\"fmt\"\n\tx \"golab/ml|", has: "golab/mlx"},
		// commands
		{cell: "%ti|", first: "%time"},
		{cell: "%%ti|", first: "%%time"},
		{cell: "%|", has: "%get %use %fmt %%"},
		{cell: "x := 1\n%|", has: "%time"},
		{cell: "x := `a\n%wh|", not: "%who"},
		{cell: "%%ba|", first: "%%bash"},
		{cell: "%ba|", first: "%backend", not: "%bash"},
		{cell: "%rm ti|", first: "title"},
		{cell: "%help ti|", first: "time timeit"},
		{cell: "%timeit -|", has: "-n -r"},
		{cell: "%timeit strings.Repeat(ti|", first: "title"},
		{cell: "%%timeit\nstrings.Repeat(ti|", first: "title"},
		{cell: "%%capture out\nstrings.Repeat(ti|", first: "title"},
		{cell: "%%bash\ntit|"}, {cell: "%%writefile x.go\npt.|"},
		{cell: "%env HO|", has: "HOME"},
	} {
		got, code := completeAt(s, c.cell)
		if got.End != strings.IndexByte(c.cell, '|') || got.Start > got.End || len(got.Types) != len(got.Matches) {
			t.Errorf("%q: %d to %d, %d types of %d", c.cell, got.Start, got.End, len(got.Types), len(got.Matches))
			continue
		}
		typed := code[got.Start:got.End]
		for _, m := range got.Matches {
			if len(m) < len(typed) || !strings.EqualFold(m[:len(typed)], typed) {
				t.Errorf("%q: %q does not go on from %q", c.cell, m, typed)
			}
		}
		if first := strings.Fields(c.first); len(got.Matches) < len(first) || !slices.Equal(got.Matches[:len(first)], first) {
			t.Errorf("%q: %.10q, want first %q", c.cell, got.Matches, first)
		}
		for _, w := range strings.Fields(c.has) {
			if !slices.Contains(got.Matches, w) {
				t.Errorf("%q: no %q in %.200q", c.cell, w, got.Matches)
			}
		}
		if c.not != "" && slices.Contains(got.Matches, c.not) || c.first+c.has+c.not == "" && len(got.Matches) > 0 {
			t.Errorf("%q: %.200q", c.cell, got.Matches)
		}
		sorted := slices.Sorted(slices.Values(got.Matches))
		if len(slices.Compact(sorted)) != len(got.Matches) {
			t.Errorf("%q: something twice in %q", c.cell, got.Matches)
		}
	}
}

// TestCompletePaths completes files in the texts of strings and the arguments of commands, where cells run.
func TestCompletePaths(t *testing.T) {
	s := open(t)
	for _, f := range []string{"data.csv", "data/train.csv", "data/te\"st.csv", "data/ü.csv", ".hidden", "sub dir/x", "da`ta"} {
		put(t, filepath.Join(s.opts.Dir, f), nil)
	}
	must(t, s, "x := 1")
	check := func(cell, typed string, want ...string) {
		t.Helper()
		got, code := completeAt(s, cell)
		if !slices.Equal(got.Matches, want) || code[got.Start:got.End] != typed {
			t.Errorf("%q: %q for %q, want %q for %q", cell, got.Matches, code[got.Start:got.End], want, typed)
		}
		for _, k := range got.Types {
			if k != "path" {
				t.Errorf("%q: type %q", cell, k)
			}
		}
	}
	check(`os.Open("da|`, "da", "da`ta", "data/", "data.csv")
	check(`os.Open("da|")`, "da", "da`ta", "data/", "data.csv")
	check("os.Open(`da|", "da", "data/", "data.csv")
	check(`os.Open("data/|`, "", `te\"st.csv`, "train.csv", "ü.csv")
	check("os.Open(\"data/ü|", "ü", "ü.csv")
	check(`os.Open("data/te\"|`, `te\"`, `te\"st.csv`)
	check(`os.Open("./data/tr|`, "tr", "train.csv")
	check(`os.Open("`+s.opts.Dir+`/data/tr|`, "tr", "train.csv")
	check(`os.Open(".h|`, ".h", ".hidden")
	check(`os.Open("su|`, "su", "sub dir/")
	check(`os.Open("nothing/|`, "")
	check(`os.Open("~/|`, "")
	check(`x := "a\`+"|", "")
	check("%cd da|", "da", "data/")
	check("!cat da|", "da", "da`ta", "data/", "data.csv")
	check("!cat <./data/tr|", "tr", "train.csv")
	check("!./data/tr|", "tr", "train.csv")
	check("%run data/tr|", "tr", "train.csv")
	check("%%writefile data/tr|", "tr", "train.csv")
	check("%time os.Open(\"data/tr|", "tr", "train.csv")
	must(t, s, `os.Chdir("data")`)
	check(`os.Open("tr|`, "tr", "train.csv")
}

// TestCompleteWithoutLanguage checks that completion does not depend on gopls: it may be missing, late, or dead.
func TestCompleteWithoutLanguage(t *testing.T) {
	s := typed(t)
	program := s.language.program
	s.language.program = filepath.Join(t.TempDir(), "gopls")
	if got, _ := completeAt(s, "pt.|"); !slices.Equal(got.Matches, []string{"Dist", "X", "Y", "label"}) {
		t.Errorf("without gopls: %q", got.Matches)
	}
	s.language.program = program
	withLanguage(t, s)
	s.language.within = 0
	if got, _ := completeAt(s, "pt.|"); len(got.Matches) != 4 {
		t.Errorf("with a late gopls: %q", got.Matches)
	}
	s.language.within = loadWithin
	first := s.language.server
	syscall.Kill(first.Pid(), syscall.SIGKILL)
	<-first.Gone()
	if got, _ := completeAt(s, "strings.Repeat(|"); len(got.Matches) == 0 || got.Matches[0] != "title" {
		t.Errorf("after the death of gopls: %q", got.Matches)
	}
	for range maxLanguageFailures - 1 {
		last := s.language.server
		syscall.Kill(last.Pid(), syscall.SIGKILL)
		<-last.Gone()
		if got, _ := completeAt(s, "strings.Repeat(ti|"); !slices.Contains(got.Matches, "title") {
			t.Errorf("after one more death of gopls: %q", got.Matches)
		}
	}
	if s.language.failures != maxLanguageFailures || s.language.server != nil {
		t.Errorf("it is started after %d failures", s.language.failures)
	}
}

// TestLanguageMemory checks that a gopls which takes too much memory is replaced, and ends.
func TestLanguageMemory(t *testing.T) {
	s := typed(t)
	withLanguage(t, s)
	first := s.language.server
	s.language.memory = residentSize(first.Pid()) / 2
	if s.language.memory == 0 {
		t.Skip("it is not known here how much it takes")
	}
	if got, _ := completeAt(s, "strings.Repeat(|"); len(got.Matches) == 0 || got.Matches[0] != "title" {
		t.Errorf("%q", got.Matches)
	}
	<-first.Gone()
	if s.language.server == first || s.language.failures > 0 {
		t.Errorf("it was not replaced, or %d failures", s.language.failures)
	}
}

// TestLanguageEnds checks that gopls ends with its session.
func TestLanguageEnds(t *testing.T) {
	s, err := New(Options{Open: open(t).opts.Open, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	withLanguage(t, s)
	pid := s.language.server.Pid()
	s.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
	if c, _ := completeAt(s, "fmt.|"); s.language.server.Pid() != pid {
		t.Errorf("a closed session starts another one, %v", c)
	}
}

// TestLanguageSeesModules checks that gopls knows a local module as it is now.
func TestLanguageSeesModules(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "l/go.mod"), []byte("module example.org/lively\n\ngo 1.24\n"))
	put(t, filepath.Join(dir, "l/l.go"), []byte("package lively\n\nfunc Hello(name string) {}\n"))
	s := openIn(t, dir, "")
	must(t, s, "%use l\nzebra := \"z\"; apple := 1\nlively.Hello(zebra)")
	withLanguage(t, s)
	if got, _ := completeAt(s, "lively.Hello(|"); len(got.Matches) == 0 || got.Matches[0] != "zebra" {
		t.Errorf("%q", got.Matches)
	}
	put(t, filepath.Join(dir, "l/l.go"), []byte("package lively\n\nfunc Hello(n int) {}\n"))
	must(t, s, "lively.Hello(apple)")
	if got, _ := completeAt(s, "lively.Hello(|"); len(got.Matches) == 0 || got.Matches[0] != "apple" {
		t.Errorf("of the new version: %q", got.Matches)
	}
}

// BenchmarkComplete measures completion in a session with a dataframe, gopls being warm. It reports the 95th percentile, and the
// memory that gopls takes.
func BenchmarkComplete(b *testing.B) {
	s := typed(b)
	withLanguage(b, s)
	for _, c := range []struct{ name, cell string }{
		{"member", `df.Col("a").M|`}, {"argument", "strings.Repeat(title, |"}, {"name", "x := co|"}, {"package", "mlx.|"}, {"cell", strings.Repeat("y := Point{X: count}\nfmt.Println(y.Dist())\n", 50) + "y.|"},
	} {
		completeAt(s, c.cell)
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if got, _ := completeAt(s, c.cell); len(got.Matches) == 0 {
					b.Fatal("nothing")
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
			b.ReportMetric(float64(residentSize(s.language.server.Pid())>>20), "gopls-MB")
		})
	}
}

// TestEveryCursor completes and inspects at every place of cells, also of such as are no Go, half typed and cut anywhere. Nothing
// panics, and what is replaced ends at the cursor.
func TestEveryCursor(t *testing.T) {
	base := typed(t)
	base.language.program = "" // it is too slow for this
	base.opts.Log = func(format string, args ...any) { t.Errorf(format, args...) }
	for _, code := range []string{
		"for i, p := range pts {\n\tif d := p.Dist(); d > 1.5 && title[i:] != \"a\\\"b\" {\n\t\tfmt.Printf(\"%v %d\\n\", p, i) // größe\n\t}\n}\npts[0].X",
		"import (\n\t\"encoding/json\"\n\tx \"golab/mlx\"\n)\ntype T[K comparable] struct { Point; m map[K][]func(...K) (int, error) }\nfunc (t *T[K]) Get(k K) (v []K, err error) { return nil, nil }",
		"%time\n%get a b\n\r\n!ls 'x\n%%\nswitch v := any(pt).(type) {\ncase Point, *Named:\n\tv.X++\ndefault:\n\tgo func() { select { case <-time.After(1): } }()\n}",
		"x := `raw\n  \"text` + 'ü' + \"ä\x00\xff\" /* open\ncomment */ ...\n}}}]])) := := func func ( [ {",
		"?pt.Dist", "pt.Dist(??", "const ( A = iota; B; C", "df.\n  Col(\"a\").\n  Mean()", "a.b.c.d[1:2:3].(interface{ M() }).e{f: g, h}", "ʼ.ʼ(ʼ", "%", "!", "%%", "\r\n%\r\n", "",
	} {
		for _, text := range []string{code, strings.ReplaceAll(code, "\n", "\r\n")} {
			for cursor := range len(text) + 1 {
				for _, whole := range []string{text, text[:cursor]} {
					c := base.Complete(whole, cursor)
					if c.End != cursor || c.Start < 0 || c.Start > cursor {
						t.Errorf("%q at %d: replaces %d to %d", whole, cursor, c.Start, c.End)
					}
					base.Inspect(whole, cursor, cursor%2)
				}
			}
			base.IsComplete(text)
		}
	}
}

// TestCompleteWhileRunning checks that a running cell holds up neither the session's knowledge nor gopls's.
func TestCompleteWhileRunning(t *testing.T) {
	s := typed(t)
	withLanguage(t, s)
	w := &waiter{word: "go", seen: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		s.Execute(engine.Request{Code: `fmt.Println("go"); for {}`, Count: 20}, w)
		close(ended)
	}()
	<-w.seen
	if got, _ := completeAt(s, "strings.Repeat(|"); len(got.Matches) == 0 || got.Matches[0] != "title" {
		t.Errorf("%q", got.Matches)
	}
	if b := s.Inspect("strings.Repeat", 10, 0); b == nil {
		t.Error("nothing is known of strings.Repeat")
	}
	s.Interrupt()
	<-ended
}
