package layers_test

import (
	"testing"

	"golab/mlx/layers"
)

func TestPositionGradients(t *testing.T) {
	checkAll(t, []checked{
		{"positions", []int{2, 3, 4}, layers.Stack(layers.PositionalEncoding(), layers.PositionEmbedding(5))},
	})
}
