package layers

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// Sequences of different lengths are padded to one. Which steps are real is known where the padding is: [EmbeddingLayer.Padding]
// and [Masking] record it, and layers that mix steps (recurrent ones, attention, global pooling) look it up, as in Keras. What lies
// between keeps it as long as it keeps the number of steps.

// masks is the key of a graph's masks, map[*graph.Node]*graph.Node: what was recorded of a node, nil for "none".
type masks struct{}

// WithMask records which steps of x, [batch, steps, …], are real: mask is [batch, steps] of booleans, or nil for all of them. It
// returns x. Layers that are given x or what follows from it don't look at the others.
func WithMask(x, mask *graph.Node) *graph.Node {
	g := x.Graph()
	all, _ := g.State(masks{}).(map[*graph.Node]*graph.Node)
	if all == nil {
		all = map[*graph.Node]*graph.Node{}
		g.AttachState(masks{}, all)
	}
	if mask != nil && (mask.DType() != dtypes.Bool || mask.Rank() != 2 || x.Rank() < 2 || mask.Shape().Dim(0) != x.Shape().Dim(0) || mask.Shape().Dim(1) != x.Shape().Dim(1)) {
		panic(fmt.Errorf("a mask of shape %s for %s; it must be booleans of shape [batch, steps]", mask.Shape(), shape.Of(x)))
	}
	all[x] = mask
	return x
}

// Mask is which steps of x, [batch, steps, …], are real: booleans of shape [batch, steps], or nil if all are. It is what was
// recorded of x or of the nearest node that x is computed from and that has as many steps.
func Mask(x *graph.Node) *graph.Node {
	all, _ := x.Graph().State(masks{}).(map[*graph.Node]*graph.Node)
	if len(all) == 0 || x.Rank() < 2 {
		return nil
	}
	seen := map[*graph.Node]bool{x: true}
	for next := []*graph.Node{x}; len(next) > 0; next = next[1:] {
		n := next[0]
		if mask, ok := all[n]; ok && n.Rank() >= 2 && n.Shape().Dim(0) == x.Shape().Dim(0) && n.Shape().Dim(1) == x.Shape().Dim(1) {
			return mask
		}
		for _, in := range n.Inputs() {
			if !seen[in] {
				seen[in] = true
				next = append(next, in)
			}
		}
	}
	return nil
}

// LengthMask is the mask of sequences of some lengths, [batch] of numbers, padded at the end to a number of steps: booleans of shape
// [batch, steps].
func LengthMask(lengths *graph.Node, steps int) *graph.Node {
	if lengths.Rank() != 1 {
		panic(fmt.Errorf("lengths of shape %v; they must be [batch]", lengths.Shape().Dimensions))
	}
	s := shapes.Make(lengths.DType(), lengths.Shape().Dim(0), steps)
	return graph.LessThan(graph.Iota(lengths.Graph(), s, 1), graph.BroadcastToDims(graph.ExpandAxes(lengths, -1), s.Dimensions...))
}

// Masking takes the steps of [batch, steps, features] whose features all equal value for padding: it sets them to 0, and layers that
// follow don't look at them. It is Keras's Masking. For token ids see [EmbeddingLayer.Padding].
func Masking(value float64) Layer { return masking{value} }

type masking struct{ value float64 }

func (masking) Kind() string { return "masking" }

func (masking) PerExample() bool { return true }

func (l masking) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	steps(x)
	differs := graph.ConvertDType(graph.NotEqual(x, graph.Scalar(x.Graph(), x.DType(), l.value)), x.DType())
	mask := graph.GreaterThan(graph.ReduceSum(differs, -1), graph.ScalarZero(x.Graph(), x.DType()))
	return WithMask(onlyReal(x, mask), mask)
}

// onlyReal sets the steps of x, [batch, steps, features], that aren't real to 0.
func onlyReal(x, mask *graph.Node) *graph.Node {
	if mask == nil {
		return x
	}
	return graph.Where(graph.BroadcastToDims(graph.ExpandAxes(mask, -1), x.Shape().Dimensions...), x, graph.ZerosLike(x))
}

// steps checks that x is [batch, steps, features].
func steps(x *graph.Node) {
	if x.Rank() != 3 {
		panic(fmt.Errorf("it takes [batch, steps, features], not %s", shape.Of(x)))
	}
}
