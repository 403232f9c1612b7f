package layers_test

import (
	"testing"

	"golab/mlx"
	"golab/mlx/layers"
)

func TestFLOPs(t *testing.T) {
	for _, c := range []struct {
		layer layers.Layer
		dims  []int
		want  int64
	}{
		{layers.Dense(10), []int{64}, 2 * 64 * 10},
		{layers.Dense(10), []int{5, 64}, 5 * 2 * 64 * 10},
		{layers.Conv2D(8, 3).Same(), []int{28, 28, 4}, 28 * 28 * 8 * 2 * 9 * 4},
		{layers.Conv2D(8, 3).Same().Groups(4), []int{28, 28, 4}, 28 * 28 * 8 * 2 * 9},
		{layers.Conv1D(8, 2).Stride(2), []int{10, 16}, 5 * 8 * 2 * 2 * 16},
		{layers.LSTM(6).Bidirectional(), []int{7, 3}, 2 * 7 * 2 * (3 + 6) * 24},
		{layers.MultiHeadAttention(2), []int{5, 8}, 4*5*2*8*8 + 2*2*5*5*8},
		{layers.Stack(layers.Dense(3), layers.ReLU, layers.Dense(2)), []int{4}, 2*4*3 + 2*3*2},
		{layers.GraphConv(2, layers.NewGraphOfEdges(3, nil)), []int{3, 4}, 2*3*4*2 + 2*3*3*2},
		{layers.GraphNodes([][]float32{{1, 2}, {3, 4}}, layers.Dense(3)), []int{1}, 2 * 2 * 2 * 3},
	} {
		m := mlx.Sequential(c.layer)
		if err := m.Build(c.dims...); err != nil {
			t.Fatal(err)
		}
		if s := m.Summary(); s.FLOPs != c.want || s.Layers[0].FLOPs != c.want {
			t.Errorf("%s of %v: %d, want %d", c.layer.Kind(), c.dims, s.FLOPs, c.want)
		}
	}
}
