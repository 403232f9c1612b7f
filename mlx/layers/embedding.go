package layers

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// EmbeddingLayer looks up a vector for every id, made by [Embedding] or [EmbeddingOf]. Its methods give changed copies:
//
//	layers.Embedding(vocabulary, 100).Padding(0)
type EmbeddingLayer struct {
	size, width int
	sd          float64
	vectors     [][]float32
	frozen      bool
	padding     int // -1: none
}

// Embedding has a vector of width numbers for each of size ids: [batch, …] of ids becomes [batch, …, width]. Ids are the whole
// numbers from 0 to size-1, given as float32, which is exact up to 2²⁴; others count as the nearest of those. PyTorch's Embedding.
//
// Variables: vectors [size, width], drawn from the standard normal distribution, as PyTorch does.
func Embedding(size, width int) EmbeddingLayer {
	return EmbeddingLayer{size: size, width: width, sd: 1, padding: -1}
}

// EmbeddingOf is an embedding of known vectors, one row an id, such as pretrained ones. They are trained further unless
// [EmbeddingLayer.Frozen] says otherwise. The matrix is kept, not copied, until the model is built.
func EmbeddingOf(vectors [][]float32) EmbeddingLayer {
	l := EmbeddingLayer{size: len(vectors), vectors: vectors, padding: -1}
	if len(vectors) > 0 {
		l.width = len(vectors[0])
	}
	return l
}

// Padding says that an id stands for no token: its vector is 0 and isn't trained, and layers that follow don't look at such steps
// (see [Mask]). PyTorch's padding_idx and Keras's mask_zero in one.
func (l EmbeddingLayer) Padding(id int) EmbeddingLayer { l.padding = id; return l }

// Frozen keeps the vectors as they are, untrained.
func (l EmbeddingLayer) Frozen() EmbeddingLayer { l.frozen = true; return l }

// StdDev draws the first vectors with another standard deviation than 1; Transformers often use 0.02.
func (l EmbeddingLayer) StdDev(sd float64) EmbeddingLayer { l.sd = sd; return l }

// Kind is "embedding".
func (l EmbeddingLayer) Kind() string { return "embedding" }

// PerExample says that it treats every example by itself.
func (l EmbeddingLayer) PerExample() bool { return true }

// Apply builds the look-up.
func (l EmbeddingLayer) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if l.size < 1 || l.width < 1 {
		panic(fmt.Errorf("it has %d vectors of %d numbers; it needs 1 or more of each", l.size, l.width))
	}
	if l.padding >= l.size {
		panic(fmt.Errorf("its padding is %d, but it has ids from 0 to %d", l.padding, l.size-1))
	}
	for i, v := range l.vectors {
		if len(v) != l.width {
			panic(fmt.Errorf("vector %d has %d numbers, vector 0 has %d", i, len(v), l.width))
		}
	}
	g := x.Graph()
	vectors := weight(scope, "vectors", l.draw, l.size, l.width)
	if l.frozen {
		vectors.SetTrainable(false)
	}
	ids := whole(x, l.size)
	y := graph.Gather(vectors.NodeValue(g), graph.ExpandAxes(ids, -1))
	if l.padding < 0 {
		return y
	}
	mask := graph.NotEqual(ids, graph.Const(g, int32(l.padding)))
	y = graph.Where(graph.BroadcastToDims(graph.ExpandAxes(mask, -1), y.Shape().Dimensions...), y, graph.ZerosLike(y))
	if x.Rank() == 2 {
		WithMask(y, mask)
	}
	return y
}

// whole gives numbers as int32, those outside of 0 … size-1 as the nearest of these: backends differ in what they do with others.
func whole(x *graph.Node, size int) *graph.Node {
	zero := graph.ScalarZero(x.Graph(), x.DType())
	x = graph.Max(graph.Min(graph.Round(x), graph.Scalar(x.Graph(), x.DType(), float64(size-1))), zero)
	return graph.StopGradient(graph.ConvertDType(x, dtypes.Int32))
}

func (l EmbeddingLayer) draw(d draws, values []float32) {
	for i := range values {
		if l.vectors != nil {
			values[i] = l.vectors[i/l.width][i%l.width]
		} else {
			values[i] = float32(random.Normal(d.rng) * l.sd)
		}
	}
}
