package session

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
)

var (
	seed     = flag.Uint64("seed", 1, "of the random programs")
	programs = flag.Int("programs", 5, "how many random programs to run as cells")
	soak     = flag.Int("soak", 0, "how many cells to run in one session")
)

// TestCellsEqualPrograms runs random statements twice, split at random into cells and as one Go program, and compares what
// they print. Session variables are package variables of the program; declaring one again assigns to it.
func TestCellsEqualPrograms(t *testing.T) {
	n := *programs
	if testing.Short() {
		n = 2
	}
	s := open(t)
	must(t, s, helpers)
	t.Logf("%d programs in %d cells", n, runPrograms(t, s, 0, n, 0))
}

// TestSoak goes on in one session for as many cells as a flag says, and then for some time in which they could have been run.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("run it with -soak 5000")
	}
	s := open(t)
	must(t, s, helpers)
	const batch = 20
	n := 0
	for from := 1000; n < *soak; from += batch {
		n += runPrograms(t, s, from, batch, n)
		t.Logf("%d cells; the worker's resident memory is %d kB", n, resident(t, s))
	}
}

// runPrograms compares programs from, from+1, … and returns how many cells they were. before is how many there were.
func runPrograms(t *testing.T, s *Session, from, programs, before int) (n int) {
	t.Helper()
	seed := *seed
	plain := "package main\nimport (\n\"errors\"\n\"fmt\"\n\"iter\"\n\"maps\"\n\"slices\"\n\"sort\"\n\"strings\"\n\"sync\"\n)\n" +
		"var _, _, _, _, _ = errors.New, maps.Keys[map[int]int], slices.Max[[]int], sort.Ints, strings.ToUpper\nvar _ sync.Mutex\n" + helpers
	main := "func main() {\n"
	var all []*generator
	for i := range programs {
		g := &generator{r: rand.New(rand.NewPCG(seed, uint64(from+i))), p: fmt.Sprintf("p%d", from+i), vars: map[string][]string{}, here: map[string]bool{}, fails: map[int]bool{}}
		for range 60 {
			g.statement()
		}
		g.show()
		g.cut()
		all = append(all, g)
		plain += g.decls.String() + fmt.Sprintf("func main%d() {\n%s}\n", i, g.main.String())
		main += fmt.Sprintf("main%d()\nfmt.Println(\"=====\")\n", i)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(plain+main+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-gcflags=-N -l", file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the oracle: %v\n%s\n%s", err, &stderr, plain)
	}
	want := strings.Split(string(out), "=====\n")
	for i, g := range all {
		rest := want[i]
		for j, c := range g.cells {
			n++
			tr := &transcript{}
			res := s.Execute(engine.Request{Code: c, Count: before + n}, tr)
			got := tr.b.String()
			after, ok := strings.CutPrefix(rest, got)
			if !ok || (res.Err != nil) != g.fails[j] || res.Err != nil && (res.Err.Name != "panic" || !strings.HasPrefix(res.Err.Value, "stop")) {
				t.Fatalf("program %d of seed %d differs in the last of these cells: %v\nit prints\n%s\nthe program goes on with\n%.2000s\n%s",
					from+i, seed, res.Err, got, rest, strings.Join(g.cells[:j+1], "\n-- --\n"))
			}
			rest = after
		}
		if rest != "" {
			t.Fatalf("program %d of seed %d prints more than its cells: %s", from+i, seed, rest)
		}
	}
	return n
}

// helpers keep what random statements make small, and indices inside.
const helpers = `
func clip(s []int) []int { return s[:min(len(s), 12)] }
func trim(s string) string { return s[:min(len(s), 12)] }
func at(s []int, i int) *int {
	if len(s) == 0 {
		return new(int)
	}
	return &s[(i%len(s)+len(s))%len(s)]
}
func div(a, b int) int { if b == 0 { return a }; return a / b }
func each[T, U any](s []T, f func(T) U) (out []U) { for _, x := range s { out = append(out, f(x)) }; return }
func upto(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range min(n, 5) {
			if !yield(i) {
				return
			}
		}
	}
}
`

// generator writes a random program in two forms at once.
type generator struct {
	r     *rand.Rand
	p     string              // begins every name, so that programs share a session
	vars  map[string][]string // by type
	here  map[string]bool     // variables declared in the present cell
	funcs []string            // of type func(int) int, without effects
	muts  []string            // those with effects
	types int
	n     int

	again    []func() // each writes another definition of a function or method
	bodies   string   // of all functions
	ifaces   []string // variables of interface types
	counters []string
	fails    map[int]bool // cells that end in a panic
	shapes   []string     // interface types with the method Sum
	boxes    []string     // generic types
	servers  []string     // goroutines that answer, by the names of their channels

	cell        strings.Builder
	cells       []string
	decls, main strings.Builder
	local       int // depth of blocks
}

