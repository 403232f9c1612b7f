package cell_test

import (
	"context"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
)

var base *build.Base

func TestMain(m *testing.M) {
	var err error
	if base, err = build.Open(context.Background(), func(line string) { fmt.Println("golab:", line) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// declare makes cells part of a session without running them: as if they had run to their end.
func declare(t testing.TB, s *cell.State, cells ...string) {
	t.Helper()
	for i, code := range cells {
		p, err := s.Build(&cell.Source{Name: fmt.Sprintf("cell[%d]", i+1), Gen: i + 1, Text: code}, base)
		if err != nil {
			t.Fatalf("cell %q: %v", code, err)
		}
		p.Commit(identifiers(code))
	}
}

func identifiers(code string) []string {
	var names []string
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(code)), []byte(code), nil, 0)
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			return names
		}
		if tok == token.IDENT {
			names = append(names, lit)
		}
	}
}

// session is what the tests below look into.
func session(t testing.TB) *cell.State {
	s := cell.New()
	declare(t, s,
		`import str "strings"
type Point struct{ X, Y int; label string }
// Dist is how far p lies from the origin.
func (p *Point) Dist() float64 { return math.Hypot(float64(p.X), float64(p.Y)) }
type Named struct { Point; Name string }
type Shape interface { Area() float64; Name() string }
const limit, limitless = 10, 20`,
		`pts := []Point{{X: 1}}
byName := map[string]*Named{}
var shape Shape
df := dataframe.New(series.New([]int{1}, series.Int, "a"))
// total adds.
func total(xs ...int) (sum int) { return sum }
build := func() (*Named, error) { return nil, nil }
var buf bytes.Buffer`)
	return s
}

