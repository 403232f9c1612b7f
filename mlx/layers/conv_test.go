package layers_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

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
