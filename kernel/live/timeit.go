package live

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// timeitTarget is how long one run of Timeit takes at least when it chooses the number of loops itself, as Python's timeit does.
const timeitTarget = 200 * time.Millisecond

// Timeit measures loop, which runs the code of a `%timeit` the given number of times, and prints what came out: time and
// allocations of one pass, from a number of runs of equally many loops each. loops 0 has it choose.
func Timeit(loops, runs int, loop func(n int)) {
	measure := func(n int) time.Duration {
		start := time.Now()
		loop(n)
		return time.Since(start)
	}
	if loops == 0 {
	choose:
		for power := 1; ; power *= 10 {
			for _, digit := range []int{1, 2, 5} {
				loops = power * digit
				if measure(loops) >= timeitTarget || loops >= 1e9 {
					break choose
				}
			}
		}
	}
	var before, after runtime.MemStats
	var sum, squares float64
	best := math.Inf(1)
	runtime.ReadMemStats(&before)
	for range runs {
		t := float64(measure(loops)) / float64(loops)
		sum += t
		squares += t * t
		best = min(best, t)
	}
	runtime.ReadMemStats(&after)
	mean := sum / float64(runs)
	deviation := math.Sqrt(max(0, squares/float64(runs)-mean*mean))
	total := uint64(runs) * uint64(loops)
	fmt.Printf("%s ± %s per loop (mean ± std. dev. of %s, %s each), best %s; %d B and %d allocs per loop\n",
		nanoseconds(mean), nanoseconds(deviation), count(runs, "run"), count(loops, "loop"), nanoseconds(best),
		(after.TotalAlloc-before.TotalAlloc)/total, (after.Mallocs-before.Mallocs)/total)
}

// nanoseconds writes a time with three digits.
func nanoseconds(ns float64) string {
	units := []string{"ns", "µs", "ms", "s"}
	u := 0
	for ns >= 999.5 && u < len(units)-1 {
		ns /= 1000
		u++
	}
	digits := 0
	if ns > 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(ns))))
	}
	return strconv.FormatFloat(ns, 'f', min(digits, 3), 64) + " " + units[u]
}

// count writes a number with its noun, digits in groups.
func count(n int, noun string) string {
	s := strconv.Itoa(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	b.WriteString(" " + noun)
	if n != 1 {
		b.WriteByte('s')
	}
	return b.String()
}

// Keep makes the compiler compute x, which nothing else needs.
//
//go:noinline
func Keep[T any](x T) { _ = x }
