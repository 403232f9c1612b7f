package layers_test

import (
	"testing"

	"golab/mlx/layers"
)

func TestWaveNetGradients(t *testing.T) {
	checkAll(t, []checked{
		{"gated convolution", []int{1, 6, 3}, layers.GatedConv1D(2, 2, 2)},
		{"wavenet", []int{1, 6, 2}, layers.WaveNet(2, 2, 1, 2)},
	})
}
