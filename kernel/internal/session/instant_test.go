package session

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
)

// TestEvaluated runs cells of which those marked + are compiled, all others not. Each is one line, what it shows first the next.
func TestEvaluated(t *testing.T) {
	for name, script := range map[string]string{"values": values, "methods": methods, "packages": packages, "stale": stale, "failures": failures} {
		t.Run(name, func(t *testing.T) {
			if name == "packages" && os.Getenv(build.LinkerEnv) == "stock" {
				t.Skip("the stock linker exports no functions")
			}
			s := open(t)
			s.opts.Log = t.Logf
			for _, step := range strings.Split(strings.TrimSpace(script), "\n") {
				code, want, _ := strings.Cut(step, " => ")
				code, compiled := strings.CutPrefix(code, "+ ")
				before := s.compiled
				got, _ := runCell(s, 1, code)
				if (s.compiled > before) != compiled {
					t.Errorf("%s: compiled is %v", code, !compiled)
				}
				got = strings.TrimPrefix(got, "=> ")
				if first, _, _ := strings.Cut(got, "\n"); first != want {
					t.Errorf("%s\nshows %s\n want %s", code, got, want)
				}
			}
		})
	}
}

const values = `
x := 5
x => 5
x++; x *= 3; x => 18
x;
var w = x * 2
w => 36
x := int8(-128); -x => -128
x => -128
+ y, z := x, 2
+ s, m, none := []int{1, 2, 3}, map[string][]int{}, map[string]int(nil)
m["k"] = append(s[:1], 7); s => []int{1, 7, 3}
s[len(s)] => error: panic: runtime error: index out of range [3] with length 3 (cell[1]:1)
s[x:] => error: panic: runtime error: slice bounds out of range [-128:] (cell[1]:1)
m["k"][1] + len(m["none"]) => 7
none["k"] => 0
none["k"]++ => error: panic: assignment to entry in nil map (cell[1]:1)
delete(m, "k"); len(m) => 0
time.Second * 2 => 2s
sec := 1500 * time.Millisecond
sec.Seconds() => 1.5
time.Duration(x) => -128ns
math.Pi => 3.141592653589793
float32(math.Pi) => 3.1415927
"a\x00b"[1] => 0
1 << 62 => 4611686018427387904
x == -128 && w > 30 => true
+ var e error
e => nil
e == nil => true
`

const packages = `
fmt.Println("a", 1, nil, 2.5) => a 1 <nil> 2.5
math.Sqrt(2) => 1.4142135623730951
strings.Fields(" a b ") => []string{"a", "b"}
parts := strings.Split("x,y", ",")
parts[1] => "y"
n, err := strconv.Atoi("17")
n + len(parts) => 19
strconv.Atoi("no") => error: error: strconv.Atoi: parsing "no": invalid syntax
strings.Repeat("x", -1) => error: panic: strings: negative Repeat count (cell[1]:1)
time.Date(2020, 2, 30, 1, 2, 3, 4, time.UTC).Format(time.RFC3339Nano) => "2020-03-01T01:02:03.000000004Z"
err == io.EOF => false
err = io.EOF; err == io.EOF => true
err == nil || strings.HasPrefix(err.Error(), "E") => true
binary.LittleEndian.String() => "LittleEndian"
sort.Ints(xs) => error: compile error: cell[1]:1:11: undefined: xs
+ xs := []int{3, 1, 2}
sort.Ints(xs); xs => []int{1, 2, 3}
+ slices.Max(xs) => 3
+ log.SetOutput(os.Stdout); log.SetFlags(log.Lshortfile); log.Print("here") => cell[1]:1: here
+ df := datasets.Iris()
datasets.Iris().Nrow() => 150
+ mail.ParseAddress("a <b@c>") => "a" <b@c>
mail.ParseAddress("a <b@c>") => "a" <b@c>
os.Args[0] == "" => false
+ d := dataframe.New(series.New([]int{1, 2}, series.Int, "n"))
d.Nrow() => 2
`

