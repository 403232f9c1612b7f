package layers_test

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/gradcheck"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

func TestShapeErrors(t *testing.T) {
	b := mlxtest.Use(t, "go")
	ragged := layers.NewGraph([][]float32{{0, 1}, {1}})
	for _, c := range []struct {
		layer layers.Layer
		dims  []int
		want  string
	}{
		{layers.Dense(0), []int{2, 3}, "it has 0 units"},
		{layers.Conv2D(8, 3), []int{2, 10, 3}, "it takes [batch, height, width, channels], not [batch, 10, 3]"},
		{layers.Conv1D(8, 3), []int{2, 10}, "it takes [batch, steps, channels], not [batch, 10]"},
		{layers.Conv2D(8, 5), []int{2, 4, 9, 1}, "its window spans 5 along axis 1, but it is given [batch, 4, 9, 1], 4 there"},
		{layers.Conv2D(0, 3), []int{2, 4, 4, 1}, "it has 0 filters"},
		{layers.Conv2D(8, 0), []int{2, 4, 4, 1}, "its size is [0]; it must be 1 or more"},
		{layers.Conv2D(8, 3).Stride(1, 2, 3), []int{2, 4, 4, 1}, "3 values for its stride, [1 2 3]; give one, or one for each of 2 axes"},
		{layers.Conv2D(8, 3).Groups(3), []int{2, 4, 4, 6}, "its 3 groups must divide both the channels, 6 of [batch, 4, 4, 6], and the filters, 8"},
		{layers.Conv2D(8, 3).Causal(), []int{2, 4, 4, 6}, "causal padding is for Conv1D"},
		{layers.ConvTranspose2D(8, 3).Pad(3), []int{2, 4, 4, 6}, "its padding of [3] is more than its window, 3, less 1"},
		{layers.MaxPool2D(3), []int{2, 2, 9, 1}, "its window spans 3 along axis 1"},
		{layers.MaxPool2D(3).Pad(2), []int{2, 9, 9, 1}, "its padding of [2] is more than half a window of 3"},
		{layers.UpSample2D(0), []int{2, 9, 9, 1}, "its factor is 0"},
		{layers.GlobalMaxPool(), []int{2, 9}, "with at least one axis between, not [batch, 9]"},
		{layers.GroupNorm(4), []int{2, 6}, "its 4 groups must divide the channels, 6 of [batch, 6]"},
		{layers.Embedding(0, 3), []int{2, 6}, "it has 0 vectors of 3 numbers"},
		{layers.Embedding(5, 3).Padding(5), []int{2, 6}, "its padding is 5, but it has ids from 0 to 4"},
		{layers.EmbeddingOf([][]float32{{1}, {2, 3}}), []int{2, 6}, "vector 1 has 2 numbers, vector 0 has 1"},
		{layers.PositionEmbedding(3), []int{2, 4, 5}, "it knows 3 places, but is given [batch, 4, 5], 4 steps"},
		{layers.LSTM(3), []int{2, 4}, "it takes [batch, steps, features], not [batch, 4]"},
		{layers.GRU(3).Stacked(0), []int{2, 4, 3}, "it has 3 units in 0 layers"},
		{from{layers.LSTM(3), 1}, []int{2, 4, 3}, "it is given 1 states to start from; it takes 2"},
		{from{layers.GRU(2), 1}, []int{2, 4, 3}, "it is given a state of shape [2 3] to start from; it takes [2 2]"},
		{layers.MultiHeadAttention(3), []int{2, 4, 8}, "its 3 heads must divide the features, 8 of [batch, 4, 8]"},
		{layers.TransformerEncoder(2, 0), []int{2, 4, 8}, "its hidden layer has 0 units"},
		{layers.Residual(layers.Dense(3)), []int{2, 4}, "it adds what its layers give to what they are given, but these are [batch, 4] and [batch, 3]"},
		{layers.Sum(layers.Dense(3), layers.Dense(4)), []int{2, 4}, "its branches give [batch, 3] and [batch, 4]"},
		{layers.Concat(layers.Identity(), layers.Flatten()), []int{2, 4, 2}, "its branches give [batch, 4, 2] and [batch, 8]"},
		{layers.Stack(layers.Dense(3), layers.Conv1D(2, 2)), []int{2, 4}, "its conv1d_1, given [batch, 3]: it takes [batch, steps, channels], not [batch, 3]"},
		{layers.Stack(), []int{2, 4}, "it needs one layer or more"},
		{layers.WaveNet(2, 2), []int{2, 4, 1}, "it has 2 units and 0 dilations"},
		{layers.GraphConv(2, layers.NewGraphOfEdges(3, nil)), []int{2, 4, 1}, "its graph has 3 nodes, so it takes [batch, 3, features], not [batch, 4, 1]"},
		{layers.GraphConv(2, ragged), []int{2, 2, 1}, "row 1 of its graph's adjacency matrix has 1 numbers, but there are 2 rows"},
		{layers.GraphConv(2, layers.NewGraph([][]float32{{-1}})), []int{2, 1, 1}, "-1 in row 0, column 0; it takes numbers from 0 up"},
		{layers.GraphConv(2, layers.NewGraphOfEdges(2, [][2]int{{0, 2}})), []int{2, 1, 1}, "edge 0 of its graph joins 0 and 2; there are nodes 0 to 1"},
		{layers.GraphConv(2, nil), []int{2, 1, 1}, "its graph is nil"},
		{layers.GraphNodes([][]float32{{1}}, layers.Flatten()), []int{2, 3}, "it takes [batch, 1], numbers of nodes, not [batch, 3]"},
	} {
		_, err := model.MustNewExec(b, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
			return c.layer.Apply(scope, x)
		}).Call(gradcheck.Noise("x", c.dims...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %v: %v, want %q", c.layer.Kind(), c.dims, err, c.want)
		}
	}
}
