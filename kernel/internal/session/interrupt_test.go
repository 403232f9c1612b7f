package session

import (
	"strings"
	"sync"
	"testing"
	"time"

	"golab/kernel/internal/engine"
)

// interrupted runs a cell that prints "go", interrupts it then, and returns its error.
func interrupted(t *testing.T, s *Session, code string) *engine.Error {
	t.Helper()
	w := &waiter{word: "go", seen: make(chan struct{})}
	done := make(chan *engine.Error, 1)
	go func() { done <- s.Execute(engine.Request{Code: code, Count: 7}, w).Err }()
	select {
	case <-w.seen:
	case err := <-done:
		t.Fatalf("the cell ended before it was interrupted: %v\n%s", err, w.String())
	}
	s.Interrupt()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("not interrupted within a minute: %s", code)
		return nil
	}
}

// waiter is a transcript that tells when a word was printed.
type waiter struct {
	transcript
	word string
	once sync.Once
	seen chan struct{}
}

func (w *waiter) Stream(name, text string) {
	w.transcript.Stream(name, text)
	if strings.Contains(w.String(), w.word) {
		w.once.Do(func() { close(w.seen) })
	}
}

// testInterrupt interrupts each of the cells, after having run first, and looks whether values are kept.
func testInterrupt(t *testing.T, first string, cells map[string]string) *Session {
	s := open(t)
	must(t, s, "kept := []int{1, 2, 3}\nn := 0\n"+first)
	for name, code := range cells {
		err := interrupted(t, s, code)
		if err == nil || err.Name != "interrupted" {
			t.Errorf("%s: %v", name, err)
		}
		if got := must(t, s, "kept"); !strings.Contains(got, "1, 2, 3") {
			t.Errorf("%s: values lost: %s", name, got)
		}
	}
	return s
}