const methods = `
+ type P struct { A int; b string; Q *P }; func (p P) Sum(n int) int { return p.A + n }; func (p *P) Inc() *P { p.A++; return p }; p := P{1, "q", nil}
p => P{A: 1, b: "q", Q: nil}
p.Inc().Inc().A => 3
p.b = "z"; q := &p; q.Q = q; q.Q.Q.Sum(4) => 7
other := p; p.A = 9; other.A => 3
q.b => "z"
+ q.Sum => func(int) int
+ type Color int; const Red Color = 1; func (c Color) String() string { return "color " + strconv.Itoa(int(c)) }; type Shape struct { Color; Name string }; sh := Shape{Red, "x"}
Red => color 1
Color(5) => color 5
sh.String() => "color 1"
sh.Color = 7; sh.Color => color 7
c := Red
c += 2; c => color 3
+ type Adder interface { Sum(int) int }; var ad Adder = p; var no Adder
ad.Sum(1) => 10
no.Sum(1) => error: panic: runtime error: invalid memory address or nil pointer dereference (cell[1]:1)
ad = q; p.A = 1; ad.Sum(1) => 2
+ df := datasets.Iris()
df.Nrow() => 150
d := df.Describe()
d.Nrow() > 0 => true
+ model := mlx.Sequential(mlx.Dense(10))
model = mlx.Sequential(mlx.Dense(10))
m2 := model
m2 == model => true
`

// stale cells call functions whose loaded copies are not what compiling them again would make.
const stale = `
+ const C = 1; func f(n int) int { return n + C }
f(1) => 2
+ const C = 10
f(1) => 11
f(2) => 12
+ func id[T any](x T) T { return x }; func g(n int) int { return id(n) }
g(1) => 1
+ func id[T any](x T) T { var z T; return z }
g(1) => 0
g(1) => 0
x := 1
+ func show() string { return fmt.Sprint("x is ", x) }
show() => "x is 1"
x = 2; show() => "x is 2"
x := 3; show() => "x is 3"
+ x := "text"; show() => "x is text"
x := 1.5
+ show() => "x is 1.5"
show() => "x is 1.5"
+ x := 7; show() => "x is 7"
+ func f(n int) int { return -n }
f(2) => -2
+ type T struct { n int }; func (t T) Get() int { return t.n }; t := T{4}
t.Get() => 4
+ func (t T) Twice() int { return 2 * t.Get() }
+ t.Twice() => 8
t.Twice() => 8
+ func (t T) Get() int { return t.n + 1 }
t.Get() => 5
+ panic(1); var late = []string{"a"}; func use() int { return len(late) } => error: panic: 1 (cell[1]:1)
+ func die() { os.Exit(3) }
die() => error: worker died: the worker process ended: exit status 3; lost: the values of t, x; functions, types and imports are kept
+ f(2) => -2
f(3) => -3
x => error: compile error: cell[1]:1:1: undefined: x
`

const failures = `
+ func neg(n int) (int, error) { if n < 0 { return 0, fmt.Errorf("negative %d", n) }; return n, nil }
neg(3) => 3
neg(-3) => error: error: negative -3
neg(-3); 
v, err := neg(4)
v => 4
v, err := neg(-4) => stderr: err is not nil: negative -4
err => negative -4
+ func check(n int) error { _, err := neg(n); return err }
check(1)
check(-1) => error: error: negative -1
v = 1; v = v / (v - 1); v = 5 => error: panic: runtime error: integer divide by zero (cell[1]:1)
v => 1
+ func boom(n int) int { return 10 / n }
boom(0) => error: panic: runtime error: integer divide by zero (cell[1]:1)
+ func start() { var wg sync.WaitGroup; wg.Add(1); go func() { defer wg.Done(); panic("in there") }(); wg.Wait(); time.Sleep(50*time.Millisecond) }
start() => stderr: panic in a goroutine: in there
+ func gone() { runtime.Goexit() }
gone()
boom(5) => 2
+ func who() int { _, _, line, _ := runtime.Caller(1); return line }
+ who() => 1
+ sb, lg, rv := new(strings.Builder), log.New(os.Stdout, "", log.Lshortfile), reflect.ValueOf(3)
sb.WriteString("ab"); sb.String() => "ab"
+ lg.Println("x") => cell[1]:1: x
`

