package layers

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// PoolLayer takes the largest or the mean of what a window sees, channel by channel; made by [MaxPool1D], [MaxPool2D],
// [AvgPool1D] or [AvgPool2D]. Its methods give changed copies:
//
//	layers.MaxPool2D(3).Stride(2).Same()
//
// The windows don't overlap unless Stride says otherwise. What doesn't fill a window is left out unless Same or Pad pads.
// Padding is neither the largest of a window nor counted in its mean, as in Keras (PyTorch counts it unless count_include_pad is
// false). Where several are the largest the first gets the gradient, as in PyTorch.
type PoolLayer struct {
	kind    string
	windows windows
	mean    bool
}

// MaxPool1D takes the largest of size steps: [batch, steps, channels] becomes [batch, steps/size, channels].
func MaxPool1D(size int) PoolLayer { return pool("max_pool1d", 1, size, false) }

// MaxPool2D takes the largest of size × size pixels: [batch, height, width, channels] becomes [batch, height/size, width/size,
// channels].
func MaxPool2D(size int) PoolLayer { return pool("max_pool2d", 2, size, false) }

// AvgPool1D takes the mean of size steps: [batch, steps, channels] becomes [batch, steps/size, channels].
func AvgPool1D(size int) PoolLayer { return pool("avg_pool1d", 1, size, true) }

// AvgPool2D takes the mean of size × size pixels: [batch, height, width, channels] becomes [batch, height/size, width/size,
// channels].
func AvgPool2D(size int) PoolLayer { return pool("avg_pool2d", 2, size, true) }

func pool(kind string, rank, size int, mean bool) PoolLayer {
	return PoolLayer{kind, windows{rank: rank, size: []int{size}}, mean}
}

// Size sets the size of the window axis by axis: MaxPool2D(2).Size(1, 4).
func (l PoolLayer) Size(size ...int) PoolLayer { l.windows.size = size; return l }

// Stride moves the window by so many places instead of its size: one number, or one for each axis.
func (l PoolLayer) Stride(stride ...int) PoolLayer { l.windows.stride = stride; return l }

// Same pads so that there are as many outputs as inputs divided by the stride, rounded up.
func (l PoolLayer) Same() PoolLayer { l.windows.padding = padSame; return l }

// Pad pads on both sides: one number, or one for each axis; at most half a window.
func (l PoolLayer) Pad(pad ...int) PoolLayer {
	l.windows.padding, l.windows.pad = padExplicit, pad
	return l
}

// Kind is the layer's name, such as "max_pool2d".
func (l PoolLayer) Kind() string { return l.kind }

// PerExample says that it treats every example by itself.
func (l PoolLayer) PerExample() bool { return true }

// Apply builds the pooling.
func (l PoolLayer) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	if l.windows.stride == nil {
		l.windows.stride = l.windows.size
	}
	axes := l.windows.over(x)
	for _, a := range axes {
		if l.windows.padding == padExplicit && a.low > a.size/2 {
			panic(fmt.Errorf("its padding of %v is more than half a window of %d", l.windows.pad, a.size))
		}
	}
	if l.mean {
		return meanPool(x, axes)
	}
	seen := shifts(x, axes, math.Inf(-1))
	best := seen[0]
	for _, s := range seen[1:] {
		best = graph.Where(graph.GreaterThan(s, best), s, best)
	}
	return best
}

// meanPool divides the sum of what each window sees by how many inputs there are in it.
func meanPool(x *graph.Node, axes []axis) *graph.Node {
	seen := shifts(x, axes, 0)
	sum := seen[0]
	for _, s := range seen[1:] {
		sum = graph.Add(sum, s)
	}
	dims := outDims(x, axes, 1)
	dims[0] = 1
	shares := []float32{1}
	for i, a := range axes {
		n := x.Shape().Dim(i + 1)
		var next []float32
		for _, s := range shares {
			for o := range a.out {
				from := o*a.stride - a.low
				next = append(next, s/float32(min(from+a.size, n)-max(from, 0)))
			}
		}
		shares = next
	}
	return graph.Mul(sum, graph.Const(x.Graph(), tensors.FromFlatDataAndDimensions(shares, dims...)))
}

// GlobalAveragePool takes the mean over all places: [batch, …, channels] becomes [batch, channels]. Steps that are padding don't
// count, if it is known (see [EmbeddingLayer.Padding]).
func GlobalAveragePool() Layer { return globalPool{mean: true} }

// GlobalMaxPool takes the largest over all places: [batch, …, channels] becomes [batch, channels]. Steps that are padding don't
// count, if it is known (see [EmbeddingLayer.Padding]); if all are, it gives 0.
func GlobalMaxPool() Layer { return globalPool{} }

type globalPool struct{ mean bool }

func (l globalPool) Kind() string {
	if l.mean {
		return "global_average_pool"
	}
	return "global_max_pool"
}

func (globalPool) PerExample() bool { return true }

func (l globalPool) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() < 3 {
		panic(fmt.Errorf("it takes [batch, …, channels] with at least one axis between, not %s", shape.Of(x)))
	}
	var mask *graph.Node
	if x.Rank() == 3 {
		mask = Mask(x)
	}
	x = graph.Reshape(x, x.Shape().Dim(0), -1, x.Shape().Dim(-1))
	if l.mean {
		if mask == nil {
			return graph.ReduceMean(x, 1)
		}
		count := graph.ReduceAndKeep(graph.ConvertDType(mask, x.DType()), graph.ReduceSum, 1)
		return graph.Div(graph.ReduceSum(onlyReal(x, mask), 1), graph.Max(count, graph.OnesLike(count)))
	}
	// Not ReduceMax: its gradient goes to all that are the largest.
	ranked := x
	if mask != nil {
		wide := graph.BroadcastToDims(graph.ExpandAxes(mask, -1), x.Shape().Dimensions...)
		ranked = graph.Where(wide, x, graph.BroadcastToDims(graph.Scalar(x.Graph(), x.DType(), math.Inf(-1)), x.Shape().Dimensions...))
		x = onlyReal(x, mask)
	}
	largest := graph.BroadcastToDims(graph.ExpandAxes(graph.ArgMax(ranked, 1, dtypes.Int32), 1), x.Shape().Dimensions...)
	place := graph.Iota(x.Graph(), largest.Shape(), 1)
	return graph.ReduceSum(graph.Where(graph.Equal(place, largest), x, graph.ZerosLike(x)), 1)
}
