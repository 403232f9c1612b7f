package layers_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx"
	"golab/mlx/layers"
)

// show prints what a model makes of examples of a shape: the outputs of its layers.
func show(dims []int, stack ...layers.Layer) {
	m := mlx.Sequential(stack...)
	if err := m.Build(dims...); err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range m.Summary().Layers {
		fmt.Println(l.Name, l.Output, l.Parameters)
	}
}

// sequence makes sequences of one feature of rows of data.
var sequence = layers.Reshape(4, 1)

// predict prints what an untrained model makes of some rows.
func predict(rows [][]float64, stack ...layers.Layer) {
	p, err := mlx.Predict(mlx.Sequential(append(stack, layers.Flatten())...), mlx.FromRows(rows))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Outputs)
}

func Example() {
	show([]int{28, 28, 1},
		layers.Conv2D(8, 3, layers.ReLU).Same(),
		layers.MaxPool2D(2),
		layers.Flatten(),
		layers.Dense(10),
	)
	// Output:
	// conv2d_1 [28 28 8] 80
	// max_pool2d_1 [14 14 8] 0
	// flatten_1 [1568] 0
	// dense_1 [10] 15690
}

// A shape that a layer doesn't take.
func Example_errors() {
	show([]int{28, 28}, layers.Conv2D(8, 3))
	// Output: mlx: layer 1 (conv2d_1), given [batch, 28, 28]: it takes [batch, height, width, channels], not [batch, 28, 28]
}

func ExampleConv1D() {
	show([]int{100, 4}, layers.Conv1D(16, 3, layers.ReLU).Dilation(2).Causal())
	// Output: conv1d_1 [100 16] 208
}

func ExampleConv2D() {
	show([]int{32, 32, 3}, layers.Conv2D(16, 3), layers.Conv2D(32, 3, layers.ReLU).Stride(2).Same())
	// Output:
	// conv2d_1 [30 30 16] 448
	// conv2d_2 [15 15 32] 4640
}

func ExampleConvLayer_Size() {
	show([]int{32, 32, 3}, layers.Conv2D(16, 1).Size(1, 7).Stride(1, 2).Pad(0, 3).NoBias())
	// Output: conv2d_1 [32 16 16] 336
}

func ExampleConvLayer_Groups() {
	show([]int{32, 32, 8}, layers.Conv2D(16, 3).Groups(4))
	// Output: conv2d_1 [30 30 16] 304
}

func ExampleDepthwiseConv1D() {
	show([]int{100, 4}, layers.DepthwiseConv1D(3).Same())
	// Output: depthwise_conv1d_1 [100 4] 16
}

// A separable convolution.
func ExampleDepthwiseConv2D() {
	show([]int{32, 32, 8}, layers.DepthwiseConv2D(3).Same(), layers.Conv2D(16, 1))
	// Output:
	// depthwise_conv2d_1 [32 32 8] 80
	// conv2d_1 [32 32 16] 144
}

func ExampleConvTranspose1D() {
	show([]int{25, 4}, layers.ConvTranspose1D(8, 4).Stride(4))
	// Output: conv_transpose1d_1 [100 8] 136
}

func ExampleConvTranspose2D() {
	show([]int{8, 8, 16}, layers.ConvTranspose2D(8, 4).Stride(2).Same())
	// Output: conv_transpose2d_1 [16 16 8] 2056
}

func ExampleMaxPool1D() {
	predict([][]float64{{1, 2, 4, 3}}, sequence, layers.MaxPool1D(2))
	// Output: [[2 4]]
}

func ExampleMaxPool2D() {
	show([]int{32, 32, 8}, layers.MaxPool2D(2), layers.MaxPool2D(3).Stride(2).Same())
	// Output:
	// max_pool2d_1 [16 16 8] 0
	// max_pool2d_2 [8 8 8] 0
}

func ExampleAvgPool1D() {
	predict([][]float64{{1, 2, 4, 3}}, sequence, layers.AvgPool1D(2))
	// Output: [[1.5 3.5]]
}

func ExampleAvgPool2D() {
	show([]int{32, 32, 8}, layers.AvgPool2D(4))
	// Output: avg_pool2d_1 [8 8 8] 0
}

func ExampleGlobalAveragePool() {
	predict([][]float64{{1, 2, 4, 3}}, sequence, layers.GlobalAveragePool())
	// Output: [[2.5]]
}

