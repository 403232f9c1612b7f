package layers_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/datasets"
	"golab/mlx"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

// sentences are 300 sequences of up to 8 of the tokens 1 to 9, padded with 0, and whether a 3 comes before the first 7 in them.
func sentences() *mlx.Data {
	rng := rand.New(rand.NewPCG(1, 2))
	var x [][]float64
	var y []bool
	for range 300 {
		row, first := make([]float64, 8), 0
		for t := range 2 + rng.IntN(7) {
			row[t] = float64(1 + rng.IntN(9))
			if first == 0 && (row[t] == 3 || row[t] == 7) {
				first = int(row[t])
			}
		}
		x, y = append(x, row), append(y, first == 3)
	}
	return mlx.FromSlices(x, y)
}

// Every family learns something that needs it, by Fit, and starts to do so in the same way on each backend.
func TestModelsLearn(t *testing.T) {
	digits := datasets.MinMax(datasets.Digits(), datasets.Except(datasets.Digits(), "label")...).Apply(datasets.Digits())
	text := sentences()

	// A ring of 40 nodes in two halves, whose features are noise around ±0.3: neighbours tell more than a node does by itself.
	rng := rand.New(rand.NewPCG(3, 4))
	var edges [][2]int
	var features [][]float32
	var nodes [][]float64
	var half []string
	for i := range 40 {
		for d := 1; d <= 3; d++ {
			if j := (i + d) % 40; j/20 == i/20 {
				edges = append(edges, [2]int{i, j})
			}
		}
		side := []float64{-0.3, 0.3}[i/20]
		features = append(features, []float32{float32(side + rng.NormFloat64()), float32(side + rng.NormFloat64())})
		nodes, half = append(nodes, []float64{float64(i)}), append(half, []string{"left", "right"}[i/20])
	}
	g := layers.NewGraphOfEdges(40, edges)

	for _, c := range []struct {
		name  string
		data  *mlx.Data
		model func() *mlx.Model
		o     mlx.FitOptions
		least float64
	}{
		{"cnn", mlx.FromDataFrame(digits, "label"), func() *mlx.Model {
			return mlx.Sequential(
				layers.Reshape(8, 8, 1),
				layers.Conv2D(8, 3, layers.ReLU).Same(),
				layers.Residual(layers.Conv2D(8, 3).Same().NoBias(), layers.BatchNorm(), layers.ReLU),
				layers.MaxPool2D(2),
				layers.Flatten(),
				layers.Dense(10),
			)
		}, mlx.FitOptions{Epochs: 2, LearningRate: 0.005}, 0.9},
		{"lstm", text, func() *mlx.Model {
			return mlx.Sequential(layers.Embedding(10, 8).Padding(0), layers.LSTM(12).Bidirectional(), layers.Dense(2))
		}, mlx.FitOptions{Epochs: 15, LearningRate: 0.02}, 0.9},
		{"gru", text, func() *mlx.Model {
			return mlx.Sequential(layers.Embedding(10, 8).Padding(0), layers.GRU(12).Stacked(2).Dropout(0.1), layers.Dense(2))
		}, mlx.FitOptions{Epochs: 15, LearningRate: 0.02}, 0.9},
		{"transformer", text, func() *mlx.Model {
			return mlx.Sequential(
				layers.Embedding(10, 16).Padding(0),
				layers.PositionEmbedding(8),
				layers.TransformerEncoder(2, 32),
				layers.LayerNorm(),
				layers.GlobalAveragePool(),
				layers.Dense(2),
			)
		}, mlx.FitOptions{Epochs: 30, LearningRate: 0.005}, 0.9},
		{"graph", mlx.FromSlices(nodes, half), func() *mlx.Model {
			return mlx.Sequential(layers.GraphNodes(features, layers.GraphConv(8, g, layers.Tanh), layers.GraphConv(2, g)))
		}, mlx.FitOptions{Epochs: 60, LearningRate: 0.02, BatchSize: 40}, 0.95},
	} {
		t.Run(c.name, func(t *testing.T) {
			losses := map[string]float64{}
			mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
				c.o.Quiet = true
				few := c.o
				few.Epochs, few.Optimizer, few.LearningRate, few.BatchSize = 3, mlx.SGD{}, 0.01, c.data.Len()
				m := c.model()
				h, err := mlx.Fit(m, c.data, few)
				if err != nil {
					t.Fatal(err)
				}
				losses[mlx.BackendName()] = h.Loss[2]
				if d := math.Abs(h.Loss[2] - losses["go"]); d > 1e-4 {
					t.Errorf("loss differs from that on pure Go by %v", d)
				}
				if mlx.BackendName() != "go" { // to compile takes long
					return
				}
				if _, err := mlx.Fit(m, c.data, c.o); err != nil {
					t.Fatal(err)
				}
				e, err := mlx.Evaluate(m, c.data)
				if err != nil {
					t.Fatal(err)
				}
				if e.Accuracy < c.least {
					t.Errorf("%v", e)
				}
			})
		})
	}
}

// Many convolutions that don't depend on one another deadlock GoMLX's pure Go, when they are its own.
func TestManyConvolutionsDoNotHang(t *testing.T) {
	mlxtest.Use(t, "go")
	sound := mlx.FromTensors(tensors.FromScalarAndDimensions(float32(0.5), 8, 256, 8), tensors.FromValue([]int32{0, 1, 0, 1, 0, 1, 0, 1}))
	m := mlx.Sequential(layers.WaveNet(8, 2, 1, 2, 4, 8, 16, 32, 64), layers.ReLU, layers.GlobalAveragePool(), layers.Dense(2))
	if _, err := mlx.Fit(m, sound, mlx.FitOptions{Quiet: true}); err != nil {
		t.Fatal(err)
	}
}