func TestInterruptComputing(t *testing.T) {
	s := testInterrupt(t, `beats := make(chan int)
go func() {
	for i := 0; ; i++ {
		beats <- i
	}
}()
m := map[int]int{1: 1, 2: 2}
xs := make([]int, 1000)
func spin() { for { n++ } }
func deep(k int) int { if k == 0 { return deep(30) }; return deep(k-1) + deep(k-1) }
closure := func() { for { n-- } }
type T struct{ a int }
func (t *T) spin() { for { t.a++ } }
func (t T) String() string { for { n++ } }
func generic[E any](x E) { for { n++ } }
func forever(yield func(int) bool) { for yield(1) { } }
func even(k int) bool { return odd(k) }
func odd(k int) bool { return even(k) || even(k+1) }
var once sync.Once`, map[string]string{
		"loop":                  `fmt.Println("go"); for { n++ }`,
		"empty loop":            `fmt.Println("go"); for {}`,
		"counting loop":         `fmt.Println("go"); for i := 0; i >= 0; i += n - n { n++ }`,
		"continue":              `fmt.Println("go"); for i := 0; ; i++ { if i >= 0 { continue }; n++ }`,
		"labelled continue":     "fmt.Println(`go`)\nouter:\nfor { for i := range xs { if i >= 0 { continue outer }; n++ } }",
		"range over integer":    `fmt.Println("go"); for { for i := range 10000 { n += i } }`,
		"long range":            `fmt.Println("go"); for i := range 1 << 62 { n += i }`,
		"range over slice":      `fmt.Println("go"); for { for i, x := range xs { n += i + x } }`,
		"range over map":        `fmt.Println("go"); for { for k := range m { n += k } }`,
		"range over string":     `fmt.Println("go"); for { for _, c := range "abc" { n += int(c) } }`,
		"range over function":   `fmt.Println("go"); for x := range forever { n += x }`,
		"range of its own":      `fmt.Println("go"); for range func(yield func() bool) { for { if n < 0 && !yield() { return } } } { n++ }`,
		"brief loops":           `fmt.Println("go"); for { for i := range 3 { for j := 0; j < 3; j++ { n += i * j } } }`,
		"loop of session's own": `fmt.Println("go"); i := 0; for i = 0; i < 1; i-- { n++ }`,
		"function":              `fmt.Println("go"); spin()`,
		"recursion":             `fmt.Println("go"); deep(40)`,
		"mutual recursion":      `fmt.Println("go"); even(1 << 40)`,
		"recursive literal":     `fmt.Println("go"); var f func(int) int; f = func(k int) int { if k == 0 { return 0 }; return f(k-1) + f(k-1) }; f(60)`,
		"earlier closure":       `fmt.Println("go"); closure()`,
		"method":                `fmt.Println("go"); (&T{}).spin()`,
		"method value":          `f := (&T{}).spin; fmt.Println("go"); f()`,
		"String method":         `fmt.Println("go"); fmt.Sprint(T{}); fmt.Println("on")`,
		"generic function":      `fmt.Println("go"); generic("x")`,
		"goto":                  "fmt.Println(`go`)\nagain:\nn++\ngoto again",
		"init":                  `func init() { fmt.Println("go"); for { n++ } }`,
		"variable":              `var v = func() int { fmt.Println("go"); for { n++ } }()`,
		"main":                  `func main() { fmt.Println("go"); for { n++ } }`,
		"once":                  `fmt.Println("go"); once.Do(func() { for { n++ } })`,
		"OnceFunc":              `fmt.Println("go"); sync.OnceFunc(func() { for { n++ } })()`,
		"deferred":              `fmt.Println("go"); func() { defer func() { for { n++ } }() }()`,
		"deferred in panic":     `fmt.Println("go"); func() { defer func() { for { n++ } }(); panic("x") }()`,
		"deferred in interrupt": `fmt.Println("go"); func() { defer func() { for { n++ } }(); for { n-- } }()`,
		"recovering":            `fmt.Println("go"); for { func() { defer func() { recover() }(); for { n++ } }() }`,
		"panicking":             `fmt.Println("go"); for { func() { defer func() { recover() }(); panic("x") }() }`,
		"nil dereferences":      `fmt.Println("go"); var p *T; for { func() { defer func() { recover() }(); p.a++ }() }`,
		"busy select":           `fmt.Println("go"); for { select { case <-beats: default: } }`,
		"Gosched":               `fmt.Println("go"); for { runtime.Gosched() }`,
		"ticks":                 `fmt.Println("go"); for range time.Tick(time.Microsecond) { n++ }`,
		"polling":               `fmt.Println("go"); for { time.Sleep(time.Millisecond) }`,
		"labels":                `fmt.Println("go"); pprof.Do(context.Background(), pprof.Labels("a", "b"), func(context.Context) { for { n++ } })`,
		"after labels":          `pprof.Do(context.Background(), pprof.Labels("a", "b"), func(context.Context) { }); fmt.Println("go"); for { n++ }`,
		"context":               `fmt.Println("go"); <-nb.Context().Done(); for {}`,
		"signal":                `c := make(chan os.Signal, 1); signal.Notify(c, os.Interrupt); fmt.Println("go"); <-c; for {}`,
	})
	// Goroutines and functions of earlier cells still work.
	if got := must(t, s, `a := <-beats; b := <-beats; b - a`); !strings.Contains(got, "=> 1") {
		t.Errorf("background goroutine: %s", got)
	}
}

func TestInterruptWaiting(t *testing.T) {
	testInterrupt(t, `never := make(chan int)
full := make(chan int, 1)
full <- 1
var mu sync.Mutex
mu.Lock()
var rw sync.RWMutex
rw.Lock()
cond := sync.NewCond(new(sync.Mutex))
cond.L.Lock()
dir, err := os.MkdirTemp("", "")
fifo := filepath.Join(dir, "fifo")
syscall.Mkfifo(fifo, 0o600)
both, err := os.OpenFile(fifo, os.O_RDWR, 0)
mute, err := net.Listen("tcp", "127.0.0.1:0")
silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-never }))
func wait() int { return <-never }`, map[string]string{
		"channel":      `fmt.Println("go"); <-never`,
		"send":         `fmt.Println("go"); full <- 2`,
		"in function":  `fmt.Println("go"); wait()`,
		"select":       `fmt.Println("go"); select {}`,
		"select cases": `fmt.Println("go"); select { case <-never: case full <- 2: }`,
		"nil channel":  `var c chan int; fmt.Println("go"); for range c { }`,
		"sleep":        `fmt.Println("go"); time.Sleep(time.Hour)`,
		"mutex":        `fmt.Println("go"); mu.Lock()`,
		"read lock":    `fmt.Println("go"); rw.RLock()`,
		"condition":    `fmt.Println("go"); cond.Wait()`,
		"group":        `var wg sync.WaitGroup; wg.Add(1); fmt.Println("go"); wg.Wait()`,
		"busy group":   `var wg2 sync.WaitGroup; for range 8 { wg2.Go(func() { for { } }) }; fmt.Println("go"); wg2.Wait()`,
		"errgroup":     `import "golang.org/x/sync/errgroup"; var eg errgroup.Group; eg.Go(func() error { <-never; return nil }); fmt.Println("go"); eg.Wait()`,
		"file":         `fmt.Println("go"); both.Read(make([]byte, 1))`,
		"scanner":      `sc := bufio.NewScanner(both); fmt.Println("go"); sc.Scan()`,
		"open":         `os.Remove(fifo); syscall.Mkfifo(fifo, 0o600); fmt.Println("go"); os.Open(fifo)`,
		"pipe":         `r, w := io.Pipe(); _ = w; fmt.Println("go"); io.ReadAll(r)`,
		"accept":       `idle, err := net.Listen("tcp", "127.0.0.1:0"); fmt.Println("go"); idle.Accept()`,
		"connection":   `conn, err := net.Dial("tcp", mute.Addr().String()); fmt.Println("go"); conn.Read(make([]byte, 1))`,
		"http":         `fmt.Println("go"); http.Get(silent.URL)`,
		"http server":  `fmt.Println("go"); http.ListenAndServe("127.0.0.1:0", nil)`,
	})
}

