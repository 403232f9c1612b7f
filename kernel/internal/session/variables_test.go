package session

import (
	"fmt"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
)

// describeVariables writes what there is to know of all variables, a line each.
func describeVariables(s *Session) string {
	var b strings.Builder
	for _, v := range s.Variables() {
		fmt.Fprintf(&b, "%s | %s | %s | %s | %d | %s", v.Name, v.Type, v.Shape, v.Value, v.Size, v.Cell)
		if v.HasChildren {
			b.WriteString(" | +")
		}
		if v.Lost != "" {
			b.WriteString(" | lost: " + v.Lost)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestVariables(t *testing.T) {
	s := open(t)
	if got := s.Variables(); len(got) != 0 {
		t.Fatal(got)
	}
	mustRun(t, s, 1, `type Point struct { X, Y float64; name string }
func (p Point) String() string { panic("called") }
n := 42
f := 1.5
name := "grüße"
text := []byte("some text")
list := []int{1, 2, 3}
grid := [][]float64{{1, 2}, {3, 4}, {5, 6}}
ragged := [][]int{{1}, {2, 3}}
ages := map[string]int{"b": 2, "a": 1}
ch := make(chan int, 5)
p := Point{1, 2, "a"}
pp := &p
big := make([]int64, 1<<27)
many := make([]*Point, 1_000_000)
var err error
var nothing any
day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
wrapped := fmt.Errorf("outer: %w", io.EOF)
fn := func(int) string { return "" }
type Loop struct { Next *Loop }
loop := &Loop{}
loop.Next = loop
for i := range many { many[i] = &Point{} }
ch <- 1`)
	mustRun(t, s, 2, `import ("github.com/gomlx/gomlx/core/tensors"; "github.com/go-gota/gota/dataframe"; "github.com/go-gota/gota/series")
tensor := tensors.FromValue([][]float32{{1, 2, 3}, {4, 5, 6}})
df := dataframe.New(series.New([]int{1, 2, 3}, series.Int, "a"), series.New([]string{"x", "y", "z"}, series.String, "b"))`)
	got := describeVariables(s)
	for _, want := range []string{
		"n | int |  | 42 | 8 | cell[1]\n",
		`name | string | 5 characters | "grüße" | 23 | cell[1]` + "\n",
		`text | []byte | 9 bytes | []byte("some text") | 33 | cell[1] | +` + "\n",
		"list | []int | 3 items | []int{1, 2, 3} | 48 | cell[1] | +\n",
		"grid | [][]float64 | 3×2 | [][]float64{{1, 2}, {3, 4}, {5, 6}} | 144 | cell[1] | +\n",
		"ragged | [][]int | 2 rows | ",
		`ages | map[string]int | 2 entries | map[string]int{"a": 1, "b": 2} | `,
		"ch | chan int | 1 of 5 | chan int (1 of 5) | 48 | cell[1]\n",
		`p | Point |  | Point{X: 1, Y: 2, name: "a"} | 33 | cell[1] | +` + "\n",
		`pp | *Point |  | &Point{X: 1, Y: 2, name: "a"} | 41 | cell[1] | +` + "\n",
		"big | []int64 | 134217728 items | []int64{0, 0, ",
		"0, 0, 0, 0, …} | 1073741848 | cell[1] | +\n",
		"many | []*Point | 1000000 items | []*Point{&{X: 0",
		"err | error |  | nil | 16 | cell[1]\n",
		"nothing | any |  | nil | 16 | cell[1]\n",
		"day | time.Time |  | 2026-01-02 00:00:00 +0000 UTC | ",
		"wrapped | error |  | outer: EOF | ",
		"fn | func(int) string |  | func(int) string | 8 | cell[1]\n",
		"loop | *Loop |  | &Loop{Next: &{Next: &{…}}} | 16 | ",
		"tensor | *tensors.Tensor | 2×3 | Float32, local: 1 2 3 4 5 6 | 24 | cell[2] | +\n",
		"df | dataframe.DataFrame | 3×2 | a int, b string | 120 | cell[2] | +\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, v := range s.Variables() {
		if v.Name == "many" && v.Size != 24+1_000_000*(8+32) {
			t.Error("a million pointers to 32 bytes take", v.Size)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestVariablesAreFresh asks between cells, while one runs, and after the values are gone.
func TestVariablesAreFresh(t *testing.T) {
	s := open(t)
	find := func(name string) engine.Variable {
		for _, v := range s.Variables() {
			if v.Name == name {
				return v
			}
		}
		return engine.Variable{}
	}
	mustRun(t, s, 1, "n, go_, seen := 1, make(chan int), make(chan int)\nm := map[int]int{}")
	mustRun(t, s, 2, "go func() { for v := range go_ { n = v; seen <- v } }()")
	mustRun(t, s, 3, "go_ <- 7; <-seen")
	if v := find("n"); v.Value != "7" || v.Cell != "cell[1]" {
		t.Errorf("%+v", v)
	}
	out := &waiter{word: "running", seen: make(chan struct{})}
	ended := make(chan *engine.Error)
	go func() {
		ended <- s.Execute(engine.Request{Count: 4, Code: `n := "other"; fresh := 1.5; fmt.Println("running")
for i := 0; ; i++ { m[i%1000]++; fresh++ }`}, out).Err
	}()
	<-out.seen
	for range 50 {
		if v := find("n"); v.Type != "string" || v.Value != `"other"` || v.Cell != "cell[4]" {
			t.Errorf("%+v", v)
		}
		if v := find("fresh"); v.Type != "float64" || v.Value == "" {
			t.Errorf("%+v", v)
		}
		if v := find("m"); v.Value != "map[int]int{…}" {
			t.Errorf("%+v", v)
		}
	}
	if b := s.Preview("m"); !strings.Contains(fmt.Sprint(b["text/plain"]), "map[int]int{…}") {
		t.Error("while a cell runs:", b)
	}
	s.Interrupt()
	if err := <-ended; err == nil || err.Name != "interrupted" {
		t.Error(err)
	}
	mustRun(t, s, 5, `import "github.com/go-gota/gota/series"
col := series.New([]int{1, 2, 3}, series.Int, "a")`)
	if b := s.Preview("col"); b["text/html"] == nil || b["text/plain"] == nil {
		t.Error(b)
	}
	if b := s.Preview("nowhere"); b != nil {
		t.Error(b)
	}
	if m, ok := s.Memory(); !ok || m.HeapLive == 0 || m.HeapTotal < m.HeapLive || m.Goroutines < 2 {
		t.Error(m, ok)
	}
	runCell(s, 6, "os.Exit(3)")
	if v := find("col"); v.Lost == "" || v.Value != "" {
		t.Errorf("%+v", v)
	}
	if b := s.Preview("col"); !strings.Contains(fmt.Sprint(b["text/plain"]), "has no value") {
		t.Error(b)
	}
}
