package session

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
)

// must runs a cell that has to succeed.
func must(t testing.TB, s *Session, code string) string {
	t.Helper()
	out, err := runCell(s, 1, code)
	if err != nil {
		t.Fatalf("cell %q\n%s", code, out)
	}
	return out
}

func TestPanicInGoroutine(t *testing.T) {
	s := open(t)
	must(t, s, "n := 1")
	out := must(t, s, `go func() { panic("in the background") }()`)
	out += must(t, s, `go panic(errors.New("builtin"))`)
	out += must(t, s, `var wg sync.WaitGroup; wg.Go(func() { panic("in a library's goroutine") })`)
	out += must(t, s, `func named() { panic("by name") }; wg.Go(named); wg.Wait()`)
	all := []string{"panic in a goroutine: in the background", "builtin", "in a library's goroutine", "by name"}
	for range 100 { // the goroutines run when they run; their report goes to the cell that runs then
		out += must(t, s, "runtime.Gosched(); n++; n")
		if !slices.ContainsFunc(all, func(s string) bool { return !strings.Contains(out, s) }) {
			return
		}
	}
	t.Errorf("the panics were not reported:\n%s", out)
}

func TestWorkerKilled(t *testing.T) {
	s := open(t)
	must(t, s, "x := []int{1}\ntype T struct{ a int }\nv := T{1}")
	out, err := runCell(s, 3, "syscall.Kill(os.Getpid(), syscall.SIGKILL); select {}")
	if err == nil || err.Name != "worker died" || !strings.Contains(err.Value, "v, x") {
		t.Errorf("got %s", out)
	}
	out, err = runCell(s, 4, "var p *int\ndebug.SetPanicOnFault(false)\nruntime.GC()\n*(*int)(unsafe.Pointer(uintptr(1<<40))) = 1")
	if err == nil || err.Name != "worker died" && err.Name != "panic" {
		t.Errorf("got %s", out)
	}
	if got := must(t, s, "w := T{2}\nw.a"); got != "=> 2\n" {
		t.Errorf("got %s", got)
	}
}

func TestFatalErrorShowsItsText(t *testing.T) {
	s := open(t)
	out, err := runCell(s, 1, `m := map[int]int{}
for i := range 8 {
	go func() { for { m[i]++ } }()
}
for { m[9]++ }`)
	if err == nil || err.Name != "worker died" || !strings.Contains(out, "concurrent map writes") {
		t.Errorf("got %.2000s", out)
	}
}

// TestManyCells trains the same live model a little in each of 200 cells, and logs what a cell costs in memory.
func TestManyCells(t *testing.T) {
	t.Setenv("GOLAB_BACKEND", "go")
	s := open(t)
	must(t, s, `train := mlx.FromDataFrame(datasets.Digits().Subset([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}), "label")
model := mlx.Sequential(mlx.Dense(16, mlx.ReLU), mlx.Dense(10))
steps := 0`)
	n := 200
	if testing.Short() {
		n = 20
	}
	before := 0
	for i := range n {
		if i == n/10 {
			before = resident(t, s)
		}
		must(t, s, fmt.Sprintf("h%d, err := mlx.Fit(model, train, mlx.FitOptions{Seed: %d, Quiet: true})\nsteps += h%d.Steps\nh%d.Loss[0]", i%7, i, i%7, i%7))
	}
	t.Logf("resident memory of the worker: %d kB, %d kB a cell", resident(t, s), (resident(t, s)-before)/(n-n/10))
	if got := must(t, s, "steps"); got != fmt.Sprintf("=> %d\n", n) {
		t.Errorf("got %s", got)
	}
	if got := must(t, s, "last, err := mlx.Fit(model, train, mlx.FitOptions{Quiet: true})\nlast.Epoch[0]"); got != fmt.Sprintf("=> %d\n", n+1) {
		t.Errorf("the model was not trained in every cell: %s", got)
	}
}

// resident is the memory of the worker in kB, 0 where that can't be had.
func resident(t testing.TB, s *Session) int {
	must(t, s, "debug.FreeOSMemory()")
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.worker.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kB := 0
	fmt.Sscan(rest, &kB)
	return kB
}

// TestHugeOutput prints a gigabyte; none of it may be kept by the session.
func TestHugeOutput(t *testing.T) {
	s := open(t)
	c := &counter{}
	code := `line := bytes.Repeat([]byte("0123456789abcde\n"), 4096)
for range (1 << 30) / len(line) { os.Stdout.Write(line) }`
	if res := s.Execute(engine.Request{Code: code, Count: 1}, c); res.Err != nil {
		t.Fatal(res.Err)
	}
	if c.n != 1<<30 {
		t.Errorf("%d bytes arrived", c.n)
	}
	must(t, s, "1")
}

type counter struct {
	discard
	n int
}

func (c *counter) Stream(name, text string) {
	if name == "stdout" {
		c.n += len(text)
	}
}

func TestSplitUTF8(t *testing.T) {
	s := open(t)
	got := must(t, s, `for _, b := range []byte("héllo 世界 \xff end\n") { os.Stdout.Write([]byte{b}) }`)
	if got != "héllo 世界 \uFFFD end\n" {
		t.Errorf("got %q", got)
	}
}
