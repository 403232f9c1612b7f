package mlx_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"golab/mlx"
)

// What Fit adds to a step: an epoch of 100 steps by Fit against 100 steps of GoMLX's trainer that is given one batch over
// and over, taken in turns; the median of the ratios, and the median times.
//
//	go test -run '^$' -bench Overhead -benchtime 30x ./mlx
func BenchmarkOverhead(b *testing.B) {
	for _, c := range []struct{ hidden1, hidden2, batch int }{{128, 64, 64}, {512, 512, 128}} {
		const steps = 100
		n := steps * c.batch
		x, y := make([]float32, n*784), make([]int32, n)
		for i := range x {
			x[i] = float32(i%97) / 97
		}
		for i := range y {
			y[i] = int32(i % 10)
		}
		for _, name := range []string{"go", "xla:cpu"} {
			b.Run(fmt.Sprintf("%s/784-%d-%d-10 batch %d", name, c.hidden1, c.hidden2, c.batch), func(b *testing.B) {
				if err := mlx.UseBackend(name); err != nil {
					b.Skip(err)
				}
				defer mlx.UseBackend("go")
				data := mlx.FromTensors(tensors.FromFlatDataAndDimensions(x, n, 784), tensors.FromFlatDataAndDimensions(y, n))
				m := mlx.Sequential(mlx.Dense(c.hidden1, mlx.ReLU), mlx.Dense(c.hidden2, mlx.ReLU), mlx.Dense(10))
				backend, err := mlx.Backend()
				if err != nil {
					b.Fatal(err)
				}
				tr := train.NewTrainer(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
					x = activation.Relu(layers.Dense(scope.In("1"), x, true, c.hidden1))
					x = activation.Relu(layers.Dense(scope.In("2"), x, true, c.hidden2))
					return layers.Dense(scope.In("3"), x, true, 10)
				}, loss.SparseCategoricalCrossEntropyLogits, optimizer.Adam().LearningRate(1e-3).Done(), nil, nil)
				in, out := tensors.FromFlatDataAndDimensions(x[:c.batch*784], c.batch, 784), tensors.FromFlatDataAndDimensions(y[:c.batch], c.batch, 1)
				bare := func() {
					metrics, err := tr.TrainStep(train.Batch{Inputs: []*tensors.Tensor{in}, Labels: []*tensors.Tensor{out}})
					if err != nil {
						b.Fatal(err)
					}
					for _, m := range metrics {
						_ = m.Value()
						m.FinalizeAll()
					}
				}
				bare()
				fit(b, m, data, mlx.FitOptions{BatchSize: c.batch})
				var fits, bares []float64
				b.ResetTimer()
				for range b.N {
					start := time.Now()
					fit(b, m, data, mlx.FitOptions{BatchSize: c.batch})
					between := time.Now()
					for range steps {
						bare()
					}
					fits = append(fits, between.Sub(start).Seconds()/steps)
					bares = append(bares, time.Since(between).Seconds()/steps)
				}
				var ratios []float64
				for i := range fits {
					ratios = append(ratios, fits[i]/bares[i])
				}
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(1e3*median(fits), "fit-ms/step")
				b.ReportMetric(1e3*median(bares), "bare-ms/step")
			})
		}
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
