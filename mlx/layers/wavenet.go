package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// GatedConv1D is the block of WaveNet: a causal convolution of units filters of a size, with gates, and a residual connection:
// x + output(tanh(filter(x))·σ(gate(x))), output being a convolution of size 1. [batch, steps, channels] stays so; no step depends on
// later ones, and each on (size-1)·dilation before. Van den Oord et al. (2016), https://arxiv.org/abs/1609.03499.
//
// Variables: those of [Conv1D] in gates, [size, channels, 2·units], the filters of tanh before those of σ, and in output, [1, units,
// channels].
func GatedConv1D(units, size, dilation int) Layer {
	return waveNet{"gated_conv1d", units, size, []int{dilation}}
}

// WaveNet is a stack of the blocks of [GatedConv1D], one for each dilation, and gives the sum of what they contribute: [batch,
// steps, channels] becomes [batch, steps, units]. Each block adds to it skip(tanh(filter)·σ(gate)), skip being a convolution of size 1.
// With dilations 1, 2, 4, …, 2ⁿ⁻¹ and size 2, a step depends on 2ⁿ-1 before. Van den Oord et al. (2016),
// https://arxiv.org/abs/1609.03499.
//
// Variables: in block_1 and so on those of [GatedConv1D], and of [Conv1D] in skip, [1, units, units].
func WaveNet(units, size int, dilations ...int) Layer {
	return waveNet{"wavenet", units, size, dilations}
}

type waveNet struct {
	kind        string
	units, size int
	dilations   []int
}

func (l waveNet) Kind() string { return l.kind }

func (waveNet) PerExample() bool { return true }

func (l waveNet) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	steps(x)
	if l.units < 1 || len(l.dilations) == 0 {
		panic(fmt.Errorf("it has %d units and %d dilations; it needs 1 or more", l.units, len(l.dilations)))
	}
	if l.kind == "gated_conv1d" {
		return graph.Add(x, l.output(scope, l.gated(scope, x, l.dilations[0]), x))
	}
	var sum *graph.Node
	for i, d := range l.dilations {
		block := scope.In("block_%d", i+1)
		z := l.gated(block, x, d)
		skip := Conv1D(l.units, 1).Apply(block.In("skip"), z)
		if sum == nil {
			sum = skip
		} else {
			sum = graph.Add(sum, skip)
		}
		if i < len(l.dilations)-1 { // what the last one would pass on goes nowhere
			x = graph.Add(x, l.output(block, z, x))
		}
	}
	return sum
}

// gated is tanh(filter(x))·σ(gate(x)).
func (l waveNet) gated(scope *model.Scope, x *graph.Node, dilation int) *graph.Node {
	z := graph.Split(Conv1D(2*l.units, l.size).Dilation(dilation).Causal().Apply(scope.In("gates"), x), -1, 2)
	return graph.Mul(graph.Tanh(z[0]), graph.Sigmoid(z[1]))
}

func (l waveNet) output(scope *model.Scope, z, x *graph.Node) *graph.Node {
	return Conv1D(x.Shape().Dim(-1), 1).Apply(scope.In("output"), z)
}
