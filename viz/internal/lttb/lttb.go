// Package lttb thins out a line so that it looks the same: largest triangle three buckets (Steinarsson, 2013).
package lttb

import "math"

// Indices chooses n of the points (x, y), the first and the last among them. Points whose y is NaN or infinite count as
// lying on the line between their neighbours, so that they go first. With n below 3 or not below len(y) it chooses all.
func Indices(x, y []float64, n int) []int {
	if n < 3 || n >= len(y) {
		all := make([]int, len(y))
		for i := range all {
			all[i] = i
		}
		return all
	}
	chosen := make([]int, 0, n)
	chosen = append(chosen, 0)
	every := float64(len(y)-2) / float64(n-2)
	last := 0
	for b := range n - 2 {
		from, to := int(float64(b)*every)+1, int(float64(b+1)*every)+1
		// The third corner is the mean of the next bucket.
		end := min(int(float64(b+2)*every)+1, len(y))
		var mx, my, k float64
		for i := to; i < end; i++ {
			if !math.IsNaN(y[i]) && !math.IsInf(y[i], 0) {
				mx, my, k = mx+x[i], my+y[i], k+1
			}
		}
		if k > 0 {
			mx, my = mx/k, my/k
		} else {
			mx, my = x[to], 0
		}
		best, area := from, -1.0
		ly := y[last]
		if math.IsNaN(ly) || math.IsInf(ly, 0) {
			ly = my
		}
		for i := from; i < to; i++ {
			a := math.Abs((x[last]-mx)*(y[i]-ly) - (x[last]-x[i])*(my-ly))
			if a > area { // false for NaN
				best, area = i, a
			}
		}
		chosen = append(chosen, best)
		last = best
	}
	return append(chosen, len(y)-1)
}
