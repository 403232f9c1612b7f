package layers_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/install/fetch"
	"golab/mlx/internal/gradcheck"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

func TestMain(m *testing.M) { mlxtest.Main(m, fetch.XLACPU) }

func near(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-5*(1+math.Abs(want[i])) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

func TestLayerGradients(t *testing.T) {
	for _, c := range []struct {
		name  string
		dims  []int
		stack []layers.Layer
	}{
		{"dense", []int{3, 4}, []layers.Layer{layers.Dense(5)}},
		{"dense on images", []int{2, 2, 3, 4}, []layers.Layer{layers.Dense(3)}},
		{"two dense", []int{3, 4}, []layers.Layer{layers.Dense(5, layers.Tanh), layers.Dense(2)}},
		{"relu", []int{3, 4}, []layers.Layer{layers.ReLU}},
		{"leaky relu", []int{3, 4}, []layers.Layer{layers.LeakyReLU}},
		{"gelu", []int{3, 4}, []layers.Layer{layers.GELU}},
		{"silu", []int{3, 4}, []layers.Layer{layers.SiLU}},
		{"tanh", []int{3, 4}, []layers.Layer{layers.Tanh}},
		{"sigmoid", []int{3, 4}, []layers.Layer{layers.Sigmoid}},
		{"dropout", []int{6, 4}, []layers.Layer{layers.Dropout(0.4)}},
		{"flatten and reshape", []int{2, 3, 4}, []layers.Layer{layers.Flatten(), layers.Reshape(2, 6), layers.Dense(2)}},
		{"layer norm", []int{3, 5}, []layers.Layer{layers.LayerNorm()}},
		{"layer norm of sequences", []int{2, 3, 5}, []layers.Layer{layers.LayerNorm()}},
		{"batch norm", []int{5, 3}, []layers.Layer{layers.BatchNorm()}},
		{"batch norm of images", []int{2, 3, 2, 3}, []layers.Layer{layers.BatchNorm()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
				gradcheck.Check(t, b, gradcheck.Noise("x", c.dims...), func(scope *model.Scope, x *graph.Node) *graph.Node {
					for i, l := range c.stack {
						x = l.Apply(scope.In("%d", i), x)
					}
					return x
				})
			})
		})
	}
}

func TestNormValues(t *testing.T) {
	mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		x := [][]float32{{1, 10}, {3, 30}, {8, -4}}
		run := func(l layers.Layer, training bool) []float32 {
			exec := model.MustNewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
				scope.Store().SetTraining(x.Graph(), training)
				return l.Apply(scope.In("%s", l.Kind()), x)
			})
			out, err := exec.Call(x)
			if err != nil {
				t.Fatal(err)
			}
			return tensors.MustCopyFlatData[float32](out[0])
		}
		var mean, variance [2]float64
		for _, row := range x {
			for j, v := range row {
				mean[j] += float64(v) / 3
			}
		}
		for _, row := range x {
			for j, v := range row {
				variance[j] += (float64(v) - mean[j]) * (float64(v) - mean[j]) / 3
			}
		}
		var want, moved []float64
		for _, row := range x {
			for j, v := range row {
				want = append(want, (float64(v)-mean[j])/math.Sqrt(variance[j]+1e-5))
				moved = append(moved, (float64(v)-0.1*mean[j])/math.Sqrt(0.9+0.1*variance[j]*1.5+1e-5))
			}
		}
		near(t, "batch norm, training", run(layers.BatchNorm(), true), want...)
		near(t, "batch norm, after one step", run(layers.BatchNorm(), false), moved...)
		d := 4.5 / math.Sqrt(4.5*4.5+1e-5)
		e := 13.5 / math.Sqrt(13.5*13.5+1e-5)
		s := 6 / math.Sqrt(36+1e-5)
		near(t, "layer norm", run(layers.LayerNorm(), true), -d, d, -e, e, s, -s)
	})
}