// TestPanicsOfPackages compares the report of a panic in another package, evaluated and compiled.
func TestPanicsOfPackages(t *testing.T) {
	s := open(t)
	must(t, s, "sb, rv, d := new(strings.Builder), reflect.ValueOf(3), datasets.Iris()")
	for _, code := range []string{"sb.Grow(-1)", "rv.Elem()", "rv.Field(2).Int()", "d.Elem(1000, 3)"} {
		s.compileAll = false
		before := s.compiled
		got, err := runCell(s, 1, code)
		if s.compiled != before || err == nil {
			t.Errorf("%s: compiled, or no panic: %v", code, err)
		}
		s.compileAll = true
		if want, _ := runCell(s, 1, code); got != want {
			t.Errorf("%s\nevaluated %s\ncompiled %s", code, got, want)
		}
	}
}

// TestInterruptEvaluated stops functions that evaluated cells call.
func TestInterruptEvaluated(t *testing.T) {
	s := open(t)
	must(t, s, `n := 0
func spin() int { fmt.Println("go"); for { n++ } }
func wait() { fmt.Println("go"); select {} }`)
	before := s.compiled
	if err := interrupted(t, s, "spin()"); err == nil || err.Value != "values are kept" {
		t.Errorf("got %v", err)
	}
	if err := interrupted(t, s, "wait(); n = -1"); err == nil || !strings.Contains(err.Value, "while waiting") {
		t.Errorf("got %v", err)
	}
	if got := must(t, s, "n > 0"); got != "=> true\n" {
		t.Errorf("n > 0 is %s", got)
	}
	if err := interrupted(t, s, "spin()"); err == nil || err.Value != "values are kept" { // again
		t.Errorf("got %v", err)
	}
	must(t, s, `ch := make(chan string)
func receive() string { fmt.Println("go"); return <-ch }
func send() { ch <- "late" }`)
	before++
	if err := interrupted(t, s, "n := receive()"); err == nil || !strings.Contains(err.Value, "while waiting") { // of another type than n
		t.Errorf("got %v", err)
	}
	must(t, s, "send()")
	if got := must(t, s, "n > 0"); got != "=> true\n" { // what was left waiting declares nothing any more
		t.Errorf("n > 0 is %s", got)
	}
	if s.compiled != before {
		t.Error("they were compiled")
	}
}