func ExampleGlobalMaxPool() {
	predict([][]float64{{1, 2, 4, 3}}, sequence, layers.GlobalMaxPool())
	// Output: [[4]]
}

func ExampleUpSample1D() {
	predict([][]float64{{1, 2, 4, 3}}, sequence, layers.UpSample1D(2))
	predict([][]float64{{1, 2, 4, 3}}, sequence, layers.UpSample1D(2).Linear())
	// Output:
	// [[1 1 2 2 4 4 3 3]]
	// [[1 1.25 1.75 2.5 3.5 3.75 3.25 3]]
}

func ExampleUpSample2D() {
	show([]int{8, 8, 16}, layers.UpSample2D(2), layers.Conv2D(8, 3).Same())
	// Output:
	// up_sample2d_1 [16 16 16] 0
	// conv2d_1 [16 16 8] 1160
}

func ExampleDense() {
	show([]int{64}, layers.Dense(32, layers.GELU), layers.Dense(10))
	// Output:
	// dense_1 [32] 2080
	// dense_2 [10] 330
}

func ExampleDropout() {
	predict([][]float64{{1, 2}}, layers.Dropout(0.5)) // nothing is dropped after training
	// Output: [[1 2]]
}

func ExampleReshape() {
	show([]int{64}, layers.Reshape(8, 8, 1), layers.Flatten())
	// Output:
	// reshape_1 [8 8 1] 0
	// flatten_1 [64] 0
}

func ExampleInput() {
	fmt.Println(mlx.Sequential(layers.Input(4), layers.Dense(2)).Summary().Trainable)
	// Output: 10
}

func ExampleActivation() {
	predict([][]float64{{-2, 3}}, layers.ReLU)
	predict([][]float64{{-2, 3}}, layers.LeakyReLU)
	// Output:
	// [[0 3]]
	// [[-0.02 3]]
}

func ExampleBatchNorm() {
	show([]int{8, 8, 16}, layers.Conv2D(32, 3).Same().NoBias(), layers.BatchNorm(), layers.ReLU)
	// Output:
	// conv2d_1 [8 8 32] 4608
	// batch_norm_1 [8 8 32] 128
	// relu_1 [8 8 32] 0
}

func ExampleLayerNorm() {
	show([]int{16, 64}, layers.LayerNorm())
	// Output: layer_norm_1 [16 64] 128
}

func ExampleRMSNorm() {
	show([]int{16, 64}, layers.RMSNorm())
	// Output: rms_norm_1 [16 64] 64
}

func ExampleGroupNorm() {
	show([]int{8, 8, 16}, layers.GroupNorm(4))
	// Output: group_norm_1 [8 8 16] 32
}

func ExampleEmbedding() {
	show([]int{20}, layers.Embedding(1000, 32).Padding(0), layers.LSTM(64), layers.Dense(2))
	// Output:
	// embedding_1 [20 32] 32000
	// lstm_1 [64] 24832
	// dense_1 [2] 130
}

func ExampleEmbeddingOf() {
	vectors := [][]float32{{0, 0}, {1, 2}, {3, 4}}
	predict([][]float64{{2, 1, 0}}, layers.EmbeddingOf(vectors).Frozen())
	// Output: [[3 4 1 2 0 0]]
}

func ExamplePositionalEncoding() {
	predict([][]float64{{0, 0, 0, 0}}, sequence, layers.PositionalEncoding())
	// Output: [[0 0.84147096 0.9092974 0.14112]]
}

func ExamplePositionEmbedding() {
	show([]int{20}, layers.Embedding(1000, 32), layers.PositionEmbedding(512))
	// Output:
	// embedding_1 [20 32] 32000
	// position_embedding_1 [20 32] 16384
}

func ExampleMasking() {
	predict([][]float64{{4, 2, -1, -1}}, sequence, layers.Masking(-1), layers.GlobalAveragePool())
	// Output: [[3]]
}

// A layer of one's own that gives the share of the steps that are real.
func ExampleMask() {
	share := mlx.Func("share", func(_ *model.Scope, x *graph.Node) *graph.Node {
		return graph.ReduceAndKeep(graph.ConvertDType(layers.Mask(x), x.DType()), graph.ReduceMean, 1)
	})
	predict([][]float64{{7, 5, 8, 0}}, layers.Embedding(9, 2).Padding(0), share)
	// Output: [[0.75]]
}

