package layers_test

import (
	"testing"

	"golab/mlx/layers"
)

func TestAttentionGradients(t *testing.T) {
	checkAll(t, []checked{
		{"attention", []int{2, 3, 4}, layers.MultiHeadAttention(2)},
		{"attention, causal and padded", []int{3, 4, 2}, layers.Stack(pad(4, 2, 1), layers.MultiHeadAttention(2).Causal().HeadWidth(3))},
		{"encoder", []int{2, 3, 4}, layers.TransformerEncoder(2, 3).PostNorm().Dropout(0.3)},
		{"decoder", []int{2, 3, 4}, layers.TransformerDecoder(2, 3).Activation(layers.Tanh)},
	})
}
