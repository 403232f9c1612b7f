package layers

import (
	"github.com/gomlx/gomlx/core/graph"
)

// convolve is the convolution of x [batch, in…, channels] with weights [size…, channels/groups, filters].
//
// It is done in one of three ways, by what was measured (docs/benchmarks.md, BenchmarkConv2D):
//   - every channel by itself: the sum of shifted inputs, each times its weights;
//   - im2col, the matrix of what every window sees, times the weights. GoMLX's pure Go has fast matrix products, but slow
//     convolutions, which can deadlock besides (compute v0.1.6). On XLA it is faster for few channels only;
//   - GoMLX's own Convolve, which takes no stride with a dilation.
func convolve(x, weights *graph.Node, axes []axis, groups int) *graph.Node {
	channels := x.Shape().Dim(-1)
	strided, dilated := false, false
	factors := append(outDims(x, axes, weights.Shape().Dim(-1)), channels/groups)
	for _, a := range axes {
		factors = append(factors, a.size)
		strided, dilated = strided || a.stride > 1, dilated || a.dilation > 1
	}
	count(x.Graph(), factors...)
	switch {
	case groups == channels && groups > 1:
		return depthwise(x, weights, axes)
	case groups > 1 || x.Graph().Backend().Name() != xlaBackend || channels <= im2colChannels || strided && dilated:
		return im2col(x, weights, axes, groups)
	}
	stride, dilation, pads := make([]int, len(axes)), make([]int, len(axes)), make([][2]int, len(axes))
	for i, a := range axes {
		stride[i], dilation[i], pads[i] = a.stride, a.dilation, [2]int{a.low, a.high}
	}
	return graph.Convolve(x, weights).StridePerAxis(stride...).DilationPerAxis(dilation...).PaddingPerDim(pads).Done()
}

const (
	xlaBackend     = "xla"
	im2colChannels = 8 // up to so many channels im2col is faster on XLA too
)

// im2col multiplies the matrix of what every window sees, [batch·out…, size…·channels], by the weights.
func im2col(x, weights *graph.Node, axes []axis, groups int) *graph.Node {
	channels, filters := x.Shape().Dim(-1), weights.Shape().Dim(-1)
	places := 1
	for _, a := range axes {
		places *= a.size
	}
	seen := shifts(x, axes, 0)
	columns := seen[0]
	if places > 1 {
		columns = graph.Concatenate(seen, -1)
	}
	dims := outDims(x, axes, filters)
	if groups == 1 {
		columns = graph.Reshape(columns, -1, places*channels)
		return graph.Reshape(graph.MatMul(columns, graph.Reshape(weights, places*channels, filters)), dims...)
	}
	columns = graph.Reshape(columns, -1, places, groups, channels/groups)
	weights = graph.Reshape(weights, places, channels/groups, groups, filters/groups)
	y := graph.Einsum("gnk,gkf->gnf",
		graph.Reshape(graph.TransposeAllAxes(columns, 2, 0, 1, 3), groups, -1, places*channels/groups),
		graph.Reshape(graph.TransposeAllAxes(weights, 2, 0, 1, 3), groups, places*channels/groups, filters/groups))
	return graph.Reshape(graph.TransposeAllAxes(y, 1, 0, 2), dims...)
}

// depthwise convolves every channel with filters of its own: output channel c·each + m is the mth of channel c.
func depthwise(x, weights *graph.Node, axes []axis) *graph.Node {
	channels, filters := x.Shape().Dim(-1), weights.Shape().Dim(-1)
	each := filters / channels
	seen := shifts(x, axes, 0)
	weights = graph.Reshape(weights, len(seen), channels, each)
	var sum *graph.Node
	for k, s := range seen {
		w := graph.Squeeze(graph.Slice(weights, graph.AxisElem(k)), 0)
		if each == 1 {
			s = graph.Mul(s, wide(graph.Squeeze(w, -1), s.Rank()))
		} else {
			s = graph.Mul(graph.ExpandAxes(s, -1), graph.ExpandLeftToRank(w, s.Rank()+1))
		}
		if sum == nil {
			sum = s
		} else {
			sum = graph.Add(sum, s)
		}
	}
	return graph.Reshape(sum, outDims(x, axes, filters)...)
}
