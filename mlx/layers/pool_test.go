package layers_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/gradcheck"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

func TestPoolGradients(t *testing.T) {
	checkAllOn(t, gradcheck.Spaced, []checked{
		{"max 2d", []int{2, 4, 6, 2}, layers.MaxPool2D(2)},
		{"max 2d, overlapping, same", []int{1, 5, 4, 2}, layers.MaxPool2D(3).Stride(2).Same()},
		{"max 2d, padded", []int{1, 5, 5, 2}, layers.MaxPool2D(3).Stride(2).Pad(1)},
		{"max 1d with a remainder", []int{2, 7, 2}, layers.MaxPool1D(3)},
		{"average 2d", []int{1, 4, 6, 2}, layers.AvgPool2D(2).Size(2, 3)},
		{"average 2d, stride 1, same", []int{1, 4, 4, 2}, layers.AvgPool2D(3).Stride(1).Same()},
		{"average 1d", []int{2, 6, 2}, layers.AvgPool1D(2)},
		{"global average", []int{2, 3, 2, 2}, layers.GlobalAveragePool()},
		{"global max", []int{2, 3, 2, 2}, layers.GlobalMaxPool()},
		{"global average, padded", []int{3, 4, 2}, layers.Stack(pad(4, 2, 0), layers.GlobalAveragePool())},
		{"global max, padded", []int{3, 4, 2}, layers.Stack(pad(4, 2, 0), layers.GlobalMaxPool())},
		{"up", []int{1, 2, 3, 2}, layers.UpSample2D(2)},
		{"up, linear", []int{2, 2, 3, 2}, layers.UpSample2D(3).Linear()},
		{"up 1d, linear", []int{2, 3, 2}, layers.UpSample1D(2).Linear()},
	})
}

// Random windows, against loops.
func TestPoolingByLoops(t *testing.T) {
	b := mlxtest.Use(t, "go")
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		size, stride, n := 1+rng.IntN(4), 1+rng.IntN(4), 4+rng.IntN(6)
		pad, places := rng.IntN(size/2+1), 0
		l, mean := layers.MaxPool1D(size).Stride(stride), rng.IntN(2) == 0
		if mean {
			l = layers.AvgPool1D(size).Stride(stride)
		}
		if rng.IntN(2) == 0 {
			l, places = l.Pad(pad), (n+2*pad-size)/stride+1
		} else {
			places = (n + stride - 1) / stride
			l, pad = l.Same(), max(0, (places-1)*stride+size-n)/2
		}
		x := gradcheck.Noise("x", 1, n, 1)
		in := tensors.MustCopyFlatData[float32](x)
		var want []float64
		for p := range places {
			most, sum, count := math.Inf(-1), 0.0, 0.0
			for i := max(0, p*stride-pad); i < min(n, p*stride-pad+size); i++ {
				most, sum, count = max(most, float64(in[i])), sum+float64(in[i]), count+1
			}
			if mean {
				most = sum / count
			}
			want = append(want, most)
		}
		near(t, fmt.Sprintf("%s of %d, size %d, stride %d, pad %d", l.Kind(), n, size, stride, pad), apply(t, b, model.NewStore(), l, x), want...)
	}
}
