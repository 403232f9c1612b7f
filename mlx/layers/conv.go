package layers

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// ConvLayer is a convolution, made by [Conv1D], [Conv2D], [DepthwiseConv1D], [DepthwiseConv2D], [ConvTranspose1D] or
// [ConvTranspose2D]. Its methods give
// changed copies:
//
//	layers.Conv2D(64, 3, layers.ReLU).Stride(2).Same()
//
// As in every library of neural networks it is a cross-correlation: output = Σ weights[k]·input[place·stride + k·dilation] + bias.
//
// Variables: weights [size…, channels/groups, filters] (Keras's layout; PyTorch's is [filters, channels/groups, size…]),
// drawn as by He et al. (2015) before a rectifier and as by Glorot and Bengio (2010) elsewhere; bias [filters], 0 at first.
type ConvLayer struct {
	kind       string
	windows    windows
	filters    int
	groups     int
	depthwise  bool // as many filters and groups as channels
	transposed bool
	noBias     bool
	activation []Activation
}

// Conv1D slides filters over time: [batch, steps, channels] becomes [batch, steps', filters]. Without padding steps' is
// steps-size+1, as in Keras and PyTorch. LeCun et al. (1998), https://doi.org/10.1109/5.726791.
func Conv1D(filters, size int, activation ...Activation) ConvLayer {
	return ConvLayer{kind: "conv1d", windows: windows{rank: 1, size: []int{size}}, filters: filters, groups: 1, activation: activation}
}

// Conv2D slides filters over images: [batch, height, width, channels] becomes [batch, height', width', filters]. Without
// padding height' is height-size+1, as in Keras and PyTorch. LeCun et al. (1998), https://doi.org/10.1109/5.726791.
func Conv2D(filters, size int, activation ...Activation) ConvLayer {
	return ConvLayer{kind: "conv2d", windows: windows{rank: 2, size: []int{size}}, filters: filters, groups: 1, activation: activation}
}

// DepthwiseConv1D gives every channel a filter of its own: [batch, steps, channels] becomes [batch, steps', channels].
func DepthwiseConv1D(size int, activation ...Activation) ConvLayer {
	return ConvLayer{kind: "depthwise_conv1d", windows: windows{rank: 1, size: []int{size}}, depthwise: true, activation: activation}
}

// DepthwiseConv2D gives every channel a filter of its own: [batch, height, width, channels] becomes [batch, height', width',
// channels]. Followed by Conv2D(filters, 1) it is the separable convolution of Chollet (2016), https://arxiv.org/abs/1610.02357.
func DepthwiseConv2D(size int, activation ...Activation) ConvLayer {
	return ConvLayer{kind: "depthwise_conv2d", windows: windows{rank: 2, size: []int{size}}, depthwise: true, activation: activation}
}

// ConvTranspose1D is the transpose of the linear map that Conv1D is: with Stride(2) it makes sequences twice as long. Steps
// become (steps-1)·stride + (size-1)·dilation + 1, less twice the padding; with Same() steps·stride.
//
// The weights are [size, channels, filters]; those of PyTorch's ConvTranspose1d are [channels, filters, size].
func ConvTranspose1D(filters, size int, activation ...Activation) ConvLayer {
	c := Conv1D(filters, size, activation...)
	c.kind, c.transposed = "conv_transpose1d", true
	return c
}

// ConvTranspose2D is the transpose of the linear map that Conv2D is: with Stride(2) it makes images of twice the size. A height
// becomes (height-1)·stride + (size-1)·dilation + 1, less twice the padding; with Same() height·stride. Zeiler et al. (2010),
// https://doi.org/10.1109/CVPR.2010.5539957.
//
// The weights are [size, size, channels, filters]; those of PyTorch's ConvTranspose2d are [channels, filters, size, size].
func ConvTranspose2D(filters, size int, activation ...Activation) ConvLayer {
	c := Conv2D(filters, size, activation...)
	c.kind, c.transposed = "conv_transpose2d", true
	return c
}

// Size sets the size of the window axis by axis: Conv2D(8, 1).Size(1, 7).
func (l ConvLayer) Size(size ...int) ConvLayer { l.windows.size = size; return l }

// Stride moves the window by so many places instead of 1: one number, or one for each axis.
func (l ConvLayer) Stride(stride ...int) ConvLayer { l.windows.stride = stride; return l }

// Dilation leaves gaps in the window, which spans (size-1)·dilation + 1 places: one number, or one for each axis. Yu and
// Koltun (2015), https://arxiv.org/abs/1511.07122.
func (l ConvLayer) Dilation(dilation ...int) ConvLayer { l.windows.dilation = dilation; return l }

// Same pads with zeros so that the output is as large as the input, divided by the stride and rounded up. As in Keras and
// TensorFlow, an odd zero goes to the end.
func (l ConvLayer) Same() ConvLayer { l.windows.padding = padSame; return l }

