package layers_test

import (
	"testing"

	"golab/mlx/layers"
)

func TestGraphConvGradients(t *testing.T) {
	g := layers.NewGraphOfEdges(4, [][2]int{{0, 1}, {1, 2}, {3, 0}})
	checkAll(t, []checked{
		{"graph convolution", []int{2, 4, 3}, layers.GraphConv(2, g, layers.Tanh)},
		{"graph convolution, wider", []int{2, 4, 2}, layers.GraphConv(3, g)},
	})
}
