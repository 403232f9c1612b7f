package lttb

import (
	"math"
	"slices"
	"testing"
)

func line(n int) (x, y []float64) {
	for i := range n {
		x = append(x, float64(i))
		y = append(y, math.Sin(float64(i)/100))
	}
	return x, y
}

func TestIndices(t *testing.T) {
	x, y := line(10_000)
	y[7777] = 50 // a peak that must not be lost
	at := Indices(x, y, 200)
	if len(at) != 200 || at[0] != 0 || at[199] != 9999 || !slices.IsSorted(at) || !slices.Contains(at, 7777) {
		t.Errorf("%d indices: %v", len(at), at)
	}
	for n := range 12 {
		want := 10
		if n >= 3 && n < 10 {
			want = n
		}
		if got := len(Indices(x[:10], y[:10], n)); got != want {
			t.Errorf("%d of 10: %d", n, got)
		}
	}
	if got := Indices(nil, nil, 5); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestMissing(t *testing.T) {
	x, y := line(1000)
	for i := range y {
		if i%3 != 1 {
			y[i] = math.NaN()
		}
	}
	y[500] = math.Inf(1)
	shown := 0
	for _, i := range Indices(x, y, 100) {
		if !math.IsNaN(y[i]) {
			shown++
		}
	}
	if shown < 95 {
		t.Errorf("%d of 100 chosen points are there", shown)
	}
	for i := range y {
		y[i] = math.NaN()
	}
	if got := len(Indices(x, y, 100)); got != 100 {
		t.Errorf("%d of nothing but NaN", got)
	}
}

func BenchmarkIndices(b *testing.B) {
	x, y := line(1_000_000)
	for b.Loop() {
		Indices(x, y, 1000)
	}
}