// TestEvaluatedEqualsCompiled runs random statements both ways: as cells that the worker evaluates, on the variables whose
// names begin with a_, and compiled, on those that begin with b_. What they show, their panics and all variables afterwards
// have to be the same.
func TestEvaluatedEqualsCompiled(t *testing.T) {
	if os.Getenv(build.LinkerEnv) == "stock" {
		t.Skip("the stock linker exports no functions of packages")
	}
	n := 1000
	if testing.Short() {
		n = 300
	}
	s, err := New(Options{Open: build.Open, Dir: t.TempDir(), Env: []string{"GOGC=1", "GODEBUG=clobberfree=1"}}) // values lost to the collector show
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	must(t, s, bothTypes)
	for _, p := range []string{"a_", "b_"} {
		must(t, s, strings.ReplaceAll(bothVars, "$", p))
	}
	g := &phrases{r: rand.New(rand.NewPCG(*seed, 4))}
	evaluated := func(code string) bool {
		p, err := s.state.Build(&cell.Source{Name: "cell[1]", Gen: 1000, Text: code}, s.base)
		return err == nil && p.Eval != nil
	}
	// The functions in use must have been compiled since the variables that they name were declared.
	must(t, s, "func a_note(vals ...any) string { return note(vals...) + a_snap() }; func b_note(vals ...any) string { return note(vals...) + b_snap() }")

	var all []string
	made := 0
	for len(all) < n && made < 20*n {
		made++
		st := g.statement()
		if evaluated(strings.ReplaceAll(st, "$", "a_")) {
			all = append(all, st)
		}
	}
	if len(all) < n {
		t.Fatalf("only %d of %d statements can be evaluated", len(all), made)
	}
	t.Logf("%d of %d statements can be evaluated", len(all), made)

	const batch = 100
	for from := 0; from < len(all); from += batch {
		list := all[from:min(from+batch, len(all))]
		var code strings.Builder
		code.WriteString("out = nil\n")
		for _, st := range list {
			fmt.Fprintf(&code, "try(func() { %s }); out = append(out, b_snap())\n", strings.ReplaceAll(compiledForm(st), "$", "b_"))
		}
		must(t, s, code.String())
		for i, st := range list {
			before := s.compiled
			got, err := runCell(s, 2, strings.ReplaceAll(st, "$", "a_"))
			switch {
			case err != nil && err.Name == "panic":
				got = place.ReplaceAllString(err.Value, "")
			case err != nil:
				t.Fatalf("%s: %s", st, got)
			case strings.HasPrefix(st, "$note("):
				got = unquote(t, got)
			default:
				got = ""
			}
			want := unquote(t, must(t, s, fmt.Sprintf("out[%d]", 2*i)))
			snap, wantSnap := must(t, s, "a_snap()"), must(t, s, fmt.Sprintf("out[%d]", 2*i+1))
			if s.compiled != before {
				t.Errorf("%s was compiled", st)
			}
			if got != want || snap != wantSnap {
				t.Fatalf("seed %d, statement %d: %s\nevaluated: %s\n compiled: %s\nvariables: %s compiled: %s", *seed, from+i, st, got, want, snap, wantSnap)
			}
		}
	}
}

var place = regexp.MustCompile(` \(cell\[\d+\]:\d+\)$`)

// unquote is the string that a cell shows.
func unquote(t *testing.T, shown string) string {
	t.Helper()
	s, err := strconv.Unquote(strings.TrimPrefix(strings.TrimSuffix(shown, "\n"), "=> "))
	if err != nil {
		t.Fatalf("%s is no string", shown)
	}
	return s
}

// compiledForm makes a statement keep what a cell would show.
func compiledForm(st string) string {
	if strings.HasPrefix(st, "$note(") {
		return "res = " + st
	}
	return st
}

const bothTypes = `
type Small int8
type Name string
type Ratio float32
const Most Small = 127
type Inner struct { N int; hidden uint16; F float32 }
func (in Inner) Sum(k int) int { return in.N + k + int(in.hidden) }
func (in *Inner) Grow(k int) int { in.N += k; in.hidden++; return in.N }
type base struct { id int; Tag string }
func (b base) ID() int { return b.id }
func (b *base) SetID(n int) int { b.id = n; return n }
type Outer struct { Inner; base; P *Inner; L []int; M map[string]int; S Name; A [3]int8; E any }
func (o Outer) Label(parts ...string) string { return string(o.S) + strings.Join(parts, "-") }
type Wrap struct { *Outer; k Small }
type Summer interface { Sum(int) int }
func (s Small) Sum(k int) int { return int(s) * k }
func add(a, b int) int { return a + b }
func vsum(xs ...int) (t int) { for _, x := range xs { t += x }; if xs == nil { t = -1 }; return }
func pair(i int) (int, error) { if i < 0 { return 0, fmt.Errorf("negative %d", i) }; return i * 2, nil }
func bump(p *int) int { *p++; return *p }
func half(f float32) float32 { return f / 2 }
func same(s Summer) Summer { return s }
func make2(n int) Inner { return Inner{N: n, hidden: 2} }
func double(x any) (any, string) { return x, fmt.Sprintf("%T", x) }
func cat(parts ...any) string { return fmt.Sprint(parts...) }
func note(vals ...any) string { s := ""; for _, v := range vals { s += fmt.Sprintf("%T %v;", v, v) }; return strings.ReplaceAll(s, "\n", " ") }
func show(p *Inner) string { if p == nil { return "nil" }; return fmt.Sprint(*p) }
var res string
var out []string
func try(f func()) {
	defer func() {
		if r := recover(); r != nil { res = fmt.Sprint(r) }
		out = append(out, res)
	}()
	res = ""
	f()
}
`