func (g *generator) name() string { g.n++; return fmt.Sprintf("%s_%d", g.p, g.n) }

func pick[T any](g *generator, of ...T) T { return of[g.r.IntN(len(of))] }

// later is the suffix of a variable of the program that stands for one declared again with another type.
var later = regexp.MustCompile(`(p\d+_\d+)x\d+`)

// cut ends the present cell.
func (g *generator) cut() {
	if g.cell.Len() > 0 {
		g.cells = append(g.cells, later.ReplaceAllString(g.cell.String(), "$1"))
	}
	g.cell.Reset()
	g.here = map[string]bool{}
}

// both adds a statement that is the same in cells and in the program.
func (g *generator) both(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	g.cell.WriteString(s + "\n")
	g.main.WriteString(s + "\n")
}

// top adds a declaration that stands at package level in the program.
func (g *generator) top(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	g.cell.WriteString(s + "\n")
	g.decls.WriteString(s + "\n")
}

var kinds = []string{"int", "int", "string", "[]int", "map[string]int", "bool", "float64", "[3]int", "any"}

// declare makes a variable, or declares one of an earlier cell again, in one of Go's ways.
func (g *generator) declare() {
	typ := pick(g, append(kinds, g.structs()...)...)
	name, old := g.name(), false
	if vs := g.vars[typ]; len(vs) > 0 && g.r.IntN(3) == 0 {
		if v := pick(g, vs...); !g.here[v] {
			name, old = v, true
		}
	}
	x := g.expr(typ, 2)
	switch form := g.r.IntN(4); {
	case form == 0:
		fmt.Fprintf(&g.cell, "var %s %s = %s\n", name, typ, x)
	case form == 1 && typ != "any":
		fmt.Fprintf(&g.cell, "var %s = %s(%s)\n", name, typ, x)
	case form == 2 && typ != "any":
		other, y := g.name(), g.expr("string", 1)
		fmt.Fprintf(&g.cell, "%s, %s := %s(%s), %s\n", name, other, typ, x, y)
		fmt.Fprintf(&g.decls, "var %s string\n", other)
		fmt.Fprintf(&g.main, "%s, %s = %s, %s\n", name, other, x, y)
		x = ""
		g.vars["string"] = append(g.vars["string"], other)
		g.here[other] = true
	case typ == "any":
		fmt.Fprintf(&g.cell, "%s := any(%s)\n", name, x)
	default:
		fmt.Fprintf(&g.cell, "%s := %s(%s)\n", name, typ, x)
	}
	if x != "" {
		fmt.Fprintf(&g.main, "%s = %s\n", name, x)
	}
	if !old {
		fmt.Fprintf(&g.decls, "var %s %s\n", name, typ)
		g.vars[typ] = append(g.vars[typ], name)
	}
	g.here[name] = true
}

func (g *generator) structs() (names []string) {
	for i := range g.types {
		names = append(names, fmt.Sprintf("%s_T%d", g.p, i), fmt.Sprintf("(*%s_T%d)", g.p, i))
	}
	return names
}

