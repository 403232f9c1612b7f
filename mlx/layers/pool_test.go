package layers_test

import (
	"testing"

	"golab/mlx/internal/gradcheck"
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
