package layers_test

import (
	"testing"

	"golab/mlx/layers"
)

func TestNormGradients(t *testing.T) {
	checkAll(t, []checked{
		{"rms norm", []int{3, 5}, layers.RMSNorm()},
		{"group norm", []int{2, 3, 4}, layers.GroupNorm(2)},
		{"group norm of rows", []int{2, 6}, layers.GroupNorm(3)},
	})
}
