package session

import (
	"strings"
	"testing"

	"golab/kernel/internal/cell"
)

// TestNoinline checks that the compiler sees //go:noinline above a function, also where a later cell repeats it.
func TestNoinline(t *testing.T) {
	s := open(t)
	must(t, s, "//go:noinline\nfunc slow(a int) int { return a }\n\ntype T int\n\n// M says.\n//\n//go:noinline\nfunc (t T) M() int { return 1 }")
	prog, err := s.build(&cell.Source{Name: "cell[2]", Gen: s.gen + 1, Text: "slow(int(T(1).M()))"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, text := range prog.Files {
		n += strings.Count(text, "\n//go:noinline\n/*line")
	}
	if n != 2 {
		t.Errorf("the generation has %d //go:noinline", n)
	}
}