// TestInterruptSorting stops libraries' loops in the function that they were given.
func TestInterruptSorting(t *testing.T) {
	testInterrupt(t, `xs := make([]uint8, 1<<27)
func fill() { r := uint32(1); for i := range xs { r ^= r << 13; r ^= r >> 17; r ^= r << 5; xs[i] = uint8(r) } }
type bytes8 []uint8
func (b bytes8) Len() int { return len(b) }
func (b bytes8) Less(i, j int) bool { return b[i] < b[j] }
func (b bytes8) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func compare(a, b uint8) int { return int(a) - int(b) }`, map[string]string{
		"sort.Slice":         `fill(); fmt.Println("go"); sort.Slice(xs, func(i, j int) bool { return xs[i] < xs[j] })`,
		"slices.SortFunc":    `fill(); fmt.Println("go"); slices.SortFunc(xs, func(a, b uint8) int { return int(a) - int(b) })`,
		"a function by name": `fill(); fmt.Println("go"); slices.SortFunc(xs, compare)`,
		"sort.Sort":          `fill(); fmt.Println("go"); sort.Sort(bytes8(xs))`,
		"slices.IndexFunc":   `fmt.Println("go"); for { slices.IndexFunc(xs, func(x uint8) bool { return false }) }`,
	})
}

// TestInterruptPrograms: a program that a cell runs gets the signal that it would get from a terminal.
func TestInterruptPrograms(t *testing.T) {
	s := testInterrupt(t, "", map[string]string{
		"run":    `cmd := exec.Command("sh", "-c", "echo go; exec sleep 1000"); cmd.Stdout = os.Stdout; runErr := cmd.Run()`,
		"output": `cmd := exec.Command("sh", "-c", "echo go >&2; sleep 1000; true"); cmd.Stderr = os.Stderr; cmd.Output()`,
	})
	if got := must(t, s, "runErr.Error()"); got != "=> \"signal: interrupt\"\n" {
		t.Errorf("the program's end: %s", got)
	}
}

// TestInterruptRunsDeferredCalls: they run whole, with loops and functions in them, and recover does not see the interrupt.
func TestInterruptRunsDeferredCalls(t *testing.T) {
	s := open(t)
	must(t, s, "log, n := []string{}, 0\nfunc note(s string) { for range 3 { log = append(log, s) } }\nfunc tidy() { for i := range 2000 { n = i }; note(`tidy`) }")
	err := interrupted(t, s, `func work() {
	defer func() { note("outer"); fmt.Println("outer", recover()) }()
	func() {
		defer tidy()
		defer func() { if r := recover(); r != nil { log = append(log, fmt.Sprint(r)) } }()
		fmt.Println("go")
		for { n++ }
	}()
	note("never")
}
work()
note("never")`)
	if err == nil || err.Name != "interrupted" {
		t.Errorf("got %v", err)
	}
	if got := must(t, s, "strings.Join(log, ` `)"); got != "=> \"tidy tidy tidy outer outer outer\"\n" {
		t.Errorf("log is %s", got)
	}
}