const bothVars = `
$i, $j, $k, $l, $q := 11, int8(-128), int16(300), int32(-70000), int64(1)<<62
$u, $u8, $u16, $u32, $u64 := uint(9), uint8(250), uint16(65535), uint32(4e9), uint64(1)<<63
$f, $g, $c, $d := 2.5, float32(1)/3, complex(1, -2), complex64(complex(0.1, 3))
$b, $s, $n, $m, $r := true, "héllo", Name("ann"), Small(-5), Ratio(0.7)
$in := Inner{N: 3, hidden: 7, F: 1.5}
$p, $np, $pi := &Inner{N: 4}, (*Inner)(nil), new(int)
$o := Outer{Inner: Inner{N: 5}, P: &Inner{N: 6}, L: []int{1, 2, 3}, M: map[string]int{"k": 1}, S: "oo", E: 3}
$po := &Outer{S: "pp"}
$w := Wrap{$po, 9}
$xs, $ss, $bs, $nx := []int{5, 6, 7, 8}, []string{"a", "b"}, []byte("bytes"), []int(nil)
$mp, $nm, $mi := map[string]int{"k": 1, "l": 2}, map[string]int(nil), map[any]int{1: 1}
$ar, $pa := [3]int8{1, 2, 3}, &[2]string{"x", "y"}
var $e error = fmt.Errorf("bad")
var $ne error
var $a any = 5
var $sm Summer = Small(4)
var $ns Summer
$fn := func(n int) int { $i += n; return $i }
var $nf func(int) int
$t := 90 * time.Second
$sb := &strings.Builder{}
func $snap() string {
	return fmt.Sprint($i, $j, $k, $l, $q, $u, $u8, $u16, $u32, $u64, $f, $g, $c, $d, $b, $s, $n, $m, $r, $in, show($p), show($np), *$pi,
		$o.Inner, $o.base, $po.base, show($o.P), $o.L, $o.M, $o.S, $o.A, $o.E, $po.Inner, $po.L, $po.M, $po.S, $po.A, $w.k, $xs, len($xs), cap($xs), $ss, $bs, $nx, $mp, $nm, $mi,
		$ar, *$pa, $e, $ne, $a, $sm, $t, $sb.String())
}
`

// phrases makes random statements of templates: {T} stands for an expression of type T.
type phrases struct{ r *rand.Rand }

func (g *phrases) fill(template string, depth int) string {
	return hole.ReplaceAllStringFunc(template, func(h string) string { return g.expr(h[1:len(h)-1], depth-1) })
}

var hole = regexp.MustCompile(`\{[^ {}]+\}`)

func (g *phrases) expr(typ string, depth int) string {
	list := exprs[typ]
	if list == nil {
		panic("no expressions of type " + typ)
	}
	if depth <= 0 { // one without holes
		var leaves []string
		for _, x := range list {
			if !hole.MatchString(x) {
				leaves = append(leaves, x)
			}
		}
		list = leaves
	}
	return g.fill(list[g.r.IntN(len(list))], depth)
}

func (g *phrases) statement() string {
	if g.r.IntN(3) > 0 {
		types := []string{"int", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "float64", "float32", "complex128", "complex64",
			"bool", "string", "Name", "Small", "Ratio", "Inner", "[]int", "error", "any", "Duration", "Summer", "multi"}
		return "$note(" + g.expr(types[g.r.IntN(len(types))], 3) + ")"
	}
	return g.fill(effects[g.r.IntN(len(effects))], 3)
}

