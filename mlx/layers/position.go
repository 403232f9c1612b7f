package layers

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// PositionalEncoding adds to every step of [batch, steps, features] what tells its place: sines and cosines of wavelengths from 2π to
// 10000·2π, of Vaswani et al. (2017), https://arxiv.org/abs/1706.03762. Feature 2i is sin(step/10000^(2i/features)), feature 2i+1
// its cosine. It has no variables and takes any number of steps.
func PositionalEncoding() Layer { return positionalEncoding{} }

type positionalEncoding struct{}

func (positionalEncoding) Kind() string { return "positional_encoding" }

func (positionalEncoding) PerExample() bool { return true }

func (positionalEncoding) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	steps(x)
	n, features := x.Shape().Dim(1), x.Shape().Dim(2)
	waves := make([][][]float32, 1)
	for t := range n {
		row := make([]float32, features)
		for j := range row {
			angle := float64(t) / math.Pow(10000, float64(j/2*2)/float64(features))
			if row[j] = float32(math.Sin(angle)); j%2 == 1 {
				row[j] = float32(math.Cos(angle))
			}
		}
		waves[0] = append(waves[0], row)
	}
	return graph.Add(x, graph.Const(x.Graph(), waves))
}

// PositionEmbedding adds to every step of [batch, steps, features] a vector for its place that is learned, as BERT and GPT do. It takes
// sequences of up to limit steps.
//
// Variables: vectors [limit, features], drawn from a normal distribution of standard deviation 0.02.
func PositionEmbedding(limit int) Layer { return positionEmbedding{limit} }

type positionEmbedding struct{ limit int }

func (positionEmbedding) Kind() string { return "position_embedding" }

func (positionEmbedding) PerExample() bool { return true }

func (l positionEmbedding) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	steps(x)
	n, features := x.Shape().Dim(1), x.Shape().Dim(2)
	if n > l.limit {
		panic(fmt.Errorf("it knows %d places, but is given %s, %d steps", l.limit, shape.Of(x), n))
	}
	vectors := weight(scope, "vectors", gaussian(0.02), l.limit, features).NodeValue(x.Graph())
	return graph.Add(x, graph.ExpandAxes(graph.Slice(vectors, graph.AxisRange(0, n)), 0))
}
