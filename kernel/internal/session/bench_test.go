package session

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golab/kernel/internal/pipe"
)

// loops is what the cost of interrupt checks is measured on.
const loops = `
var sink int
var fsink float64

func intSum(n int) (s int) {
	for i := 0; i < n; i++ {
		s += i ^ 3
	}
	return s
}
func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
func sieve(n int) (k int) {
	c := make([]bool, n+1)
	for i := 2; i <= n; i++ {
		if !c[i] {
			k++
			for j := i * 2; j <= n; j += i {
				c[j] = true
			}
		}
	}
	return k
}
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}
func count(n int) int {
	m := map[int]int{}
	for i := range n {
		m[i%1000]++
	}
	return len(m)
}
func join(n int) int {
	var b strings.Builder
	for i := range n {
		b.WriteByte(byte(i))
	}
	return b.Len()
}

type planet struct{ x, y, z, vx, vy, vz, mass float64 }

func nbody(steps int) (energy float64) {
	ps := []planet{{0, 0, 0, 0, 0, 0, 39.47}, {4.84, -1.16, -0.10, 0.6, 2.8, -0.02, 0.037}, {8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011},
		{12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017}, {15.37, -25.9, 0.179, 0.979, 0.594, -0.034, 0.002}}
	for range steps {
		for i := range ps {
			a := &ps[i]
			for j := i + 1; j < len(ps); j++ {
				b := &ps[j]
				dx, dy, dz := a.x-b.x, a.y-b.y, a.z-b.z
				d := dx*dx + dy*dy + dz*dz
				mag := 0.01 / (d * math.Sqrt(d))
				a.vx -= dx * b.mass * mag
				a.vy -= dy * b.mass * mag
				a.vz -= dz * b.mass * mag
				b.vx += dx * a.mass * mag
				b.vy += dy * a.mass * mag
				b.vz += dz * a.mass * mag
			}
		}
		for i := range ps {
			p := &ps[i]
			p.x += 0.01 * p.vx
			p.y += 0.01 * p.vy
			p.z += 0.01 * p.vz
		}
	}
	for _, p := range ps {
		energy += 0.5 * p.mass * (p.vx*p.vx + p.vy*p.vy + p.vz*p.vz)
	}
	return energy
}

type matrix [3][3]float64

func multiply(a, b *matrix) (c matrix) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				c[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return c
}
func power(n int) float64 {
	a := matrix{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}
	r := a
	for range n {
		r = multiply(&r, &a)
	}
	return r[0][0]
}
func multiplyRows(a, b, c [][]float64) {
	for i := range a {
		for j := range b[0] {
			s := 0.0
			for k := range b {
				s += a[i][k] * b[k][j]
			}
			c[i][j] = s
		}
	}
}
func powerRows(n, size int) float64 {
	var m [3][][]float64
	for i := range m {
		m[i] = make([][]float64, size)
		for j := range m[i] {
			m[i][j] = make([]float64, size)
			m[i][j][(j+1)%size] = 1
		}
	}
	for range n {
		multiplyRows(m[0], m[1], m[2])
		m[1], m[2] = m[2], m[1]
	}
	return m[1][0][0]
}
func sorted(n int) int {
	xs := make([]int, n)
	r := uint32(1)
	for i := range xs {
		r ^= r << 13
		r ^= r >> 17
		r ^= r << 5
		xs[i] = int(r)
	}
	slices.SortFunc(xs, func(a, b int) int { return a - b })
	return xs[0]
}
func timeit(name string, f func()) {
	best := time.Hour
	for range 40 {
		t := time.Now()
		f()
		best = min(best, time.Since(t))
	}
	fmt.Println(name, best.Seconds())
}
`

// Each run is short, so that the best of many is one in which no other process had the core.
const timeLoops = `
a, b := make([]float64, 1<<12), make([]float64, 1<<12)
timeit("integer-sum", func() { sink = intSum(8_000_000) })
timeit("dot-product", func() { for range 500 { fsink += dot(a, b) } })
timeit("sieve", func() { sink = sieve(500_000) })
timeit("n-body", func() { fsink = nbody(20_000) })
timeit("map-count", func() { sink = count(200_000) })
timeit("string-building", func() { sink = join(1_000_000) })
timeit("fibonacci", func() { sink = fib(25) })
timeit("matrices-3x3", func() { fsink = power(100_000) })
timeit("matrices-of-slices-3x3", func() { fsink = powerRows(50_000, 3) })
timeit("matrices-of-slices-100x100", func() { fsink = powerRows(2, 100) })
timeit("sort", func() { sink = sorted(20_000) })
`