// Only the first half of the steps count.
func ExampleWithMask() {
	half := mlx.Func("half", func(_ *model.Scope, x *graph.Node) *graph.Node {
		batch := x.Shape().Dim(0)
		mask := graph.BroadcastToDims(graph.Const(x.Graph(), [][]bool{{true, true, false, false}}), batch, 4)
		return layers.WithMask(x, mask)
	})
	predict([][]float64{{1, 2, 30, 40}}, sequence, half, layers.GlobalAveragePool())
	// Output: [[1.5]]
}

// Sequences of lengths 1 and 3, which stand before them.
func ExampleLengthMask() {
	real := mlx.Func("real", func(_ *model.Scope, x *graph.Node) *graph.Node {
		lengths := graph.Squeeze(graph.Slice(x, graph.AxisRange(), graph.AxisElem(0)), 1)
		rest := graph.ExpandAxes(graph.Slice(x, graph.AxisRange(), graph.AxisRange(1)), -1)
		return layers.WithMask(rest, layers.LengthMask(lengths, 3))
	})
	predict([][]float64{{1, 7, 0, 0}, {3, 7, 8, 9}}, real, layers.GlobalAveragePool())
	// Output: [[7] [8]]
}

// An LSTM that goes on from where another ended, as in a translator.
func ExampleRecurrentLayer_ApplyFrom() {
	encoder, decoder := layers.LSTM(16), layers.LSTM(16)
	translator := mlx.Func("translator", func(scope *model.Scope, x *graph.Node) *graph.Node {
		_, state := encoder.ApplyFrom(scope.In("encoder"), graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 6)))
		outputs, _ := decoder.ApplyFrom(scope.In("decoder"), graph.Slice(x, graph.AxisRange(), graph.AxisRange(6)), state...)
		return outputs
	})
	show([]int{10, 8}, translator)
	// Output: translator_1 [4 16] 3200
}

func ExampleLSTM() {
	show([]int{20, 8}, layers.LSTM(32).Bidirectional().Stacked(2).Dropout(0.5), layers.Dense(1))
	// Output:
	// lstm_1 [64] 35328
	// dense_1 [1] 65
}

func ExampleGRU() {
	show([]int{20, 8}, layers.GRU(32).Sequences(), layers.GRU(16))
	// Output:
	// gru_1 [20 32] 3968
	// gru_2 [16] 2368
}

func ExampleSimpleRNN() {
	show([]int{20, 8}, layers.SimpleRNN(32))
	// Output: simple_rnn_1 [32] 1312
}

func ExampleMultiHeadAttention() {
	show([]int{20, 64}, layers.MultiHeadAttention(4).Causal().Dropout(0.1))
	// Output: multi_head_attention_1 [20 64] 16640
}

// Cross-attention, in a layer of one's own.
func ExampleAttentionLayer_ApplyTo() {
	attention := layers.MultiHeadAttention(2)
	across := mlx.Func("across", func(scope *model.Scope, x *graph.Node) *graph.Node {
		own, memory := graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 5)), graph.Slice(x, graph.AxisRange(), graph.AxisRange(5))
		return attention.ApplyTo(scope, own, memory)
	})
	show([]int{20, 8}, across)
	// Output: across_1 [5 8] 288
}

// How a query mixes three values: the key of the second is most like it.
func ExampleAttend() {
	backend, err := mlx.Backend()
	if err != nil {
		fmt.Println(err)
		return
	}
	mixed, err := graph.CallOnce(backend, func(g *graph.Graph) *graph.Node {
		q := graph.Const(g, [][][][]float32{{{{0, 1}}}})
		k := graph.Const(g, [][][][]float32{{{{100, 0}, {0, 100}, {0, 0}}}})
		v := graph.Const(g, [][][][]float32{{{{1}, {2}, {3}}}})
		mixed, _ := layers.Attend(q, k, v, nil, nil)
		return mixed
	})
	fmt.Println(mixed.Value(), err)
	// Output: [[[[2]]]] <nil>
}