// expr is an expression of that type without effects.
func (g *generator) expr(typ string, depth int) string {
	if vs := g.vars[typ]; len(vs) > 0 && g.r.IntN(3) > 0 && !strings.HasPrefix(typ, "(*") {
		return pick(g, vs...)
	}
	sub := func(t string) string {
		if depth == 0 {
			if vs := g.vars[t]; len(vs) > 0 {
				return pick(g, vs...)
			}
			return map[string]string{"int": "4", "string": `"s"`, "[]int": "[]int(nil)", "bool": "true", "float64": "1.5"}[t]
		}
		return g.expr(t, depth-1)
	}
	switch typ {
	case "int":
		forms := []string{fmt.Sprint(g.r.IntN(20) - 5), "len(" + sub("string") + ")", "(" + sub("int") + pick(g, " + ", " - ", " * ", " ^ ", " &^ ") + sub("int") + ")",
			"*at(" + sub("[]int") + ", " + sub("int") + ")", "div(" + sub("int") + ", " + sub("int") + ")", "int(int8(" + sub("int") + "))",
			"func(n int) int { if n > 2 { return n }; return " + sub("int") + " }(" + sub("int") + ")"}
		if len(g.funcs) > 0 && g.local == 0 {
			forms = append(forms, pick(g, g.funcs...)+"("+sub("int")+")")
		}
		if vs := g.vars["map[string]int"]; len(vs) > 0 {
			forms = append(forms, pick(g, vs...)+"["+sub("string")+"]")
		}
		if vs := g.vars["[3]int"]; len(vs) > 0 {
			forms = append(forms, pick(g, vs...)+"[1]")
		}
		for _, s := range g.structs() {
			if vs := g.vars[s]; len(vs) > 0 {
				v := pick(g, vs...)
				forms = append(forms, v+".A", v+".Sum("+sub("int")+")")
			}
		}
		return pick(g, forms...)
	case "string":
		return pick(g, fmt.Sprintf("%q", strings.Repeat("ab", g.r.IntN(3))), "trim("+sub("string")+" + "+sub("string")+")", "fmt.Sprint("+sub("int")+")", "fmt.Sprintf(\"%T\", "+sub("float64")+")")
	case "[]int":
		return pick(g, "[]int{"+sub("int")+", "+sub("int")+"}", "clip(append("+sub("[]int")+"[:0:0], "+sub("int")+"))", "clip("+sub("[]int")+")",
			"each([]string{"+sub("string")+"}, func(s string) int { return len(s) + "+sub("int")+" })")
	case "map[string]int":
		return "map[string]int{\"k\": " + sub("int") + "}"
	case "bool":
		return pick(g, sub("int")+" < "+sub("int"), sub("string")+" == "+sub("string"), "!("+sub("bool")+")", "("+sub("bool")+" && "+sub("bool")+")")
	case "float64":
		return pick(g, "float64("+sub("int")+")/4", "1e3", "-("+sub("float64")+")")
	case "[3]int":
		return "[3]int{" + sub("int") + ", 2: " + sub("int") + "}"
	case "any":
		return pick(g, sub("int"), sub("string"), sub("float64"))
	}
	if t, ok := strings.CutPrefix(strings.TrimSuffix(typ, ")"), "(*"); ok {
		if vs := g.vars[t]; len(vs) > 0 && g.r.IntN(2) == 0 && g.local == 0 {
			return "&" + pick(g, vs...)
		}
		return "&" + t + "{B: " + sub("string") + "}"
	}
	return typ + "{A: " + sub("int") + ", C: " + sub("[]int") + "}"
}

// effect is a statement that changes something.
func (g *generator) effect() string {
	var forms []string
	for _, typ := range append(kinds, g.structs()...) {
		for _, v := range g.vars[typ] {
			switch typ {
			case "int":
				forms = append(forms, v+"++", v+pick(g, " += ", " -= ", " ^= ")+g.expr("int", 1), v+", _ = "+g.expr("int", 1)+", 0")
			case "string":
				forms = append(forms, v+" = "+g.expr("string", 2))
			case "[]int":
				forms = append(forms, v+" = clip(append("+v+", "+g.expr("int", 1)+"))", "*at("+v+", "+g.expr("int", 1)+") "+pick(g, "=", "+=")+" "+g.expr("int", 1))
			case "map[string]int":
				forms = append(forms, v+"["+g.expr("string", 1)+"]"+pick(g, "++", " = 3"), "delete("+v+", \"k\")")
			case "[3]int":
				forms = append(forms, v+"[1] -= "+g.expr("int", 1))
			case "any":
				forms = append(forms, "switch x := "+v+".(type) {\ncase int:\n"+v+" = x + 1\ncase string:\n"+v+" = len(x)\ndefault:\n"+v+" = \"other\"\n}")
			case "bool", "float64":
				forms = append(forms, v+" = "+g.expr(typ, 2))
			default:
				forms = append(forms, v+".A++", v+".B = "+g.expr("string", 1), v+".Grow("+g.expr("int", 1)+")", v+".C = "+g.expr("[]int", 1))
			}
		}
	}
	if len(forms) == 0 {
		return "fmt.Println(\"nothing yet\")"
	}
	return pick(g, forms...)
}

