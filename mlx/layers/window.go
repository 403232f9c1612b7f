package layers

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"golab/mlx/internal/shape"
)

// windows are what convolutions and pooling slide over the axes between the batch and the channels.
type windows struct {
	rank                   int   // axes
	size, stride, dilation []int // one for all axes, or one each; stride and dilation are 1 when nil
	padding                padding
	pad                    []int // for padExplicit, on both sides
}

type padding int

const (
	padValid    padding = iota // none
	padSame                    // as many places as inputs / stride, rounded up; an odd pad goes to the end
	padCausal                  // as padSame, all before the first: what comes out at a time depends on no later one
	padExplicit                // given
)

// axis is how a window slides over one axis.
type axis struct {
	size, stride, dilation int
	low, high              int // padded before and after
	out                    int // places
}

// reach is how many inputs a window spans.
func (a axis) reach() int { return (a.size-1)*a.dilation + 1 }

// over lays the windows over the axes of x, [batch, …, channels]. It panics when they don't fit.
func (w windows) over(x *graph.Node) []axis {
	if x.Rank() != w.rank+2 {
		want := "[batch, steps, channels]"
		if w.rank == 2 {
			want = "[batch, height, width, channels]"
		}
		panic(fmt.Errorf("it takes %s, not %s", want, shape.Of(x)))
	}
	axes := make([]axis, w.rank)
	for i := range axes {
		a := axis{size: w.at("size", w.size, i, 1), stride: w.at("stride", w.stride, i, 1), dilation: w.at("dilation", w.dilation, i, 1)}
		n := x.Shape().Dim(i + 1)
		switch w.padding {
		case padSame, padCausal:
			total := max(0, ((n+a.stride-1)/a.stride-1)*a.stride+a.reach()-n)
			a.low = total / 2
			if w.padding == padCausal {
				a.low = a.reach() - 1
				total = a.low
			}
			a.high = total - a.low
		case padExplicit:
			a.low = w.at("padding", w.pad, i, 0)
			a.high = a.low
		}
		if a.low+n+a.high < a.reach() {
			panic(fmt.Errorf("its window spans %d along axis %d, but it is given %s, %d there; take a smaller one, or pad with Same()", a.reach(), i+1, shape.Of(x), n))
		}
		a.out = (a.low+n+a.high-a.reach())/a.stride + 1
		axes[i] = a
	}
	return axes
}

// at is the value of a setting for an axis.
func (w windows) at(what string, values []int, i, least int) int {
	v := least
	switch len(values) {
	case 0:
	case 1:
		v = values[0]
	case w.rank:
		v = values[i]
	default:
		panic(fmt.Errorf("it has %d values for its %s, %v; give one, or one for each of %d axes", len(values), what, values, w.rank))
	}
	if v < least {
		panic(fmt.Errorf("its %s is %v; it must be %d or more", what, values, least))
	}
	return v
}

// padded puts fill around x.
func padded(x *graph.Node, axes []axis, fill float64) *graph.Node {
	config := make([]compute.PadAxis, x.Rank())
	for i, a := range axes {
		config[i+1] = compute.PadAxis{Start: a.low, End: a.high}
	}
	if !slices.ContainsFunc(config, func(c compute.PadAxis) bool { return c.Start != 0 || c.End != 0 }) {
		return x
	}
	return graph.Pad(x, graph.Scalar(x.Graph(), x.DType(), fill), config...)
}

// shifts gives, for every place in the window in row-major order, what the windows see there: each [batch, out…, channels].
func shifts(x *graph.Node, axes []axis, fill float64) []*graph.Node {
	x = padded(x, axes, fill)
	spec := make([]graph.SliceAxisSpec, x.Rank())
	for i := range spec {
		spec[i] = graph.AxisRange()
	}
	var all []*graph.Node
	var each func(i int)
	each = func(i int) {
		if i == len(axes) {
			all = append(all, graph.Slice(x, spec...))
			return
		}
		a := axes[i]
		for k := range a.size {
			from := k * a.dilation
			spec[i+1] = graph.AxisRange(from, from+(a.out-1)*a.stride+1)
			if a.stride > 1 {
				spec[i+1] = spec[i+1].Stride(a.stride)
			}
			each(i + 1)
		}
	}
	each(0)
	return all
}

// outDims is the shape of what comes of the windows: [batch, out…, channels].
func outDims(x *graph.Node, axes []axis, channels int) []int {
	dims := []int{x.Shape().Dim(0)}
	for _, a := range axes {
		dims = append(dims, a.out)
	}
	return append(dims, channels)
}
