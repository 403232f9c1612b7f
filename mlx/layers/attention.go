package layers

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// AttentionLayer is multi-head attention, made by [MultiHeadAttention]. Its methods give changed copies:
//
//	layers.MultiHeadAttention(8).Causal()
type AttentionLayer struct {
	heads, width int // width of a head; 0: features/heads
	causal       bool
	dropout      float64
}

// MultiHeadAttention lets every step look at all steps: [batch, steps, features] stays so. Vaswani et al. (2017),
// https://arxiv.org/abs/1706.03762; PyTorch's MultiheadAttention with batch_first. heads must divide the features, unless
// [AttentionLayer.HeadWidth] says otherwise. Steps that are padding aren't looked at, if it is known (see [EmbeddingLayer.Padding]).
//
// Variables: query/weights, key/weights, value/weights [features, heads·width], output/weights [heads·width, features], drawn as by
// Glorot and Bengio (2010), and a bias for each, 0 at first. PyTorch's in_proj_weight is the transposes of the first three, one below the other.
func MultiHeadAttention(heads int) AttentionLayer { return AttentionLayer{heads: heads} }

// Causal lets a step look at itself and those before only.
func (l AttentionLayer) Causal() AttentionLayer { l.causal = true; return l }

// HeadWidth gives each head so many numbers for query, key and value, Keras's key_dim; otherwise they share the features.
func (l AttentionLayer) HeadWidth(width int) AttentionLayer { l.width = width; return l }

// Dropout drops, while training, some of what steps look at; see [Dropout].
func (l AttentionLayer) Dropout(rate float64) AttentionLayer { l.dropout = rate; return l }

// Kind is "multi_head_attention".
func (l AttentionLayer) Kind() string { return "multi_head_attention" }

// PerExample says that it treats every example by itself.
func (l AttentionLayer) PerExample() bool { return true }

// Apply builds self-attention.
func (l AttentionLayer) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	return l.ApplyTo(scope, x, x)
}

// ApplyTo builds cross-attention: the steps of x, [batch, steps, features], look at those of memory, [batch, steps', features'].
func (l AttentionLayer) ApplyTo(scope *model.Scope, x, memory *graph.Node) *graph.Node {
	steps(x)
	if memory.Rank() != 3 || memory.Shape().Dim(0) != x.Shape().Dim(0) {
		panic(fmt.Errorf("it looks at %s; it takes [batch, steps, features], of the same examples", memory.Shape()))
	}
	features, width := x.Shape().Dim(2), l.width
	switch {
	case l.heads < 1 || width < 0:
		panic(fmt.Errorf("it has %d heads of width %d; it needs 1 or more", l.heads, width))
	case width == 0 && features%l.heads != 0:
		panic(fmt.Errorf("its %d heads must divide the features, %d of %s", l.heads, features, shape.Of(x)))
	case width == 0:
		width = features / l.heads
	}
	projected := func(name string, x *graph.Node) *graph.Node {
		y := Dense(l.heads*width).Apply(scope.In("%s", name), x)
		return graph.TransposeAllAxes(graph.Reshape(y, y.Shape().Dim(0), y.Shape().Dim(1), l.heads, width), 0, 2, 1, 3)
	}
	q, k, v := projected("query", x), projected("key", memory), projected("value", memory)
	allowed := Mask(memory)
	if allowed != nil {
		allowed = graph.Reshape(allowed, allowed.Shape().Dim(0), 1, 1, allowed.Shape().Dim(1))
	}
	if l.causal {
		before := CausalMask(x.Graph(), q.Shape().Dim(2), k.Shape().Dim(2))
		if allowed == nil {
			allowed = before
		} else {
			dims := []int{x.Shape().Dim(0), 1, q.Shape().Dim(2), k.Shape().Dim(2)}
			allowed = graph.LogicalAnd(graph.BroadcastToDims(allowed, dims...), graph.BroadcastToDims(before, dims...))
		}
	}
	y, _ := Attend(q, k, v, allowed, func(weights *graph.Node) *graph.Node { return Dropout(l.dropout).Apply(scope, weights) })
	y = graph.Reshape(graph.TransposeAllAxes(y, 0, 2, 1, 3), x.Shape().Dim(0), x.Shape().Dim(1), l.heads*width)
	return WithMask(Dense(features).Apply(scope.In("output"), y), Mask(x))
}

// ApplyAll is ApplyTo: it takes x and the memory.
func (l AttentionLayer) ApplyAll(scope *model.Scope, xs ...*graph.Node) *graph.Node {
	x, memory := two(xs)
	return l.ApplyTo(scope, x, memory)
}

// CausalMask is which of some keys each of some queries may look at, [1, 1, queries, keys] of booleans: the last query at all of them, the
// one before at all but the last, and so on.
func CausalMask(g *graph.Graph, queries, keys int) *graph.Node {
	s := shapes.Make(dtypes.Int32, 1, 1, queries, keys)
	return graph.LessOrEqual(graph.Iota(g, s, 3), graph.AddScalar(graph.Iota(g, s, 2), float64(keys-queries)))
}

// Attend is scaled dot-product attention, softmax(q·kᵀ/√width)·v, of Vaswani et al. (2017). q is [batch, heads, queries, width], k and v
// are [batch, heads, keys, width]; allowed, of booleans, broadcasts to [batch, heads, queries, keys] and says which keys a query may look at, nil
// for all. A query that may look at none looks at all alike. dropout, if not nil, is applied to the weights. It gives the
// mixed values, [batch, heads, queries, width], and the weights before dropout, [batch, heads, queries, keys].
func Attend(q, k, v, allowed *graph.Node, dropout func(weights *graph.Node) *graph.Node) (mixed, weights *graph.Node) {
	count(q.Graph(), 2, q.Shape().Size(), k.Shape().Dim(2)) // of both products
	scores := graph.DotGeneral(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1})
	scores = graph.MulScalar(scores, 1/math.Sqrt(float64(q.Shape().Dim(3))))
	if allowed != nil {
		dims := scores.Shape().Dimensions
		never := graph.BroadcastToDims(graph.Scalar(q.Graph(), q.DType(), -1e9), dims...)
		scores = graph.Where(graph.BroadcastToDims(allowed, dims...), scores, never)
	}
	peak := graph.StopGradient(graph.ReduceAndKeep(scores, graph.ReduceMax, -1))
	e := graph.Exp(graph.Sub(scores, peak))
	weights = graph.Div(e, graph.ReduceAndKeep(e, graph.ReduceSum, -1))
	used := weights
	if dropout != nil {
		used = dropout(weights)
	}
	return graph.DotGeneral(used, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1}), weights
}