// block is a statement made of others.
func (g *generator) block() string {
	g.local++
	defer func() { g.local-- }()
	inner := func() string {
		if g.local < 3 && g.r.IntN(3) == 0 {
			return g.block()
		}
		return g.effect()
	}
	i := g.name()
	with := func(body func() string) string { // i is an int there
		g.vars["int"] = append(g.vars["int"], i)
		s := body()
		g.vars["int"] = g.vars["int"][:len(g.vars["int"])-1]
		return s
	}
	read := func() string {
		return with(func() string { return "fmt.Print(" + i + ", " + g.expr("int", 2) + ", \" \")" })
	}
	switch g.r.IntN(9) {
	case 0:
		return "if " + g.expr("bool", 2) + " {\n" + inner() + "\n} else {\n" + inner() + "\n}"
	case 1:
		return fmt.Sprintf("for %s := 0; %s < 3; %s++ {\n%s\n%s\n}", i, i, i, inner(), read())
	case 2:
		return fmt.Sprintf("for _, %s := range %s {\n%s\n}", i, g.expr("[]int", 1), read())
	case 3:
		return fmt.Sprintf("for %s := range 4 {\nif %s == 2 { continue }\n%s\n}", i, i, inner())
	case 4:
		return fmt.Sprintf("switch %s := %s; {\ncase %s > 3:\n%s\nfallthrough\ncase %s:\n%s\ndefault:\n%s\n}", i, g.expr("int", 1), i, inner(), g.expr("bool", 1), read(), inner())
	case 5:
		l := g.name()
		return fmt.Sprintf("%s:\nfor %s := range 3 {\nfor j := range 3 {\nif j == %s { continue %s }\nif j+%s > 3 { break %s }\n%s\n}\n}", l, i, i, l, i, l, inner())
	case 6:
		return fmt.Sprintf("{\n%s := %s\n%s++\n%s\n}", i, g.expr("int", 1), i, read())
	case 7:
		return fmt.Sprintf("func() {\ndefer func() { fmt.Println(\"recovered\", recover() != nil) }()\n%s\nif %s { panic(1) }\n%s\n}()", inner(), g.expr("bool", 1), inner())
	default:
		return fmt.Sprintf("{\nfs := []func() int{}\nfor %s := range 3 { fs = append(fs, func() int { %s *= 2; return %s }) }\nfor _, f := range fs { fmt.Print(f(), f(), \" \") }\n}", i, i, i)
	}
}

// function declares one, without effects or with.
func (g *generator) function() {
	f := g.name()
	g.local++
	switch g.r.IntN(4) {
	case 0:
		x := "n"
		if len(g.funcs) > 0 {
			x = pick(g, g.funcs...) + "(n - 1)"
		}
		g.define(f, "", func() string { return "return " + x + " + " + g.expr("int", 2) })
		g.funcs = append(g.funcs, f)
	case 1:
		g.define(f, "", func() string {
			return "if n <= 0 { return " + g.expr("int", 1) + " }\ndefer func() { r += n }()\nreturn " + f + "(min(n, 5) - 1)"
		})
		g.funcs = append(g.funcs, f)
	default:
		g.define(f, "", func() string { return g.effect() + "\n" + g.block() + "\nreturn n + " + g.expr("int", 1) })
		g.muts = append(g.muts, f)
	}
	g.local--
}

// statement adds one at top level.
func (g *generator) statement() {
	if g.r.IntN(4) == 0 {
		g.cut()
	}
	switch g.r.IntN(24) {
	case 0, 1, 2:
		g.declare()
	case 3:
		g.function()
	case 4:
		if g.types < 2 {
			t := fmt.Sprintf("%s_T%d", g.p, g.types)
			g.top("type %s struct { A int; B string; C []int }", t)
			g.define("Sum", t, func() string { return "for _, c := range t.C { n += c }\nreturn n + t.A*" + fmt.Sprint(g.r.IntN(5)) })
			g.top("func (t *%s) Grow(n int) { t.A += n; t.C = clip(append(t.C, n)) }", t)
			g.types++
		}
	case 5:
		if len(g.muts) > 0 && len(g.vars["int"]) > 0 {
			g.both("%s = %s(%d)", pick(g, g.vars["int"]...), pick(g, g.muts...), g.r.IntN(5))
		}
	case 6, 7:
		g.both("%s", g.block())
	case 8:
		g.show()
	case 9:
		if len(g.vars["int"]) > 0 { // a closure over a variable of the session, kept
			f, v := g.name(), pick(g, g.vars["int"]...)
			fmt.Fprintf(&g.decls, "var %s func(int) int\n", f)
			fmt.Fprintf(&g.cell, "%s := func(n int) int { return n + %s }\n", f, v)
			fmt.Fprintf(&g.main, "%s = func(n int) int { return n + %s }\n", f, v)
			g.funcs = append(g.funcs, f)
		}
	case 10:
		ch := g.name()
		x, y := g.expr("int", 1), g.expr("int", 1)
		fmt.Fprintf(&g.decls, "var %s chan int\n", ch)
		fmt.Fprintf(&g.cell, "%s := make(chan int)\n", ch)
		fmt.Fprintf(&g.main, "%s = make(chan int)\n", ch)
		g.both("go func(n int) { %s <- n; %s <- %s; close(%s) }(%s)\nfor v := range %s { fmt.Println(v) }", ch, ch, y, ch, x, ch)
	case 11, 12:
		g.both("%s", g.effect())
	default:
		g.more()
	}
}

// show prints every variable.
func (g *generator) show() {
	for _, typ := range append(kinds[1:], g.structs()...) {
		for _, v := range g.vars[typ] {
			if strings.HasPrefix(typ, "(*") {
				v = "*" + v
			}
			g.both("fmt.Printf(\"%%v \", %s)", v)
		}
	}
	g.both("fmt.Println()")
}
