package layers_test

import (
	"testing"

	"golab/mlx/layers"
)

func TestComposedGradients(t *testing.T) {
	checkAll(t, []checked{
		{"residual", []int{2, 3}, layers.Residual(layers.Dense(4, layers.Tanh), layers.Dense(3))},
		{"sum and concat", []int{2, 3}, layers.Concat(layers.Sum(layers.Dense(3), layers.Identity()), layers.Dense(2))},
	})
}
