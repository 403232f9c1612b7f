package layers_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/lstm"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/gradcheck"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

// benchmark times f with its gradients by x and by its variables, on every backend. Compiling is reported apart.
func benchmark(b *testing.B, name string, f func(scope *model.Scope, x *graph.Node) *graph.Node, dims ...int) {
	for _, backend := range mlxtest.Backends {
		b.Run(fmt.Sprintf("%s/%s", backend, name), func(b *testing.B) {
			exec := model.MustNewExec(mlxtest.Use(b, backend), model.NewStore(), func(scope *model.Scope, x *graph.Node) []*graph.Node {
				scope.Store().SetTraining(x.Graph(), true)
				loss := graph.ReduceAllSum(graph.Square(f(scope, x)))
				wrt := []*graph.Node{x}
				for v := range scope.IterVariables() {
					wrt = append(wrt, v.NodeValue(x.Graph()))
				}
				return append([]*graph.Node{loss}, graph.Gradient(loss, wrt...)...)
			})
			defer exec.Finalize()
			x := gradcheck.Noise("x", dims...)
			step := func() {
				out, err := exec.Call(x)
				if err != nil {
					b.Fatal(err)
				}
				_ = out[0].Value()
				for _, o := range out {
					o.FinalizeAll()
				}
			}
			step()
			compiled := b.Elapsed()
			before := cpu()
			b.ResetTimer()
			for range b.N {
				step()
			}
			b.ReportMetric((cpu()-before).Seconds()*1e3/float64(b.N), "cpu-ms/op") // says more than time on a busy machine
			b.ReportMetric(float64(compiled.Milliseconds()), "ms-to-compile")
		})
	}
}

// cpu is the time that this process has computed for.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Convolutions, batch 64, 3 × 3 same, with gradients, against GoMLX's own.
//
//	GOEXPERIMENT=simd go test -run '^$' -bench Conv2D ./mlx/layers
func BenchmarkConv2D(b *testing.B) {
	for _, c := range []struct{ in, out, size int }{{1, 8, 28}, {3, 32, 32}, {8, 16, 14}, {16, 32, 14}, {32, 64, 14}, {32, 32, 28}} {
		name := fmt.Sprintf("%dto%d,%d", c.in, c.out, c.size)
		benchmark(b, name+"/layers", layers.Conv2D(c.out, 3).Same().NoBias().Apply, 64, c.size, c.size, c.in)
		benchmark(b, name+"/gomlx", func(scope *model.Scope, x *graph.Node) *graph.Node {
			w := scope.VariableWithValue("w", gradcheck.Noise("w", 3, 3, c.in, c.out)).NodeValue(x.Graph())
			return graph.Convolve(x, w).PadSame().Done()
		}, 64, c.size, c.size, c.in)
	}
}

// Pooling of 2 × 2 and of 3 × 3 with stride 2, batch 64, 32 × 32, 32 channels, with gradients, against GoMLX's own.
func BenchmarkMaxPool2D(b *testing.B) {
	for _, size := range []int{2, 3} {
		benchmark(b, fmt.Sprintf("%d/layers", size), layers.MaxPool2D(size).Stride(2).Apply, 64, 32, 32, 32)
		benchmark(b, fmt.Sprintf("%d/gomlx", size), func(_ *model.Scope, x *graph.Node) *graph.Node {
			return graph.MaxPool(x).Window(size).Strides(2).NoPadding().Done()
		}, 64, 32, 32, 32)
	}
}

// An LSTM in both directions, batch 32, 64 features and units, with gradients, against GoMLX's own.
func BenchmarkLSTM(b *testing.B) {
	for _, steps := range []int{16, 64, 200} {
		benchmark(b, fmt.Sprintf("%d/layers", steps), layers.LSTM(64).Bidirectional().Apply, 32, steps, 64)
		if steps > 16 && testing.Short() { // minutes to compile on XLA
			continue
		}
		benchmark(b, fmt.Sprintf("%d/gomlx", steps), func(scope *model.Scope, x *graph.Node) *graph.Node {
			_, last, _ := lstm.New(scope, x, 64).Direction(lstm.DirBidirectional).Done()
			return last
		}, 32, steps, 64)
	}
}
