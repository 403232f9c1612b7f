package layers_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

// Whatever stands at steps that are padding, what comes out is the same, and the same as without them.
func TestPaddingIsNotRead(t *testing.T) {
	for name, then := range map[string]layers.Layer{
		"lstm":      layers.LSTM(3).Bidirectional().Stacked(2),
		"gru":       layers.Stack(layers.GRU(3).Sequences(), layers.GRU(2)),
		"attention": layers.Stack(layers.PositionalEncoding(), layers.TransformerEncoder(2, 5), layers.LayerNorm(), layers.TransformerDecoder(1, 3), layers.GlobalAveragePool()),
		"max":       layers.Stack(layers.Dense(3), layers.Dropout(0.5), layers.GlobalMaxPool()),
	} {
		t.Run(name, func(t *testing.T) {
			mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
				store := model.NewStore()
				l := layers.Stack(layers.Embedding(9, 4).Padding(0), then)
				short := apply(t, b, store, l, [][]float32{{3, 1, 4}, {1, 5, 0}})
				long := apply(t, b, store, l, [][]float32{{3, 1, 4, 0, 0}, {1, 5, 0, 0, 0}})
				var want []float64
				for _, v := range short {
					want = append(want, float64(v))
				}
				near(t, "longer padding", long, want...)
				single := apply(t, b, store, l, [][]float32{{1, 5}})
				near(t, "no padding", single, want[len(want)/2:]...)
			})
		})
	}
}

func TestMasking(t *testing.T) {
	mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		l := layers.Stack(layers.Masking(-1), layers.GlobalAveragePool())
		near(t, "mean of what is real", apply(t, b, store, l, [][][]float32{{{1, 2}, {-1, -1}, {3, -1}}}), 2, 0.5)
		near(t, "nothing real", apply(t, b, store, l, [][][]float32{{{-1, -1}, {-1, -1}}}), 0, 0)
		near(t, "largest of nothing", apply(t, b, store, layers.Stack(layers.Masking(-1), layers.GlobalMaxPool()), [][][]float32{{{-1, -1}}, {{-2, -3}}}), 0, 0, -2, -3)
	})
}
