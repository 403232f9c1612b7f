package mlx_test

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"golab/mlx"
)

// A training step of an MLP 784-128-64-10, batch 64, Adam: by Fit, by GoMLX's own training loop with its data set in
// memory, and by a bare loop over GoMLX's trainer that feeds it one batch over and over.
//
//	go test -run '^$' -bench Step ./mlx
func BenchmarkStep(b *testing.B) {
	const n, batch = 6400, 64
	x, y := make([]float32, n*784), make([]int32, n)
	for i := range x {
		x[i] = float32(i%97) / 97
	}
	for i := range y {
		y[i] = int32(i % 10)
	}
	for _, name := range []string{"go", "xla:cpu"} {
		if mlx.UseBackend(name) != nil {
			continue
		}
		b.Run(name+"/fit", func(b *testing.B) {
			d := mlx.FromTensors(tensors.FromFlatDataAndDimensions(x, n, 784), tensors.FromFlatDataAndDimensions(y, n))
			m := mlx.Sequential(mlx.Dense(128, mlx.ReLU), mlx.Dense(64, mlx.ReLU), mlx.Dense(10))
			short := mlx.FromTensors(tensors.FromFlatDataAndDimensions(x[:batch*784], batch, 784), tensors.FromFlatDataAndDimensions(y[:batch], batch))
			fit(b, m, short, mlx.FitOptions{BatchSize: batch})
			b.ResetTimer()
			for done := 0; done < b.N; done += n / batch {
				part := d
				if left := b.N - done; left < n/batch {
					part = mlx.FromTensors(tensors.FromFlatDataAndDimensions(x[:left*batch*784], left*batch, 784), tensors.FromFlatDataAndDimensions(y[:left*batch], left*batch))
				}
				fit(b, m, part, mlx.FitOptions{BatchSize: batch})
			}
		})
		trainer := func(b *testing.B) *train.Trainer {
			backend, err := mlx.Backend()
			if err != nil {
				b.Fatal(err)
			}
			return train.NewTrainer(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
				x = activation.Relu(layers.Dense(scope.In("1"), x, true, 128))
				x = activation.Relu(layers.Dense(scope.In("2"), x, true, 64))
				return layers.Dense(scope.In("3"), x, true, 10)
			}, loss.SparseCategoricalCrossEntropyLogits, optimizer.Adam().LearningRate(1e-3).Done(), nil, nil)
		}
		b.Run(name+"/gomlx-loop", func(b *testing.B) {
			backend, _ := mlx.Backend()
			ds, err := dataset.InMemoryFromData(backend, "bench", []any{tensors.FromFlatDataAndDimensions(x, n, 784)}, []any{tensors.FromFlatDataAndDimensions(y, n, 1)})
			if err != nil {
				b.Fatal(err)
			}
			ds.BatchSize(batch, true).Shuffle().Infinite(true)
			loop := train.NewLoop(trainer(b))
			if _, err := loop.RunSteps(ds, 1); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			if _, err := loop.RunSteps(ds, b.N); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(name+"/bare", func(b *testing.B) {
			tr := trainer(b)
			in, out := tensors.FromFlatDataAndDimensions(x[:batch*784], batch, 784), tensors.FromFlatDataAndDimensions(y[:batch], batch, 1)
			step := func() {
				metrics, err := tr.TrainStep(train.Batch{Inputs: []*tensors.Tensor{in}, Labels: []*tensors.Tensor{out}})
				if err != nil {
					b.Fatal(err)
				}
				for _, m := range metrics {
					_ = m.Value()
					m.FinalizeAll()
				}
			}
			step()
			b.ResetTimer()
			for range b.N {
				step()
			}
		})
	}
	mlx.UseBackend("go")
}