// TestInterruptSparesOthers: goroutines of earlier cells go on, also in functions that the interrupted cell runs.
func TestInterruptSparesOthers(t *testing.T) {
	s := open(t)
	must(t, s, `func sum(k int) (s int) { for i := range k { s += i }; return s }
work := func() int { return sum(5000) }
var beats, failures atomic.Int64
go func() {
	defer failures.Add(1)
	for { work(); beats.Add(1) }
}()`)
	for range 5 {
		if err := interrupted(t, s, `fmt.Println("go"); for { work() }`); err == nil || err.Name != "interrupted" {
			t.Fatalf("got %v", err)
		}
		got := must(t, s, `b, late := beats.Load(), time.After(time.Minute)
waiting:
for beats.Load() < b+1000 {
	select {
	case <-late:
		break waiting
	default:
		runtime.Gosched()
	}
}
failures.Load()`)
		if got != "=> 0\n" {
			t.Fatalf("the goroutine of an earlier cell ended: %s", got)
		}
	}
}

// TestInterruptStopsItsGoroutines: what the cell started, and computes, stops with it.
func TestInterruptStopsItsGoroutines(t *testing.T) {
	s := open(t)
	must(t, s, "n := 0\nvar begun sync.WaitGroup\nended := make(chan bool, 8)\nfunc spin() { defer func() { ended <- recover() == nil }(); begun.Done(); for { n++ } }")
	err := interrupted(t, s, `begun.Add(3)
go spin()
go func() { go spin() }()
var wg sync.WaitGroup
wg.Go(spin)
time.AfterFunc(0, func() {})
begun.Wait()
fmt.Println("go")
for { n++ }`)
	if err == nil || err.Name != "interrupted" {
		t.Errorf("got %v", err)
	}
	for range 3 {
		if got := must(t, s, "select { case <-time.After(time.Minute): panic(`not within a minute`); case e := <-ended: fmt.Print(e) }"); got != "true\n" {
			t.Errorf("ended: %s", got)
		}
	}
}

// TestAbandonedCodeStopsWhenItWakes: nothing more is written or printed, and others may run the same code.
func TestAbandonedCodeStopsWhenItWakes(t *testing.T) {
	s := open(t)
	must(t, s, `n, gate := 0, make(chan int)
var left sync.WaitGroup
earlier := func(loop bool) {
	defer left.Done()
	for loop { x := <-gate; n += x }
	x := <-gate
	n = x
	fmt.Println("woke")
}
func get() int { x := <-gate; n = x; return x }
// announce prints "go" as soon as the cell waits.
func announce() {
	go func() {
		buf := make([]byte, 1<<20)
		for {
			for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
				if head, _, _ := strings.Cut(g, "\n"); (strings.Contains(g, "nb.ʼcell(") || strings.Contains(g, "worker/eval.")) && (strings.Contains(head, "[chan receive") || strings.Contains(head, "[select")) {
					fmt.Println("go")
					return
				}
			}
			runtime.Gosched()
		}
	}()
}`)
	for name, code := range map[string]string{
		"closure":         `left.Add(1); announce(); earlier(false); fmt.Println("on")`,
		"loop in closure": `left.Add(1); announce(); earlier(true)`,
		"statements":      `func() { defer left.Done(); left.Add(1); announce(); <-gate; fmt.Println("woke") }(); n = 1`,
		"select":          `func() { defer left.Done(); left.Add(1); announce(); select { case x := <-gate: n = x; fmt.Println("woke") } }()`,
		"function":        `func() { defer left.Done(); left.Add(1); announce(); fmt.Println("woke", get()) }()`,
		"declaration":     `func wait() int { defer left.Done(); return <-gate }; left.Add(1); announce(); n := wait(); fmt.Println("woke")`,
		"last expression": `func wait2() int { defer left.Done(); return <-gate }; left.Add(1); announce(); wait2()`,
	} {
		err := interrupted(t, s, code)
		if err == nil || err.Name != "interrupted" || !strings.Contains(err.Value, "while waiting") {
			t.Errorf("%s: %v", name, err)
		}
		want := "=> 0\n"
		if name == "declaration" { // the statement that waits ends
			want = "=> 5\n"
		}
		if got := must(t, s, "gate <- 5; left.Wait(); n"); got != want {
			t.Errorf("%s: shows %s", name, got)
		}
		must(t, s, "n = 0; left.Add(1); go func() { gate <- 7 }(); go earlier(false); left.Wait()")
		if got := must(t, s, "n"); got != "=> 7\n" {
			t.Errorf("%s: afterwards n is %s", name, got)
		}
		must(t, s, "n = 0")
	}
}

