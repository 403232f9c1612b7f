package layers

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// RecurrentLayer goes over a sequence step by step with a state, made by [LSTM], [GRU] or [SimpleRNN]. Its methods give changed copies:
//
//	layers.LSTM(256).Bidirectional().Stacked(2).Dropout(0.5)
//
// It gives the output after the last step, [batch, units], or with Sequences those of all steps. Steps that are padding (see
// [EmbeddingLayer.Padding], [Masking]) are passed over, whatever the direction: the state stays, and their outputs are 0, as with
// PyTorch's packed sequences.
//
// Variables, in layer_1/forward, layer_1/backward, layer_2/forward, …: weights [features, gates·units], drawn as by Glorot and Bengio
// (2010); recurrent_weights [units, gates·units], orthogonal gate by gate (Saxe et al. 2013, https://arxiv.org/abs/1312.6120); bias
// [gates·units], 0 at first. The gates are in PyTorch's order, whose matrices are the transposes of these.
type RecurrentLayer struct {
	kind          string
	cell          cell
	units         int
	bidirectional bool
	stacked       int
	sequences     bool
	dropout       float64
}

// LSTM is long short-term memory: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate
// of Gers et al. (2000). [batch, steps, features] becomes [batch, units].
//
// The gates are input, forget, cell, output. PyTorch's two biases are added up in one here; that of the forget gate is 1 at first, as
// Jozefowicz et al. (2015) advise and Keras does.
func LSTM(units int) RecurrentLayer {
	return RecurrentLayer{kind: "lstm", cell: lstmCell{}, units: units, stacked: 1}
}

// GRU has gates, but no second state: Cho et al. (2014), https://arxiv.org/abs/1406.1078, in the form of PyTorch and of Keras's
// reset_after. [batch, steps, features] becomes [batch, units].
//
// The gates are reset, update, new. Bias is the sum of PyTorch's two for the first two gates, and the first of them for the last;
// a further variable, recurrent_bias [units], is the other.
func GRU(units int) RecurrentLayer {
	return RecurrentLayer{kind: "gru", cell: gruCell{}, units: units, stacked: 1}
}

// SimpleRNN is h ← tanh(x·weights + h·recurrent_weights + bias): Elman (1990), https://doi.org/10.1207/s15516709cog1402_1.
// [batch, steps, features] becomes [batch, units].
func SimpleRNN(units int) RecurrentLayer {
	return RecurrentLayer{kind: "simple_rnn", cell: rnnCell{}, units: units, stacked: 1}
}

// Bidirectional goes over the sequence in both directions, with weights of their own, and puts both outputs side by side:
// [batch, 2·units]. The output after the last step of the second direction is that of the first step of the sequence. Schuster and
// Paliwal (1997).
func (l RecurrentLayer) Bidirectional() RecurrentLayer { l.bidirectional = true; return l }

// Stacked is that many layers, each going over the outputs of the one before.
func (l RecurrentLayer) Stacked(layers int) RecurrentLayer { l.stacked = layers; return l }

// Sequences gives the outputs of all steps, [batch, steps, units].
func (l RecurrentLayer) Sequences() RecurrentLayer { l.sequences = true; return l }

// Dropout drops outputs between stacked layers, as PyTorch does; see [Dropout].
func (l RecurrentLayer) Dropout(rate float64) RecurrentLayer { l.dropout = rate; return l }

// Kind is the layer's name, such as "lstm".
func (l RecurrentLayer) Kind() string { return l.kind }

// PerExample says that it treats every example by itself.
func (l RecurrentLayer) PerExample() bool { return true }

// Apply builds it.
func (l RecurrentLayer) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	outputs, final := l.ApplyFrom(scope, x)
	if l.sequences {
		return outputs
	}
	last := final[len(final)-l.cell.states()]
	if l.bidirectional {
		last = graph.Concatenate([]*graph.Node{final[len(final)-2*l.cell.states()], last}, -1)
	}
	return last
}