func TestSuggest(t *testing.T) {
	s := session(t)
	for _, c := range []struct{ code, want, not string }{
		// names
		{"tot|", "total function", "pts"},
		{"lim|", "limit constant,limitless constant", "Point"},
		{"Po|", "Point type", ""},
		{"PO|", "Point type", "POST"},
		{"fo|", "for keyword", ""},
		{"pri|", "println function,print function", ""},
		{"st|", "str module,string type,strings module,struct keyword", "strlen"},
		{"local := 1\nloc|", "local variable", ""},
		{"loc|\nfunc locate() {}", "locate function", ""},
		{"func f(argument int) { inner := 2; if in|", "inner variable", "argument"},
		{"func f(argument int) { return ar|\n}", "argument variable", ""},
		{"for index := range 3 { func() { ind|", "index variable", ""},
		{"|", "pts variable,total function", "for"},
		{"Point{la|", "label property", ""},
		{"Point{X: 1, la|}", "label property", ""},
		// members of packages
		{"fmt.Prin|", "Print function,Printf function,Println function", "Fprint"},
		{"fmt.|", "Println function,Stringer type", ""},
		{"x := str.Has|", "HasPrefix function,HasSuffix function", "Contains"},
		{"mlx.De|", "Dense function", ""},
		{"math.P|", "Pi constant,Pow function", ""},
		{"os.Std|", "Stdin variable,Stdout variable", ""},
		{"import r \"math/rand/v2\"\nr.IntN|", "IntN function", ""},
		{"var b bytes.Buf|", "Buffer type", ""},
		{"func f(r io.Read|", "Reader type", ""},
		{"func f() io.Read|", "Reader type", ""},
		{"type T struct { mu sync.Mu|", "Mutex type", ""},
		// members of values
		{"pts[0].|", "X property,Y property,label property,Dist method", ""},
		{"pts[0].X.|", "", "X"},
		{"byName[\"a\"].|", "Point property,Name property,X property,Dist method", ""},
		{"shape.|", "Area method,Name method", "X"},
		{"df.Co|", "Col method", "columns"},
		{"df.Col(\"a\").Me|", "Mean method,Median method", ""},
		{"fmt.Println(df.Col(\"a\").Me|", "Mean method", ""},
		{"fmt.Println(df.Col(\"a\").Me|)\nx := 3", "Mean method", ""},
		{"buf.Write|", "Write method,WriteString method", "buf"},
		{"buf.|", "Len method,String method", "lastRead"},
		{"(*Point).|", "Dist method", "X"},
		{"Point{}.|", "X property", ""},
		{"p := &pts[0]\np.|", "X property,Dist method", ""},
		{"p := &pts[0]\np.\nq := 3|", "", ""},
		{"n, err := build()\nn.Na|", "Name property", ""},
		{"for _, p := range pts { p.|", "X property", ""},
		{"for _, p := range pts {\n\tif p.|\n}", "X property", ""},
		{"for i := pts[0].|", "X property", ""},
		{"for i := 0; i < pts[0].|", "X property", ""},
		{"if p := pts[0].|", "X property", ""},
		{"if n, err := build(); n.|", "Name property", ""},
		{"switch v := shape.(type) { case interface{ Foo() }: v.|", "Foo method", ""},
		{"switch pts[0].|", "X property", ""},
		{"switch { case pts[0].|", "X property", ""},
		{"select { case <-time.|", "After function", ""},
		{"go func() { pts[0].|", "X property", ""},
		{"defer buf.|", "Reset method", ""},
		{"go buf.|", "Reset method", ""},
		{"func f(p Point) int { return p.|", "X property", ""},
		{"func f(p Point) int { return p.|\n}\nfunc g() { f(Point{}) }", "X property", ""},
		{"func (p *Point) Move() { p.|", "X property,Dist method,Move method", ""},
		{"fresh := Point{}\nfunc f() { fresh.|", "X property", ""},
		{"func f() { late().| }\nfunc late() *Named { return nil }", "Name property", ""},
		{"late().|\nfunc late() *Named { return nil }", "Name property", ""},
		{"broken := (1 +\npts[0].|", "X property", ""},
		{"broken := := 1\npts[0].|", "X property", ""},
		{"func() { pts[0].|", "X property", ""},
		{"xs := []int{pts[0].|", "X property", ""},
		{"_ = Point{X: pts[0].|", "X property", ""},
		{"%%\npts[0].|", "X property", ""},
		// places where nothing fits
		{"\"pts[0].|\"", "", "X"},
		{"// pts[0].|", "", "X"},
		{"x := 'p|", "", "pts"},
		{"x := 1.|", "", "pts"},
		{"undefinedThing.|", "", "pts"},
		{"nothing().|", "", "pts"},
		{"}}} pts.|", "", "pts"},
		// import paths
		{"import \"encoding/j|", "encoding/json module", "encoding/xml"},
		{"import (\n\t\"fmt\"\n\tx \"golab/ml|\"\n)", "golab/mlx module", ""},
		{"import \"golab/viz\"\nx := \"enc|\"", "", "encoding/json"},
	} {
		cursor := strings.IndexByte(c.code, '|')
		matches, start := s.Suggest(c.code[:cursor]+c.code[cursor+1:], cursor, base)
		if start > cursor {
			t.Errorf("%q: starts at %d", c.code, start)
		}
		var all, names []string
		for _, m := range matches {
			all, names = append(all, m.Name+" "+m.Kind), append(names, m.Name)
		}
		for _, w := range strings.Split(c.want, ",") {
			if w != "" && !slices.Contains(all, w) {
				t.Errorf("%q: no %q in %.300q", c.code, w, all)
			}
		}
		if c.want == "" && c.not == "" && len(all) > 0 || slices.Contains(names, c.not) {
			t.Errorf("%q: %.300q", c.code, all)
		}
	}
}

// TestSuggestOrder checks that what is near comes before the names of all packages.
func TestSuggestOrder(t *testing.T) {
	s := session(t)
	for code, want := range map[string]string{
		"st|":                     "str string struct",
		"tlocal := 1; t|":         "tlocal total true type",
		"func f(sharp int) { sh|": "shape sharp sha1",
		"func f() { var fo int; for range 3 { fo|": "fo for format",
		"Point{l|": "label len limit",
	} {
		cursor := strings.IndexByte(code, '|')
		matches, _ := s.Suggest(code[:cursor], cursor, base)
		var names []string
		for _, m := range matches {
			names = append(names, m.Name)
		}
		at := -1
		for _, w := range strings.Fields(want) {
			i := slices.Index(names, w)
			if i <= at {
				t.Errorf("%q: %q is not behind what comes before it in %.100q", code, w, names)
			}
			at = i
		}
	}
}

