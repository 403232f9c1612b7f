package layers_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx"
	"golab/mlx/internal/gradcheck"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

// checked is a layer whose gradients are compared with finite differences on an input of a shape.
type checked struct {
	name  string
	dims  []int
	layer layers.Layer
}

func checkAll(t *testing.T, cases []checked) { checkAllOn(t, gradcheck.Noise, cases) }

func checkAllOn(t *testing.T, input func(purpose string, dims ...int) *tensors.Tensor, cases []checked) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
				gradcheck.Check(t, b, input("x", c.dims...), func(scope *model.Scope, x *graph.Node) *graph.Node {
					return c.layer.Apply(scope, x)
				})
			})
		})
	}
}

func TestConvGradients(t *testing.T) {
	checkAll(t, []checked{
		{"2d", []int{2, 5, 4, 2}, layers.Conv2D(3, 3)},
		{"2d, GoMLX's on XLA", []int{1, 4, 4, 9}, layers.Conv2D(2, 3, layers.Tanh).Same()},
		{"2d, GoMLX's on XLA, stride", []int{1, 5, 4, 9}, layers.Conv2D(2, 3).Stride(2).Same()},
		{"2d, GoMLX's on XLA, dilation", []int{1, 5, 5, 9}, layers.Conv2D(1, 2).Dilation(2).Pad(1)},
		{"2d, stride and dilation", []int{1, 5, 5, 9}, layers.Conv2D(1, 2).Dilation(2).Stride(2)},
		{"2d, stride and same", []int{2, 5, 4, 2}, layers.Conv2D(2, 3).Stride(2).Same()},
		{"2d, window and stride by axis", []int{1, 5, 6, 2}, layers.Conv2D(2, 1).Size(1, 4).Stride(2, 1).Pad(0, 2)},
		{"2d, 1×1", []int{2, 3, 3, 4}, layers.Conv2D(2, 1).NoBias()},
		{"groups", []int{1, 4, 4, 4}, layers.Conv2D(6, 3).Groups(2).Same()},
		{"depthwise 2d", []int{1, 5, 5, 3}, layers.DepthwiseConv2D(3).Stride(2).Same()},
		{"depthwise with two filters a channel", []int{1, 4, 4, 3}, layers.Conv2D(6, 2).Groups(3)},
		{"1d", []int{2, 6, 2}, layers.Conv1D(3, 3)},
		{"causal and dilated", []int{2, 6, 2}, layers.Conv1D(2, 2).Dilation(2).Causal()},
		{"causal and strided", []int{1, 7, 2}, layers.Conv1D(2, 3).Stride(2).Causal()},
		{"depthwise 1d", []int{2, 6, 2}, layers.DepthwiseConv1D(3).Causal()},
		{"transposed 1d", []int{2, 4, 2}, layers.ConvTranspose1D(3, 3).Stride(2)},
		{"transposed 2d", []int{1, 3, 2, 2}, layers.ConvTranspose2D(2, 4).Stride(2).Same()},
		{"transposed 2d, GoMLX's on XLA", []int{1, 2, 3, 9}, layers.ConvTranspose2D(1, 3).Stride(2).Pad(1)},
	})
}

// Random windows, against GoMLX's own convolution.
func TestConvolutionsAreGoMLXs(t *testing.T) {
	b := mlxtest.Use(t, "go:ops_sequential")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		pick := func(from, to int) []int { return []int{from + rng.IntN(to-from+1), from + rng.IntN(to-from+1)} }
		size, stride, dilation, pad := pick(1, 4), pick(1, 3), pick(1, 2), pick(0, 3)
		groups := 1 + rng.IntN(3)
		channels, filters := groups*(1+rng.IntN(3)), groups*(1+rng.IntN(3))
		if rng.IntN(4) == 0 {
			channels = groups // depthwise
		}
		dims := []int{2, 7 + rng.IntN(4), 7 + rng.IntN(4), channels}
		what := fmt.Sprintf("%v, size %v, stride %v, dilation %v, padding %v, %d groups, %d filters", dims, size, stride, dilation, pad, groups, filters)
		store, x := model.NewStore(), gradcheck.Noise("x", dims...)
		ours := apply(t, b, store, layers.Conv2D(filters, 1).Size(size...).Stride(stride...).Dilation(dilation...).Pad(pad...).Groups(groups).NoBias(), x)
		theirs := apply(t, b, store, mlx.Func("gomlx", func(scope *model.Scope, x *graph.Node) *graph.Node {
			w := scope.GetVariable("weights").NodeValue(x.Graph())
			c := graph.Convolve(x, w).DilationPerAxis(dilation...).PaddingPerDim([][2]int{{pad[0], pad[0]}, {pad[1], pad[1]}})
			if groups > 1 {
				c = c.ChannelGroupCount(groups)
			}
			return graph.Slice(c.Done(), graph.AxisRange(), graph.AxisRange().Stride(stride[0]), graph.AxisRange().Stride(stride[1])) // it takes no stride with a dilation
		}), x)
		var want []float64
		for _, v := range theirs {
			want = append(want, float64(v))
		}
		near(t, what, ours, want...)
	}
}