// BenchmarkChecks reports how much longer tight loops take in a cell, where they can be interrupted, than elsewhere: 1.10 is
// ten percent. The metrics ending in "checks" compare with the same code as a plugin on the same base, without checks; those
// ending in "program" with a program that the go command made, whose runtime is not in a shared library. All are timed in
// turns, the best of all rounds counts.
func BenchmarkChecks(b *testing.B) {
	imports := []string{"fmt", "math", "slices", "strings", "time"}
	code := "import (\"" + strings.Join(imports, "\"; \"") + "\")\n" + loops
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n"+code+"func main() {"+timeLoops+"}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", "program", "main.go")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	s := open(b)
	must(b, s, loops)
	cells, unchecked, program := map[string]float64{}, map[string]float64{}, map[string]float64{}
	var names []string
	note := func(into map[string]float64, out string) {
		names = names[:0]
		for line := range strings.Lines(out) {
			var name string
			var seconds float64
			if n, _ := fmt.Sscan(line, &name, &seconds); n == 2 {
				names = append(names, name)
				if best, ok := into[name]; !ok || seconds < best {
					into[name] = seconds
				}
			}
		}
	}
	for range max(b.N, 5) {
		out, err := exec.Command(filepath.Join(dir, "program")).Output()
		if err != nil {
			b.Fatal(err)
		}
		note(program, string(out))
		note(unchecked, runUnchecked(b, s, "import live \"golab/kernel/live\"\n"+code, append(imports, "golab/kernel/live")))
		note(cells, must(b, s, timeLoops))
	}
	for _, n := range names {
		b.ReportMetric(cells[n]/unchecked[n], n+"-checks")
		b.ReportMetric(cells[n]/program[n], n+"-program")
	}
}

// runUnchecked runs the loops in the session's worker as a generation that is not made from a cell, and returns what it prints.
func runUnchecked(b *testing.B, s *Session, code string, imports []string) string {
	s.mu.Lock()
	s.gen++
	gen := s.gen
	out := &transcript{}
	s.sink = out
	s.mu.Unlock()
	dir := b.TempDir()
	so := filepath.Join(dir, "unchecked.so")
	text := fmt.Sprintf("package nb\n%sfunc run() {%s}\nvar word uint32\nfunc init() { live.Register(&live.Gen{ID: %d, Run: run, Word: &word}) }\n", code, timeLoops, gen)
	if _, err := s.base.Plugin(context.Background(), dir, gen, map[string]string{"unchecked.go": text}, imports, so); err != nil {
		b.Fatal(err)
	}
	w, err := s.ensureWorker()
	if err != nil {
		b.Fatal(err)
	}
	w.expected.Store(int64(gen))
	if err := w.send(pipe.Command{Run: &pipe.Run{Gen: gen, Plugin: so}}); err != nil {
		b.Fatal(err)
	}
	if d := <-w.done; d.Load != "" || d.Panic != nil {
		b.Fatalf("%+v", d)
	}
	return out.String()
}

// BenchmarkCell runs small cells one after the other, from text to result. Those that are evaluated are compiled as well, for
// comparison.
func BenchmarkCell(b *testing.B) {
	const model = "digits := mlx.FromDataFrame(datasets.Digits(), `label`)\nmodel := mlx.Sequential(mlx.Dense(10))\nmlx.Evaluate(model, digits);"
	for _, c := range []struct{ name, first, cell string }{
		{"print", "x, y := 0, 0", "x, y = x+1, x\nfmt.Println(x)"},
		{"mlx", model, "mlx.Evaluate(model, digits)"},
		{"show", "x := 0", "x"},
		{"call", "func f(n int) int { return n + 1 }", "f(3)"},
		{"println", "x := 0", "fmt.Println(x)"},
		{"define", "func f(n int) int { return n + 1 }", "y := f(3)"},
		{"describe", "df := datasets.Iris()", "df.Describe()"},
		{"summary", model, "model.Summary()"},
	} {
		for _, how := range []string{"", "-compiled"} {
			if how != "" && (c.name == "print" || c.name == "mlx") {
				continue
			}
			b.Run(c.name+how, func(b *testing.B) {
				s := open(b)
				s.compileAll = how != ""
				must(b, s, c.first)
				must(b, s, c.cell)
				for b.Loop() {
					runCell(s, 3, c.cell)
				}
			})
		}
	}
}

// BenchmarkManyCells runs 2,000 cells in one session, and reports how the median cell's latency and the worker's memory
// change from the first hundred to the last.
func BenchmarkManyCells(b *testing.B) {
	for b.Loop() {
		s := open(b)
		must(b, s, "x := 0")
		const n, window = 2000, 100
		took := make([]time.Duration, n)
		before := 0
		for i := range n {
			if i == window {
				before = resident(b, s)
			}
			start := time.Now()
			if out, err := runCell(s, i+2, fmt.Sprintf("x = x + %d; fmt.Println(x)", i)); err != nil {
				b.Fatal(out)
			}
			took[i] = time.Since(start)
		}
		kB := float64(resident(b, s)-before) / (n - window)
		first, last := slices.Sorted(slices.Values(took[:window])), slices.Sorted(slices.Values(took[n-window:]))
		b.ReportMetric(float64(first[window/2])/1e6, "first-ms")
		b.ReportMetric(float64(last[window/2])/1e6, "last-ms")
		b.ReportMetric(kB, "kB/cell")
	}
}