func TestDescribe(t *testing.T) {
	s := session(t)
	for _, c := range []struct{ code, want string }{
		{"pts|", "variable cell[2] var pts []Point"},
		{"p|ts := 5", "variable this cell var pts int"},
		{"fresh := 1.5\nfre|sh", "variable this cell var fresh float64"},
		{"total|", "function cell[2] func total(xs ...int) (sum int) / total adds."},
		{"total(|1, 2)", "function cell[2] func total"},
		{"total(1, |2", "function cell[2] func total"},
		{"total(len(pts), |", "function cell[2] func total"},
		{"Point|{}", "type cell[1] type Point struct{ X, Y int; label string }"},
		{"pts[0].Dist|()", "method cell[1] func (p *Point) Dist() float64 / Dist is how far"},
		{"pts[0].X|", "property cell[1] field X int"},
		{"byName[\"a\"].Point.X|", "property cell[1] field X int"},
		{"type T struct {\n\t// A counts.\n\tA int\n\tB string // B names.\n}\nT{}.A|", "property this cell field A int / A counts."},
		{"type T struct {\n\t// A counts.\n\tA int\n\tB string // B names.\n}\nT{}.B|", "property this cell field B string / B names."},
		{"limit|", "constant cell[1] const limit, limitless = 10, 20"},
		{"fmt.Println|", "function fmt func fmt.Println(a ...any) (n int, err error) / Println formats using the default formats"},
		{"fmt.Println(|\"x\")", "function fmt func fmt.Println"},
		{"f|mt.Println", "module fmt package fmt // import \"fmt\" / Package fmt implements formatted I/O"},
		{"buf.WriteString|", "method bytes func (*bytes.Buffer).WriteString(s string) (n int, err error) / WriteString appends"},
		{"math.Pi|", "constant math const math.Pi untyped float = 3.14"},
		{"http.Client{Time|out: 1}", "property net/http field Timeout time.Duration / Timeout specifies a time limit"},
		{"http.Client|", "type net/http type Client struct {\n\t// Transport specifies"},
		{"df.Col|(\"a\")", "method github.com/go-gota/gota/dataframe func (dataframe.DataFrame).Col(colname string) series.Series / Col returns a copy"},
		{"mlx.Dense|", "function golab/mlx func mlx.Dense("},
		{"func f(a int) int { return a| }", "variable this cell var a int"},
		{"Point|", "type cell[1] type Point struct{ X, Y int; label string }\n\nfunc (*Point).Dist() float64"},
		{"type T struct{ Point }\nT|{}", "type this cell type T struct{ Point }\n\nfunc (*Point).Dist() float64"},
		{"import \"encoding/j|son\"", "module encoding/json package json // import \"encoding/json\" / Package json implements"},
		{"import \"no/such\"|", ""},
		{"append|", "function  func append(slice []Type, elems ...Type) []Type / The append built-in function appends"},
		{"err|or", "type  type error interface {\n\tError() string\n} / The error built-in interface"},
		{"nil|", "constant  var nil Type"},
		{"func|", "keyword  func name("},
		{"nobody|", ""},
		{"1 + |2", ""},
		{"|", ""},
	} {
		cursor := strings.IndexByte(c.code, '|')
		got := ""
		if d := s.Describe(c.code[:cursor]+c.code[cursor+1:], cursor, base); d != nil {
			got = fmt.Sprintf("%s %s %s", d.Kind, d.Where, d.Decl)
			if d.Doc != "" {
				got += " / " + d.Doc
			}
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%q:\n got %.300s\nwant %s", c.code, got, c.want)
		}
	}
}

// BenchmarkSuggest asks in a session of some size.
func BenchmarkSuggest(b *testing.B) {
	s := session(b)
	for i := range 100 {
		declare(b, s, fmt.Sprintf("v%d := Point{X: %d}\nfunc f%d(p Point) int { return p.X + total(%d) }", i, i, i, i))
	}
	for name, code := range map[string]string{
		"name":    "x := f7(v7)\nfor _, p := range pts { v",
		"package": "fmt.Println(mlx.",
		"member":  `x := f7(v7)` + "\n" + `fmt.Println(df.Col("a").`,
		"body":    "func g(p Point) { p.",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if m, _ := s.Suggest(code, len(code), base); len(m) == 0 {
					b.Fatal("nothing")
				}
			}
		})
	}
}

// BenchmarkOutline writes a session of 400 declarations as a package.
func BenchmarkOutline(b *testing.B) {
	s := session(b)
	for i := range 200 {
		declare(b, s, fmt.Sprintf("v%d := Point{X: %d}\nfunc f%d(p Point) int { return p.X + total(%d) }", i, i, i, i))
	}
	for b.Loop() {
		if len(s.Outline(base)) != 1 {
			b.Fatal("not one file")
		}
	}
}