func ExampleTransformerEncoder() {
	show([]int{20},
		layers.Embedding(1000, 32).Padding(0).StdDev(0.02),
		layers.PositionalEncoding(),
		layers.TransformerEncoder(4, 128).Dropout(0.1),
		layers.LayerNorm(),
		layers.GlobalAveragePool(),
		layers.Dense(2),
	)
	// Output:
	// embedding_1 [20 32] 32000
	// positional_encoding_1 [20 32] 0
	// transformer_encoder_1 [20 32] 12704
	// layer_norm_1 [20 32] 64
	// global_average_pool_1 [32] 0
	// dense_1 [2] 66
}

// A small GPT.
func ExampleTransformerDecoder() {
	block := layers.TransformerDecoder(4, 128)
	show([]int{20}, layers.Embedding(1000, 32), layers.PositionEmbedding(20), block, block, layers.LayerNorm(), layers.Dense(1000))
	// Output:
	// embedding_1 [20 32] 32000
	// position_embedding_1 [20 32] 640
	// transformer_decoder_1 [20 32] 12704
	// transformer_decoder_2 [20 32] 12704
	// layer_norm_1 [20 32] 64
	// dense_1 [20 1000] 33000
}

func ExampleResidual() {
	show([]int{8, 8, 16}, layers.Residual(layers.Conv2D(16, 3, layers.ReLU).Same(), layers.Conv2D(16, 3).Same()))
	// Output: residual_1 [8 8 16] 4640
}

// The residual block that halves an image.
func ExampleSum() {
	show([]int{8, 8, 16}, layers.Sum(
		layers.Stack(layers.Conv2D(32, 3, layers.ReLU).Stride(2).Same(), layers.Conv2D(32, 3).Same()),
		layers.Conv2D(32, 1).Stride(2).Same(),
	))
	// Output: sum_1 [4 4 32] 14432
}

func ExampleConcat() {
	predict([][]float64{{-2, 3}}, layers.Concat(layers.Identity(), layers.ReLU))
	// Output: [[-2 3 0 3]]
}

func ExampleStack() {
	block := layers.Stack(layers.Conv2D(16, 3).Same().NoBias(), layers.BatchNorm(), layers.ReLU)
	show([]int{8, 8, 16}, block, block)
	// Output:
	// stack_1 [8 8 16] 2368
	// stack_2 [8 8 16] 2368
}

func ExampleGatedConv1D() {
	show([]int{100, 16}, layers.GatedConv1D(32, 2, 4))
	// Output: gated_conv1d_1 [100 16] 2640
}

func ExampleWaveNet() {
	show([]int{1000, 1}, layers.WaveNet(16, 2, 1, 2, 4, 8, 16, 32), layers.ReLU, layers.Conv1D(256, 1))
	// Output:
	// wavenet_1 [1000 16] 2293
	// relu_1 [1000 16] 0
	// conv1d_1 [1000 256] 4352
}

// Temperatures along a line of three sensors, each a node.
func ExampleGraphConv() {
	line := layers.NewGraphOfEdges(3, [][2]int{{0, 1}, {1, 2}})
	show([]int{3, 1}, layers.GraphConv(8, line, layers.ReLU), layers.Flatten(), layers.Dense(1))
	// Output:
	// graph_conv_1 [3 8] 25
	// flatten_1 [24] 0
	// dense_1 [1] 25
}

// Who of five people left, by whom they know: nodes of one graph, each an example.
func ExampleGraphNodes() {
	known := layers.NewGraph([][]float32{
		{0, 1, 0, 0, 0},
		{1, 0, 1, 0, 0},
		{0, 1, 0, 0, 0},
		{0, 0, 0, 0, 1},
		{0, 0, 0, 1, 0},
	})
	features := [][]float32{{1, 0}, {1, 1}, {0, 1}, {-1, 0}, {-1, -1}}
	m := mlx.Sequential(layers.GraphNodes(features, layers.GraphConv(4, known, layers.Tanh), layers.GraphConv(2, known)))
	train := mlx.FromSlices([][]float64{{0}, {3}}, []string{"stays", "left"})
	if _, err := mlx.Fit(m, train, mlx.FitOptions{Epochs: 50, LearningRate: 0.1, Quiet: true}); err != nil {
		fmt.Println(err)
		return
	}
	p, err := mlx.Predict(m, mlx.FromRows([][]float64{{1}, {2}, {4}}))
	fmt.Println(p.Labels(), err)
	// Output: [stays stays left] <nil>
}