// Causal pads with zeros before the first step only, so that no output depends on a later input; for one axis. Van den
// Oord et al. (2016), https://arxiv.org/abs/1609.03499.
func (l ConvLayer) Causal() ConvLayer { l.windows.padding = padCausal; return l }

// Pad pads with so many zeros on both sides, as PyTorch's padding does: one number, or one for each axis.
func (l ConvLayer) Pad(pad ...int) ConvLayer {
	l.windows.padding, l.windows.pad = padExplicit, pad
	return l
}

// Groups divides channels and filters into so many groups that don't mix: Krizhevsky et al. (2012). It must divide both.
func (l ConvLayer) Groups(groups int) ConvLayer { l.groups = groups; return l }

// NoBias leaves the bias out, as is usual before a normalization.
func (l ConvLayer) NoBias() ConvLayer { l.noBias = true; return l }

// Kind is the layer's name, such as "conv2d".
func (l ConvLayer) Kind() string { return l.kind }

// PerExample says that it treats every example by itself.
func (l ConvLayer) PerExample() bool { return true }

// Apply builds the convolution.
func (l ConvLayer) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	w := l.windows
	if w.padding == padCausal && (w.rank != 1 || l.transposed) {
		panic(fmt.Errorf("causal padding is for Conv1D and DepthwiseConv1D; use Same() or Pad()"))
	}
	var axes []axis
	if l.transposed {
		x, axes = l.spread(x)
	} else {
		axes = w.over(x)
	}
	channels := x.Shape().Dim(-1)
	groups, filters := l.groups, l.filters
	if l.depthwise {
		groups, filters = channels, channels
	}
	switch {
	case filters < 1:
		panic(fmt.Errorf("it has %d filters; it needs 1 or more", filters))
	case groups < 1 || channels%groups != 0 || filters%groups != 0:
		panic(fmt.Errorf("its %d groups must divide both the channels, %d of %s, and the filters, %d", groups, channels, shape.Of(x), filters))
	}
	dims, places := []int{}, 1
	for _, a := range axes {
		dims, places = append(dims, a.size), places*a.size
	}
	draw := drawFor(places*channels/groups, places*filters/groups, l.activation)
	g := x.Graph()
	weights := weight(scope, "weights", draw, append(dims, channels/groups, filters)...).NodeValue(g)
	if l.transposed { // what an input adds to output i·stride + k is what output o sees of it at k reversed
		spatial := make([]int, w.rank)
		for i := range spatial {
			spatial[i] = i
		}
		weights = graph.Reverse(weights, spatial...)
	}
	x = convolve(x, weights, axes, groups)
	if !l.noBias {
		x = graph.Add(x, wide(weight(scope, "bias", zeros, filters).NodeValue(g), x.Rank()))
	}
	for _, a := range l.activation {
		x = a.Apply(scope, x)
	}
	return x
}

// spread puts zeros between the inputs of a transposed convolution, and gives the windows that then slide over them.
func (l ConvLayer) spread(x *graph.Node) (*graph.Node, []axis) {
	w := l.windows
	plain := windows{rank: w.rank, size: []int{1}}
	plain.over(x) // the rank is right
	config := make([]compute.PadAxis, x.Rank())
	axes := make([]axis, w.rank)
	for i := range axes {
		a := axis{size: w.at("size", w.size, i, 1), stride: 1, dilation: w.at("dilation", w.dilation, i, 1)}
		stride, n := w.at("stride", w.stride, i, 1), x.Shape().Dim(i+1)
		config[i+1].Interior = stride - 1
		spaced := (n-1)*stride + 1
		a.low, a.high = a.reach()-1, a.reach()-1
		switch w.padding {
		case padSame: // what the plain convolution pads, n·stride being its input
			total := max(0, a.reach()-stride)
			a.low -= total / 2
			a.high = n*stride + a.reach() - 1 - spaced - a.low
		case padExplicit:
			pad := w.at("padding", w.pad, i, 0)
			if pad >= a.reach() {
				panic(fmt.Errorf("its padding of %v is more than its window, %d, less 1", w.pad, a.reach()))
			}
			a.low, a.high = a.low-pad, a.high-pad
		}
		a.out = a.low + spaced + a.high - a.reach() + 1
		if a.out < 1 {
			panic(fmt.Errorf("with its padding of %v nothing is left of %s along axis %d", w.pad, shape.Of(x), i+1))
		}
		axes[i] = a
	}
	if slices.ContainsFunc(config, func(c compute.PadAxis) bool { return c.Interior != 0 }) {
		x = graph.Pad(x, graph.ScalarZero(x.Graph(), x.DType()), config...)
	}
	return x, axes
}

// wide gives a vector the rank of what it is added to.
func wide(v *graph.Node, rank int) *graph.Node {
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = 1
	}
	dims[rank-1] = v.Shape().Dim(0)
	return graph.Reshape(v, dims...)
}
