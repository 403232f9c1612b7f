package layers

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// UpSampleLayer makes sequences or images larger; made by [UpSample1D] or [UpSample2D].
type UpSampleLayer struct {
	rank, factor int
	linear       bool
}

// UpSample1D repeats every step: [batch, steps, channels] becomes [batch, steps·factor, channels].
func UpSample1D(factor int) UpSampleLayer { return UpSampleLayer{rank: 1, factor: factor} }

// UpSample2D repeats every pixel: [batch, height, width, channels] becomes [batch, height·factor, width·factor, channels].
func UpSample2D(factor int) UpSampleLayer { return UpSampleLayer{rank: 2, factor: factor} }

// Linear interpolates between neighbours instead (bilinearly in images): pixels are squares, so that the ends are kept, as in
// PyTorch with align_corners=False and in Keras. It gives a changed copy.
func (l UpSampleLayer) Linear() UpSampleLayer { l.linear = true; return l }

// Kind is the layer's name, such as "up_sample2d".
func (l UpSampleLayer) Kind() string { return fmt.Sprintf("up_sample%dd", l.rank) }

// PerExample says that it treats every example by itself.
func (l UpSampleLayer) PerExample() bool { return true }

// Apply builds it.
func (l UpSampleLayer) Apply(_ *model.Scope, x *graph.Node) *graph.Node {
	if l.factor < 1 {
		panic(fmt.Errorf("its factor is %d; it must be 1 or more", l.factor))
	}
	windows{rank: l.rank}.over(x)
	for axis := 1; axis <= l.rank; axis++ {
		if l.linear {
			x = interpolated(x, axis, l.factor)
		} else {
			x = repeated(x, axis, l.factor)
		}
	}
	return x
}

func repeated(x *graph.Node, axis, factor int) *graph.Node {
	dims := append([]int(nil), x.Shape().Dimensions...)
	x = graph.ExpandAxes(x, axis+1)
	spread := append([]int(nil), x.Shape().Dimensions...)
	spread[axis+1] = factor
	dims[axis] *= factor
	return graph.Reshape(graph.BroadcastToDims(x, spread...), dims...)
}

// interpolated multiplies an axis by the matrix of the shares that neighbours have in what lies between them. A product's gradient
// is right on every backend; that of gathers isn't (compute v0.1.6).
func interpolated(x *graph.Node, axis, factor int) *graph.Node {
	n := x.Shape().Dim(axis)
	shares := make([]float32, n*factor*n)
	for o := range n * factor {
		at := math.Max(0, (float64(o)+0.5)/float64(factor)-0.5)
		low := min(int(at), n-1)
		shares[o*n+low] += float32(1 - (at - float64(low)))
		shares[o*n+min(low+1, n-1)] += float32(at - float64(low))
	}
	matrix := graph.Const(x.Graph(), tensors.FromFlatDataAndDimensions(shares, n*factor, n))
	dims := append([]int(nil), x.Shape().Dimensions...)
	before, after := 1, 1
	for i, d := range dims {
		if i < axis {
			before *= d
		} else if i > axis {
			after *= d
		}
	}
	dims[axis] = n * factor
	y := graph.Einsum("on,bnc->boc", matrix, graph.Reshape(x, before, n, after))
	return graph.Reshape(y, dims...)
}
