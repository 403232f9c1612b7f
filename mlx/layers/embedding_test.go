package layers_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

// apply computes a layer of an input, as after training.
func apply(t *testing.T, b compute.Backend, store *model.Store, l layers.Layer, x any) []float32 {
	t.Helper()
	out, err := model.MustNewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return l.Apply(scope.In("layer"), x)
	}).Call(x)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

func TestPositions(t *testing.T) {
	checkAll(t, []checked{
		{"positions", []int{2, 3, 4}, layers.Stack(layers.PositionalEncoding(), layers.PositionEmbedding(5))},
	})
	mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
		var want []float64
		for s := 0.0; s < 3; s++ {
			want = append(want, 1+math.Sin(s), 1+math.Cos(s), 1+math.Sin(s/100), 1+math.Cos(s/100))
		}
		near(t, "encoding", apply(t, b, model.NewStore(), layers.PositionalEncoding(), [][][]float32{{{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}}), want...)
	})
}

func TestEmbedding(t *testing.T) {
	vectors := [][]float32{{1, 2}, {3, 4}, {5, 6}}
	mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		near(t, "ids, those outside too", apply(t, b, store, layers.EmbeddingOf(vectors), [][]float32{{2, 0}, {-7, 1e9}}), 5, 6, 1, 2, 1, 2, 5, 6)
		near(t, "one id", apply(t, b, store, layers.EmbeddingOf(vectors), []float32{1, 2}), 3, 4, 5, 6)
		near(t, "padding", apply(t, b, store, layers.EmbeddingOf(vectors).Padding(2), [][]float32{{2, 0}}), 0, 0, 1, 2)

		// The gradient of the vectors is what of the outputs belongs to each, and none of padding.
		program := model.MustNewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			in := scope.In("layer")
			y := layers.EmbeddingOf(vectors).Padding(0).Apply(in, x)
			loss := graph.ReduceAllSum(graph.Mul(y, graph.Const(x.Graph(), [][][]float32{{{1, 10}, {2, 20}, {3, 30}, {4, 40}}})))
			return graph.Gradient(loss, in.GetVariable("vectors").NodeValue(x.Graph()))[0]
		})
		out, err := program.Call([][]float32{{0, 2, 1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "gradient", tensors.MustCopyFlatData[float32](out[0]), 0, 0, 3, 30, 6, 60)

		frozen := model.NewStore()
		apply(t, b, frozen, layers.EmbeddingOf(vectors).Frozen(), []float32{1})
		if frozen.GetVariable("/layer/vectors").Trainable {
			t.Error("frozen vectors are trained")
		}
	})
}