var exprs = func() map[string][]string {
	m := map[string][]string{
		"int": {"$i", "3", "-7", "0", "1 << 40", "len({string})", "len($xs)", "cap($xs)", "len($mp)", "len($ar)", "$xs[{int}]", "$o.L[{int}]", "$nx[{int}]", "$xs[1]", "$mp[{string}]", "$nm[{string}]", "$mi[{any}]",
			"$in.N", "$o.N", "$o.P.N", "$po.P.N", "$p.N", "$np.N", "$w.N", "$w.P.N", "$in.Sum({int})", "$p.Sum({int})", "$np.Sum(1)", "$p.Grow({int})", "$o.Sum({int})", "$o.Grow({int})", "$w.Sum({int})", "$w.Grow(1)",
			"$w.P.Sum(2)", "$o.ID()", "$o.SetID({int})", "$o.base.id", "$w.id", "$w.base.ID()", "$sm.Sum({int})", "$ns.Sum({int})", "$m.Sum({int})", "$xs[{int8}]", "$xs[{uint64}]", "add({int}, {int})", "vsum({int}, {int}, 4)", "vsum()", "vsum($xs...)", "vsum($nx...)", "bump(&$i)", "bump(&$in.N)", "bump($pi)",
			"$fn({int})", "$nf({int})", "min({int}, {int})", "max({int}, {int}, 2)", "$sb.Len()", "*$pi", "make2({int}).N", "make2({int}).Sum(2)", "same($sm).Sum({int})", "int($t.Milliseconds())", "(&$in).Sum({int})", "({int})"},
		"float64":    {"$f", "0.1", "1e300", "-2", "$t.Seconds()", "-({float64})"},
		"float32":    {"$g", "0.1", "$in.F", "half({float32})", "-({float32})"},
		"complex128": {"$c", "2i", "-({complex128})"}, "complex64": {"$d", "(1+2i)"},
		"bool": {"$b", "true", "!({bool})", "({bool}) && ({bool})", "({bool}) || ({bool})", "$e == nil", "$ne == nil", "$np == nil", "$p != $np", "$nm == nil", "$nx == nil", "$nf != nil", "$a == nil", "({any}) == ({any})", "$a == 5",
			"$a == {string}", "$o.E == ({int})", "({string}) == ({string})", "({string}) < ({string})", "({Name}) >= ({Name})", "$in == make2({int})", "$ar == $o.A", "$sm == $ns", "$sm == Small(4)", "({complex128}) != ({complex128})", "({bool}) == ({bool})"},
		"string":   {"$s", `"k"`, `"\xff\x00"`, `""`, "({string}) + ({string})", "$s[1:3]", "$s[{int}:]", "$s[:{int}]", "$s[{int}:{int}]", "string($n)", "string({Name})", "string({int32})", "string($bs)", "$ss[0]", "$ss[{int}]", "$e.Error()", "$ne.Error()", "$o.Label()", "$o.Label({string}, {string})", "$po.Label($ss...)", "$w.Label({string})", "cat({any}, {int}, $o.S)", "$pa[{int}]", "$t.String()", "$sb.String()"},
		"Name":     {"$n", "Name({string})", "$o.S", "$w.S", "({Name}) + ({Name})", `"lit"`, "$n[1:]"},
		"Small":    {"$m", "Most", "Small({int})", "$w.k", "-({Small})"},
		"Ratio":    {"$r", "Ratio({float64})", "0.3"},
		"Inner":    {"$in", "$o.Inner", "*$p", "*$np", "*$o.P", "make2({int})", "*&$in", "$w.Inner"},
		"[]int":    {"$xs", "$o.L", "$xs[{int}:]", "$xs[:{int}]", "$xs[{int}:{int}:{int}]", "$xs[:2:3]", "$nx", "$nx[:0]", "$w.L"},
		"error":    {"$e", "$ne"},
		"any":      {"$a", "any({int})", "any({string})", "any($in)", "$o.E", "any($mp)", "any($e)", "any({Small})"},
		"Duration": {"$t", "$t + $t", "$t.Round({Duration})", "$t * 2", "time.Duration({int64})"},
		"Summer":   {"$sm", "$ns", "same($m)", "same({Small})", "same($in)", "same(nil)"},
		"multi":    {"pair({int})", "double({any})", "double($in)", "double(nil)"},
	}
	ints := []string{"int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "Small"}
	names := map[string]string{"int8": "$j", "int16": "$k", "int32": "$l", "int64": "$q", "uint": "$u", "uint8": "$u8", "uint16": "$u16", "uint32": "$u32", "uint64": "$u64"}
	for _, t := range ints {
		if v := names[t]; v != "" {
			m[t] = append(m[t], v, "5", "0")
		}
		for _, op := range []string{"+", "-", "*", "/", "%", "&", "|", "^", "&^"} {
			m[t] = append(m[t], "({"+t+"}) "+op+" ({"+t+"})")
		}
		m[t] = append(m[t], "-({"+t+"})", "^({"+t+"})", "({"+t+"}) << ({uint8})", "({"+t+"}) >> ({int})", "({"+t+"}) << 3", t+"({float64})", t+"({float32})", "min({"+t+"}, {"+t+"})")
		for _, from := range ints {
			m[t] = append(m[t], t+"({"+from+"})")
		}
		m["float64"] = append(m["float64"], "float64({"+t+"})")
		m["float32"] = append(m["float32"], "float32({"+t+"})")
		m["bool"] = append(m["bool"], "({"+t+"}) < ({"+t+"})", "({"+t+"}) == ({"+t+"})", "({"+t+"}) >= ({"+t+"})")
	}
	m["float64"] = append(m["float64"], "math.Sqrt({float64})", "math.Max({float64}, {float64})", "cmplx.Abs({complex128})", "math.FMA({float64}, {float64}, {float64})", "math.Inf({int})")
	m["int"] = append(m["int"], "utf8.RuneCountInString({string})", "strings.Index({string}, {string})", "bits.Len64({uint64})", "image.Pt({int}, {int}).X", "image.Rect({int}, {int}, 3, 4).Dx()", "sort.SearchInts($xs, {int})")
	m["uint32"] = append(m["uint32"], "math.Float32bits({float32})")
	m["bool"] = append(m["bool"], "strings.Contains({string}, {string})", "bytes.Equal($bs, $bs)", "errors.Is($e, io.EOF)", "$e == io.EOF", "math.IsNaN({float64})")
	m["string"] = append(m["string"], "strings.ToUpper({string})", "strings.Repeat({string}, {int} & 7)", "strings.Repeat({string}, {int8} % 9)", "strconv.Itoa({int})", "fmt.Sprint({any}, {int})", `fmt.Sprintf("%v %q %T", {any}, {string}, {Small})`, `strings.Join($ss, {string})`,
		`time.Unix({int64}, {int64}).UTC().Format(time.RFC3339)`, `time.Date(2000 + {int} % 100, 1, 2, {int} % 24, {int} % 60, 5, 6, time.UTC).String()`, "strconv.FormatFloat({float64}, 'g', -1, 64)", `netip.AddrFrom4([4]byte{1, 2, 3, 4}).String()`)
	m["error"] = append(m["error"], "errors.New({string})", "io.EOF", `fmt.Errorf("%w %d", $e, {int})`)
	m["multi"] = append(m["multi"], "strconv.Atoi({string})", "math.Modf({float64})", "math.Frexp({float64})", `strings.Cut({string}, "a")`, "bits.Mul64({uint64}, {uint64})", "strconv.ParseFloat({string}, 32)")
	m["uint8"] = append(m["uint8"], "$bs[{int}]", "$s[{int}]", "$s[0]", "$n[{int}]")
	m["int8"] = append(m["int8"], "$ar[{int}]", "$ar[2]", "$o.A[{int}]")
	for _, t := range []string{"float64", "float32", "Ratio"} {
		for _, op := range []string{"+", "-", "*", "/"} {
			m[t] = append(m[t], "({"+t+"}) "+op+" ({"+t+"})")
		}
		m["bool"] = append(m["bool"], "({"+t+"}) < ({"+t+"})", "({"+t+"}) == ({"+t+"})", "({"+t+"}) != ({"+t+"})", "({"+t+"}) >= ({"+t+"})")
	}
	m["float64"] = append(m["float64"], "float64({float32})", "float64({Ratio})")
	m["float32"] = append(m["float32"], "float32({float64})")
	for _, t := range []string{"complex128", "complex64"} {
		for _, op := range []string{"+", "-", "*", "/"} {
			m[t] = append(m[t], "({"+t+"}) "+op+" ({"+t+"})")
		}
	}
	m["complex64"] = append(m["complex64"], "complex64({complex128})")
	return m
}()

var effects = func() []string {
	list := []string{"$b = {bool}", "$s = {string}", "$n = {Name}", "$n += {Name}", "$in = {Inner}", "$o.Inner = {Inner}", "*$p = {Inner}", "*$np = {Inner}", "$o.P = $p", "$o.P = &$in", "$w.k += {Small}",
		"$xs = {[]int}", "$xs = append($xs, {int})", "$xs = append($xs, {[]int}...)", "$o.L = append($o.L[:1], {int}, {int})", "$nx = append($nx)", "sort.Ints($xs)", "$ss = strings.Fields({string}); $ss = append($ss, {string}, {string})", "$e = errors.New({string})", "$xs[{int}] = {int}", "$xs[0] = {int}", "$xs[1]++", "$xs[{int}] += {int}",
		"$ss[1] = {string}", "$bs[{int}] = {uint8}", "$mp[{string}] = {int}", `$mp["z"] = {int}`, `$mp["k"]++`, "$mp[{string}] += $i", "$mp[{string}] /= $i", "$nm[{string}] = {int}", "$nm[{string}]++", "$mi[{any}] = {int}", "delete($mp, {string})", "delete($nm, {string})",
		"delete($mi, {any})", "$o.M[{string}] = 4", "$po.M[{string}] = 4", "$ar[{int}] = {int8}", "$o.A[1] = {int8}", "$pa[{int}] = {string}", "$e = {error}", "$ne = $e", "$e = nil", "$a = {any}", "$a = {int}", "$a = $in", "$a = nil", "$sm = {Summer}", "$sm = $in", "$sm = $p",
		"$o.E = {any}", "$fn({int})", "$p.Grow({int})", "bump(&$i);", "$sb.WriteString({string});", "$t = {Duration}", "$p.N = {int}", "$np.N = {int}", "$w.N -= {int}", "$w.Tag = {string}", "$o.base = $w.base", "$w.base.SetID({int})", "$o.id--", "$po.S = {Name}", "$o.P.hidden++", "$in.hidden -= 1", "_ = {int}", "*$pi = {int}", "*$pi *= {int}",
		"$i = {int}", "$i += {int}", "$i++", "$i--", "$i <<= {uint8}", "$i /= {int}", "$i %= {int}", "$i &^= {int}"}
	for t, v := range map[string]string{"int8": "$j", "uint8": "$u8", "int64": "$q", "uint64": "$u64", "uint32": "$u32", "float32": "$g", "float64": "$f", "Ratio": "$r", "Small": "$m", "complex128": "$c"} {
		list = append(list, v+" = {"+t+"}", v+" += {"+t+"}", v+" *= {"+t+"}", v+"++", v+" -= {"+t+"}")
	}
	slices.Sort(list)
	return list
}()