// ApplyFrom builds it from given states on, such as those that an encoder ended with, and gives the outputs of all steps,
// [batch, steps, units], and the states after them. States are [batch, units]: of an LSTM its output and its cell's state, of the
// others the output; those of the first layer come first, and of a layer those of the direction forward. Without any it starts from 0.
func (l RecurrentLayer) ApplyFrom(scope *model.Scope, x *graph.Node, initial ...*graph.Node) (outputs *graph.Node, final []*graph.Node) {
	if l.units < 1 || l.stacked < 1 {
		panic(fmt.Errorf("it has %d units in %d layers; it needs 1 or more", l.units, l.stacked))
	}
	steps(x)
	runs := l.stacked
	if l.bidirectional {
		runs *= 2
	}
	batch, n := x.Shape().Dim(0), l.cell.states()
	if initial == nil {
		for range runs * n {
			initial = append(initial, zerosOf(x.Graph(), batch, l.units))
		}
	}
	if len(initial) != runs*n {
		panic(fmt.Errorf("it is given %d states to start from; it takes %d", len(initial), runs*n))
	}
	for _, s := range initial {
		if !slices.Equal(s.Shape().Dimensions, []int{batch, l.units}) {
			panic(fmt.Errorf("it is given a state of shape %v to start from; it takes %v", s.Shape().Dimensions, []int{batch, l.units}))
		}
	}
	mask := Mask(x)
	var real *graph.Node // [steps, batch, 1]
	if mask != nil {
		real = graph.ExpandAxes(graph.ConvertDType(graph.Transpose(mask, 0, 1), x.DType()), -1)
	}
	x = graph.TransposeAllAxes(x, 1, 0, 2)
	run := func(scope *model.Scope, backwards bool) *graph.Node {
		outputs, last := l.direction(scope, x, real, initial[:n], backwards)
		initial, final = initial[n:], append(final, last...)
		return outputs
	}
	for i := range l.stacked {
		in := scope.In("layer_%d", i+1)
		if i > 0 {
			x = Dropout(l.dropout).Apply(in, x)
		}
		y := run(in.In("forward"), false)
		if l.bidirectional {
			y = graph.Concatenate([]*graph.Node{y, run(in.In("backward"), true)}, -1)
		}
		x = y
	}
	return WithMask(onlyReal(graph.TransposeAllAxes(x, 1, 0, 2), mask), mask), final
}

// direction goes over x, [steps, batch, features], once, and gives the outputs of all steps, [steps, batch, units], and the last states.
func (l RecurrentLayer) direction(scope *model.Scope, x, mask *graph.Node, initial []*graph.Node, backwards bool) (outputs *graph.Node, final []*graph.Node) {
	g, features, columns := x.Graph(), x.Shape().Dim(-1), l.cell.blocks()*l.units
	weights := weight(scope, "weights", glorot(features, columns), features, columns).NodeValue(g)
	bias := weight(scope, "bias", l.bias, columns).NodeValue(g)
	s := &scan{cell: l.cell, backwards: backwards, mask: mask, initial: initial}
	s.weights = weight(scope, "recurrent_weights", orthogonal(l.units, l.cell.blocks()), l.units, columns).NodeValue(g)
	for _, name := range l.cell.extras() {
		s.extra = append(s.extra, weight(scope, name, zeros, l.units).NodeValue(g))
	}
	steps, batch := x.Shape().Dim(0), x.Shape().Dim(1)
	count(g, steps, batch, features+l.units, columns)
	z := graph.Add(graph.MatMul(graph.Reshape(x, steps*batch, features), weights), graph.ExpandAxes(bias, 0))
	s.z = graph.Reshape(z, steps, batch, columns)
	s.run()
	return s.outputs, s.final
}

// bias is 0, but 1 for the forget gate of an LSTM.
func (l RecurrentLayer) bias(_ draws, values []float32) {
	if l.kind == "lstm" {
		ones(draws{}, values[l.units:2*l.units])
	}
}

// orthogonal draws, for each of some blocks, a matrix of size × size whose rows are orthonormal, by Gram and Schmidt's method from
// normal numbers; the blocks are side by side. Saxe et al. (2013), https://arxiv.org/abs/1312.6120.
func orthogonal(size, blocks int) func(draws, []float32) {
	return func(d draws, values []float32) {
		for b := range blocks {
			rows := make([][]float64, size)
			for i := range rows {
				row := make([]float64, size)
				for j := range row {
					row[j] = random.Normal(d.rng)
				}
				for _, before := range rows[:i] {
					p := dot(row, before)
					for j := range row {
						row[j] -= p * before[j]
					}
				}
				length := math.Sqrt(dot(row, row))
				for j := range row {
					row[j] /= length
					values[i*size*blocks+b*size+j] = float32(row[j])
				}
				rows[i] = row
			}
		}
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
