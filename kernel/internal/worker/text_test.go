package worker

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type plain struct {
	A    int
	When time.Time
	Err  error
	Any  any
}

type ring struct {
	Name string
	Next *ring
	All  []*ring
	M    map[string]any
}

type hidden struct {
	A int
	b int
}

type ptrString struct{ n int }

func (p *ptrString) String() string { return fmt.Sprint("#", p.n) }

type recursive map[string]recursive

// TestText checks texts that have no easy cell; testdata/display.txtar of package session has the others.
func TestText(t *testing.T) {
	r := &ring{Name: "r"}
	r.Next, r.All, r.M = r, []*ring{r}, map[string]any{"r": r}
	r.M["m"] = r.M
	rec := recursive{}
	rec["self"] = rec
	var any1 any
	any1 = &any1
	long := make([]string, 3)
	for i := range long {
		long[i] = strings.Repeat("x", 60)
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{plain{1, time.Unix(0, 0).UTC(), errors.New("bad"), &ptrString{4}}, "worker.plain{A: 1, When: 1970-01-01 00:00:00 +0000 UTC, Err: bad, Any: #4}"},
		{map[ptrString]ptrString{{1}: {2}}, "map[worker.ptrString]worker.ptrString{#1: #2}"},
		{[]any{ptrString{1}, (*ptrString)(nil)}, "[]any{#1, nil}"},
		{r, "&worker.ring{Name: \"r\", Next: …, All: {…}, M: {\"m\": …, \"r\": …}}"},
		{[]hidden{{1, 2}}, "[]worker.hidden{{A: 1, …}}"},
		{struct{ a, B int }{1, 2}, "{a: 1, B: 2}"},
		{&sync.Mutex{}, "&sync.Mutex{…}"},
		{struct {
			N *atomic.Int64
			B atomic.Bool
		}{N: &atomic.Int64{}}, "{N: &0, B: false}"},
		{rec, "worker.recursive{\"self\": …}"},
		{any1, "&…"},
		{map[float64]int{math.NaN(): 1, 2: 2, -1: 3}, "map[float64]int{NaN: 1, -1: 3, 2: 2}"},
		{map[bool]int{true: 1, false: 0}, "map[bool]int{false: 0, true: 1}"},
		{map[[2]int]int{{2, 1}: 1, {1, 2}: 2}, "map[[2]int]int{{1, 2}: 2, {2, 1}: 1}"},
		{map[string]int(nil), "map[string]int(nil)"},
		{(func())(nil), "nil"},
		{long, "[]string{\n    \"" + long[0] + "\",\n    \"" + long[0] + "\",\n    \"" + long[0] + "\",\n}"},
		{[][]int{{1, 200}, {-30, 4}}, "[][]int{{1, 200}, {-30, 4}}"},
		{map[string][][]int{strings.Repeat("k", 90): {{1, 200}, {-30, 4}}}, "map[string][][]int{\n    \"" + strings.Repeat("k", 90) + "\": {\n        {  1, 200},\n        {-30,   4},\n    },\n}"},
		{struct{ _, A int }{0, 1}, "{A: 1}"},
		{[]byte("\xff\xfe"), "[]uint8{255, 254}"},
		{uintptr(7), "7"},
	} {
		if got := text(c.v); got != c.want {
			t.Errorf("shows\n%s\nwant\n%s", got, c.want)
		}
	}
}

// TestTime checks that the reading of the monotonic clock, of which nobody knows what it means, is not shown.
func TestTime(t *testing.T) {
	now := time.Now()
	for _, v := range []any{now, &now, []time.Time{now}} {
		if got := text(v); strings.Contains(got, "m=") || !strings.Contains(got, now.Format("15:04:05")) {
			t.Errorf("shows %s", got)
		}
	}
}

// TestTextIsShort checks that values of any size have short texts: lists of lists of lists, long strings, large maps.
func TestTextIsShort(t *testing.T) {
	deep := any("leaf")
	for range 200_000 {
		deep = []any{deep, deep}
	}
	wide := make([][][]int, 200)
	for i := range wide {
		wide[i] = make([][]int, 200)
		for j := range wide[i] {
			wide[i][j] = make([]int, 200)
		}
	}
	big := map[int]string{}
	for i := range 300_000 {
		big[i] = strings.Repeat("v", 50)
	}
	for i, v := range []any{deep, wide, big, strings.Repeat("ab\n", 1<<20), []string{strings.Repeat("ü", 1<<20)}, make([]byte, 1<<20), []byte(strings.Repeat("t", 1<<20)), map[any]any{deep2(12): 1}} {
		if got := text(v); len(got) > 2*maxText {
			t.Errorf("value %d has a text of %d bytes", i, len(got))
		}
	}
}

func deep2(n int) any {
	if n == 0 {
		return 1
	}
	return [2]any{deep2(n - 1), deep2(n - 1)}
}