func TestInterruptTwice(t *testing.T) {
	s := open(t)
	must(t, s, "kept := 1")
	s.Interrupt() // of nothing
	for range 3 {
		w := &waiter{word: "go", seen: make(chan struct{})}
		done := make(chan *engine.Error, 1)
		go func() { done <- s.Execute(engine.Request{Code: `fmt.Println("go"); select {}`, Count: 2}, w).Err }()
		<-w.seen
		for range 10 {
			s.Interrupt()
		}
		if err := <-done; err == nil || err.Name != "interrupted" {
			t.Errorf("got %v", err)
		}
		s.Interrupt() // of nothing
		if got := must(t, s, "kept"); got != "=> 1\n" {
			t.Errorf("shows %s", got)
		}
	}
}

// TestInterruptAtAnyMoment interrupts short cells before, while and after they are compiled, loaded and run: each either ends
// well or is interrupted, and the next one is not.
func TestInterruptAtAnyMoment(t *testing.T) {
	s := open(t)
	must(t, s, "n := 0")
	start := time.Now()
	must(t, s, "for range 1000 { n++ }")
	whole := time.Since(start)
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	stopped := 0
	for i := range rounds {
		done := make(chan *engine.Error, 1)
		go func() { done <- s.Execute(engine.Request{Code: "for range 1000 { n++ }", Count: i}, discard{}).Err }()
		timer := time.AfterFunc(whole*time.Duration(i)/time.Duration(rounds), s.Interrupt)
		switch err := <-done; {
		case err == nil:
		case err.Name == "interrupted":
			stopped++
		default:
			t.Fatalf("round %d: %v", i, err)
		}
		timer.Stop()
		must(t, s, "n")
	}
	t.Logf("%d of %d were interrupted", stopped, rounds)
	if stopped == 0 {
		t.Error("no cell was interrupted")
	}
}

func TestUnstoppableCodeLosesTheWorkerOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the worker to be given up")
	}
	s := open(t)
	must(t, s, "x := 1\nfunc f() int { return 4 }\nfunc three() *big.Int { fmt.Println(`go`); return big.NewInt(3) }")
	err := interrupted(t, s, `m := new(big.Int).Lsh(big.NewInt(1), 1<<20)
m.Add(m, big.NewInt(1))
new(big.Int).Exp(three(), m, m)`)
	if err == nil || err.Name != "worker died" || !strings.Contains(err.Value, "did not stop within 5s; lost: the values of x") {
		t.Errorf("got %v", err)
	}
	if got := must(t, s, "f()"); got != "=> 4\n" {
		t.Errorf("f() shows %s", got)
	}
}

func TestInterruptWhileCompilingRunsNothing(t *testing.T) {
	s := open(t)
	must(t, s, "x := 1")
	done := make(chan *engine.Error, 1)
	go func() {
		done <- s.Execute(engine.Request{Code: "x = 2; for {}", Count: 2}, &transcript{}).Err
	}()
	for { // as soon as the cell has begun
		s.mu.Lock()
		begun := s.running != nil
		s.mu.Unlock()
		if begun {
			break
		}
	}
	s.Interrupt()
	if err := <-done; err == nil || err.Name != "interrupted" {
		t.Fatalf("got %v", err)
	}
	if got := must(t, s, "x"); got != "=> 1\n" {
		t.Errorf("x shows %s", got)
	}
}

// TestInterruptTraining stops mlx between two steps: the history so far and the weights are there, and training goes on.
func TestInterruptTraining(t *testing.T) {
	t.Setenv("GOLAB_BACKEND", "go")
	s := open(t)
	must(t, s, `train := mlx.FromDataFrame(datasets.Digits(), "label")
model := mlx.Sequential(mlx.Dense(16, mlx.ReLU), mlx.Dense(10))
first, err := mlx.Fit(model, train, mlx.FitOptions{Quiet: true})`)
	err := interrupted(t, s, `go func() {
	for model.History().Steps == first.Steps {
	}
	fmt.Println("go")
}()
history, err := mlx.Fit(model, train, mlx.FitOptions{Epochs: 1 << 30, Quiet: true})`)
	if err == nil || err.Name != "interrupted" || strings.Contains(err.Value, "waiting") {
		t.Fatalf("got %v", err)
	}
	if got := must(t, s, `history.Steps > 0`); got != "=> true\n" {
		t.Errorf("the history is lost: %s", got)
	}
	if got := must(t, s, `again, err := mlx.Fit(model, train, mlx.FitOptions{Quiet: true}); again.Epoch[0] > 1`); got != "=> true\n" {
		t.Errorf("training does not go on: %s", got)
	}
}
