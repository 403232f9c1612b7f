package session

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"golab/kernel/internal/build"
	"golab/kernel/internal/engine"
)

func TestComplete(t *testing.T) {
	s := open(t)
	must(t, s, "type Point struct{ X, Y int }\nfunc (p Point) Norm() int { return p.X + p.Y }\npt := Point{1, 2}")
	code := "z := pt."
	c := s.Complete(code, len(code))
	if !slices.Equal(c.Matches, []string{"Norm", "X", "Y"}) || !slices.Equal(c.Types, []string{"method", "property", "property"}) ||
		c.Start != len(code) || c.End != len(code) {
		t.Errorf("got %+v", c)
	}
	if c := s.Complete("no.such", 100); len(c.Matches) > 0 {
		t.Errorf("got %+v", c)
	}
	// A cell that fails half-way, and one that does not compile, are looked at as they are.
	runCell(s, 2, "early := pt\npanic(1)\nnever := 1")
	runCell(s, 3, "early := 1 + ")
	if c := s.Complete("early.", 6); len(c.Matches) != 3 {
		t.Errorf("got %+v", c)
	}
	if c := s.Complete("never", 5); len(c.Matches) != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestInspect(t *testing.T) {
	s := open(t)
	must(t, s, "pt := []int{1}")
	b := s.Inspect("len(pt)", 5, 0)
	if b["text/plain"] != "var pt []int\n\n= []int{1}  (1 item)\n\nvariable of cell[1]" || b["text/markdown"] != "```go\nvar pt []int\n```\n\n```go\n= []int{1}  (1 item)\n```\n\n*variable of cell[1]*" {
		t.Errorf("got %q", b)
	}
	if b := s.Inspect("fmt.Println", 6, 0); !strings.Contains(b["text/plain"].(string), "Println formats using the default formats") {
		t.Errorf("got %q", b)
	}
	if b := s.Inspect("nothing", 3, 0); b != nil {
		t.Errorf("got %q", b)
	}
}

// TestCompleteAtAnyTime completes and inspects without pause while cells are checked, run and become part of the session;
// the race detector looks on.
func TestCompleteAtAnyTime(t *testing.T) {
	s := open(t)
	must(t, s, "type P struct{ X int }\nfunc (p P) M() int { return p.X }\nv := P{1}")
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if c := s.Complete("v.", 2); !slices.Contains(c.Matches, "X") {
					t.Errorf("got %v", c)
					return
				}
				s.Complete("http.", 5)
				s.Inspect("strings.NewReader", 9, 0)
			}
		})
	}
	for i, code := range []string{"v.X++", "func (p P) M() int { return -p.X }", "type P struct{ X, Y int }\nv := P{1, 2}", "w := http.Client{}", "x :=", "x := v.M()", "delete(map[int]int{}, x)"} {
		s.Execute(engine.Request{Code: code, Count: i + 2}, discard{})
	}
	close(done)
	wg.Wait()
	// While a cell runs, and before there is a base.
	w := &waiter{word: "go", seen: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		s.Execute(engine.Request{Code: `fmt.Println("go"); for {}`, Count: 20}, w)
		close(ended)
	}()
	<-w.seen
	if c := s.Complete("v.", 2); len(c.Matches) != 3 {
		t.Errorf("got %v", c)
	}
	s.Interrupt()
	<-ended

	young, err := New(Options{Open: func(ctx context.Context, _ func(string)) (*build.Base, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c := young.Complete("f", 1); c.Start != 1 || c.End != 1 {
		t.Errorf("got %v", c)
	}
	young.Inspect("f", 1, 0)
	young.Close()
}
