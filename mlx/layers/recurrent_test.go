package layers_test

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/layers"
)

func TestRecurrentGradients(t *testing.T) {
	checkAll(t, []checked{
		{"lstm", []int{2, 3, 2}, layers.LSTM(3)},
		{"lstm, all steps", []int{2, 3, 2}, layers.LSTM(2).Sequences()},
		{"lstm of one step", []int{2, 1, 2}, layers.LSTM(2)},
		{"gru", []int{2, 3, 2}, layers.GRU(3)},
		{"simple rnn", []int{2, 3, 2}, layers.SimpleRNN(3).Sequences()},
		{"stacked in both directions", []int{2, 3, 2}, layers.LSTM(2).Bidirectional().Stacked(2)},
		{"gru in both directions", []int{2, 3, 2}, layers.GRU(2).Bidirectional().Sequences()},
		{"padded", []int{3, 4, 2}, layers.Stack(pad(4, 2, 1), layers.LSTM(2).Bidirectional().Sequences())},
		{"padded gru", []int{3, 4, 2}, layers.Stack(pad(4, 2, 1), layers.GRU(2).Bidirectional())},
	})
}

// padding marks steps of an input as padding: example i keeps lengths[i] of them.
type padding []int

func pad(lengths ...int) layers.Layer { return padding(lengths) }

func (padding) Kind() string { return "padding" }

func (p padding) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	mask := make([][]bool, len(p))
	for i, n := range p {
		mask[i] = make([]bool, x.Shape().Dim(1))
		for t := range n {
			mask[i][t] = true
		}
	}
	return layers.WithMask(x, graph.Const(x.Graph(), mask))
}
