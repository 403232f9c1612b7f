package layers_test

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx"
	"golab/mlx/internal/gradcheck"
	"golab/mlx/internal/mlxtest"
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

// from starts a layer from states that follow from its input, and gives outputs and final states side by side.
type from struct {
	layers.RecurrentLayer
	states int
}

func (l from) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	first := graph.ReduceSum(x, 1)
	var initial []*graph.Node
	for i := range l.states {
		initial = append(initial, graph.MulScalar(first, float64(i+1)))
	}
	outputs, final := l.ApplyFrom(scope, x, initial...)
	return graph.Concatenate(append(final, graph.Reshape(outputs, x.Shape().Dim(0), -1)), -1)
}

func TestApplyFrom(t *testing.T) {
	checkAll(t, []checked{
		{"lstm", []int{2, 3, 2}, from{layers.LSTM(2).Bidirectional(), 4}},
		{"gru, padded", []int{3, 3, 2}, layers.Stack(pad(3, 2, 1), from{layers.GRU(2), 1})},
	})
	// In two parts it is the same as at once.
	mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
		store, x := model.NewStore(), gradcheck.Noise("x", 2, 5, 3)
		l := layers.LSTM(4).Stacked(2)
		whole := apply(t, b, store, l, x)
		parts := mlx.Func("parts", func(scope *model.Scope, x *graph.Node) *graph.Node {
			_, state := l.ApplyFrom(scope, graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 2)))
			return graph.Squeeze(graph.Slice(first(l.ApplyFrom(scope.Store().Scope("/layer"), graph.Slice(x, graph.AxisRange(), graph.AxisRange(2)), state...)), graph.AxisRange(), graph.AxisRange(2)), 1)
		})
		var want []float64
		for _, v := range whole {
			want = append(want, float64(v))
		}
		near(t, "in parts", apply(t, b, store, parts, gradcheck.Noise("x", 2, 5, 3)), want...)
	})
}

func first(x *graph.Node, _ []*graph.Node) *graph.Node { return x }

// The gradient of a gradient is refused, with the reason.
func TestNoSecondGradient(t *testing.T) {
	b := mlxtest.Use(t, "go")
	_, err := model.MustNewExec(b, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
		once := graph.Gradient(graph.ReduceAllSum(layers.GRU(2).Apply(scope, x)), x)[0]
		return graph.Gradient(graph.ReduceAllSum(once), x)[0]
	}).Call(gradcheck.Noise("x", 2, 3, 2))
	if err == nil || !strings.Contains(err.Error(), "has one, but no second") {
		t.Error(err)
	}
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
