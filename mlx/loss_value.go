package mlx

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"golab/mlx/internal/shape"
)

// MAE is the mean over outputs of the absolute difference; its gradient at 0 is 0.
var MAE Loss = mae{}

type mae struct{}

func (mae) Name() string { return "mean absolute error" }

func (l mae) Each(labels, outputs *graph.Node) *graph.Node {
	sameShape(l.Name(), labels, outputs)
	return graph.ReduceMean(graph.Abs(graph.Sub(outputs, labels)), -1)
}

// Huber is the mean over outputs of d²/2 for differences d up to Delta, and of Delta·(|d| - Delta/2) beyond, where outliers pull
// no harder than that: Huber (1964), https://doi.org/10.1214/aoms/1177703732, as PyTorch's HuberLoss.
type Huber struct {
	Delta float64 // 1 when left at 0
}

// Name implements [Loss].
func (Huber) Name() string { return "Huber loss" }

// Each implements [Loss].
func (l Huber) Each(labels, outputs *graph.Node) *graph.Node {
	sameShape(l.Name(), labels, outputs)
	delta := or(l.Delta, 1)
	if !(delta > 0) {
		panic(layerError("Huber loss with Delta %v; it must be above 0", l.Delta))
	}
	d := graph.Abs(graph.Sub(outputs, labels))
	within := graph.Min(d, graph.Scalar(d.Graph(), d.DType(), delta))
	// within²/2 + delta·(d - within): either part alone on its side.
	return graph.ReduceMean(graph.Add(graph.MulScalar(graph.Square(within), 0.5), graph.MulScalar(graph.Sub(d, within), delta)), -1)
}

// CosineDistance is 1 - cos between outputs and labels, which are values, as many as outputs: from 0, the same direction, to 2.
// Lengths below 1e-8 count as that.
var CosineDistance Loss = cosineDistance{}

type cosineDistance struct{}

func (cosineDistance) Name() string { return "cosine distance" }

func (l cosineDistance) Each(labels, outputs *graph.Node) *graph.Node {
	sameShape(l.Name(), labels, outputs)
	return graph.OneMinus(cosine(outputs, labels))
}

func cosine(a, b *graph.Node) *graph.Node {
	// The square is what is kept from 0: the root has no gradient there.
	length := func(x *graph.Node) *graph.Node {
		sum := graph.ReduceSum(graph.Square(x), -1)
		return graph.Sqrt(graph.Max(sum, graph.Scalar(x.Graph(), x.DType(), 1e-16)))
	}
	return graph.Div(graph.ReduceSum(graph.Mul(a, b), -1), graph.Mul(length(a), length(b)))
}

// distance is the Euclidean one, its square kept from 0, where the root has no gradient.
func distance(a, b *graph.Node) *graph.Node {
	return graph.Sqrt(graph.AddScalar(graph.ReduceSum(graph.Square(graph.Sub(a, b)), -1), 1e-12))
}

// Contrastive brings pairs that belong together close, and others at least Margin apart: y·d² + (1-y)·max(0, Margin - d)², halved.
// Hadsell, Chopra and LeCun (2006), https://doi.org/10.1109/CVPR.2006.100.
//
// The outputs of an example are two vectors, one after the other, and d is their distance; the label y is one value, 1 for a pair that
// belongs together and 0 for one that doesn't. Inputs of shape [2, …] through layers that treat the first axis alike, such as
// Dense, then Flatten, give such outputs.
type Contrastive struct {
	Margin float64 // 1 when left at 0
}

// Name implements [Loss].
func (Contrastive) Name() string { return "contrastive loss" }

// CheckLabels implements [LabelChecker].
func (Contrastive) CheckLabels(values []float32, width int, outputs []int) error {
	if width != 1 || len(outputs) != 1 || outputs[0]%2 != 0 {
		return fmt.Errorf("it takes two vectors, one after the other, and one label (1: together, 0: not), not outputs %s and %d labels", shape.Text(outputs), width)
	}
	for row, v := range values {
		if v < 0 || v > 1 {
			return fmt.Errorf("the label of row %d is %v; it is 1 for a pair that belongs together and 0 for one that doesn't", row, v)
		}
	}
	return nil
}

// Each implements [Loss].
func (l Contrastive) Each(labels, outputs *graph.Node) *graph.Node {
	parts := vectors(l.Name(), outputs, 2)
	y := graph.Squeeze(labels, -1)
	d := distance(parts[0], parts[1])
	apart := graph.Square(rectified(graph.OneMinus(graph.MulScalar(d, 1/or(l.Margin, 1)))))
	apart = graph.MulScalar(apart, or(l.Margin, 1)*or(l.Margin, 1))
	return graph.MulScalar(graph.Add(graph.Mul(y, graph.Square(d)), graph.Mul(graph.OneMinus(y), apart)), 0.5)
}

// Triplet asks that an anchor be closer to what belongs with it than to what doesn't, by a margin:
// max(0, d(anchor, positive) - d(anchor, negative) + Margin), d being Euclidean. Schroff, Kalenichenko and Philbin (2015),
// https://arxiv.org/abs/1503.03832, as PyTorch's TripletMarginLoss.
//
// The outputs of an example are three vectors, one after the other: anchor, positive, negative. The labels are values that are not
// looked at.
type Triplet struct {
	Margin float64 // 1 when left at 0
}

// Name implements [Loss].
func (Triplet) Name() string { return "triplet loss" }

// CheckLabels implements [LabelChecker].
func (Triplet) CheckLabels(_ []float32, _ int, outputs []int) error {
	if len(outputs) != 1 || outputs[0]%3 != 0 {
		return fmt.Errorf("it takes three vectors, one after the other, not outputs %s", shape.Text(outputs))
	}
	return nil
}

// Each implements [Loss].
func (l Triplet) Each(_, outputs *graph.Node) *graph.Node {
	parts := vectors(l.Name(), outputs, 3)
	return rectified(graph.AddScalar(graph.Sub(distance(parts[0], parts[1]), distance(parts[0], parts[2])), or(l.Margin, 1)))
}

// vectors cuts [batch, n·k] into n of [batch, k].
func vectors(name string, outputs *graph.Node, n int) []*graph.Node {
	k := outputs.Shape().Dim(-1)
	if outputs.Rank() != 2 || k%n != 0 {
		panic(layerError("%s takes %d vectors, one after the other, not outputs %s", name, n, shape.Of(outputs)))
	}
	var out []*graph.Node
	for i := range n {
		out = append(out, graph.Slice(outputs, graph.AxisRange(), graph.AxisRange(i*k/n, (i+1)*k/n)))
	}
	return out
}

var (
	// IoU is 1 less the intersection over the union of boxes: from 0, the same, to 1, apart, where it has no gradient; take [GIoU] to
	// train with. Outputs and labels are values, four a box, x1, y1, x2, y2 with x1 ≤ x2 and y1 ≤ y2; several boxes one
	// after the other give their mean.
	IoU Loss = boxes{}
	// GIoU is 1 - IoU + the share of the smallest box around both that neither covers: from 0 to 2, with a gradient also where the
	// boxes are apart. Rezatofighi et al. (2019), https://arxiv.org/abs/1902.09630. Outputs and labels are as for [IoU].
	GIoU Loss = boxes{generalized: true}
)

type boxes struct{ generalized bool }

func (l boxes) Name() string {
	if l.generalized {
		return "GIoU loss"
	}
	return "IoU loss"
}

func (l boxes) Each(labels, outputs *graph.Node) *graph.Node {
	sameShape(l.Name(), labels, outputs)
	if outputs.Rank() != 2 || outputs.Shape().Dim(-1)%4 != 0 {
		panic(layerError("%s takes four outputs a box, not %s", l.Name(), shape.Of(outputs)))
	}
	batch, n := outputs.Shape().Dim(0), outputs.Shape().Dim(-1)/4
	side := func(x *graph.Node, i int) *graph.Node {
		x = graph.Reshape(x, batch, n, 4)
		return graph.Squeeze(graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(i, i+1)), -1)
	}
	var a, b [4]*graph.Node
	for i := range 4 {
		a[i], b[i] = side(outputs, i), side(labels, i)
	}
	area := func(x1, y1, x2, y2 *graph.Node) *graph.Node { return graph.Mul(graph.Sub(x2, x1), graph.Sub(y2, y1)) }
	// As torchvision does, with the same 1e-7 against empty boxes.
	safe := func(x, by *graph.Node) *graph.Node { return graph.Div(x, graph.AddScalar(by, 1e-7)) }
	inter := graph.Mul(rectified(graph.Sub(least(a[2], b[2]), most(a[0], b[0]))), rectified(graph.Sub(least(a[3], b[3]), most(a[1], b[1]))))
	union := graph.Sub(graph.Add(area(a[0], a[1], a[2], a[3]), area(b[0], b[1], b[2], b[3])), inter)
	each := graph.OneMinus(safe(inter, union))
	if l.generalized {
		around := area(least(a[0], b[0]), least(a[1], b[1]), most(a[2], b[2]), most(a[3], b[3]))
		each = graph.Add(each, safe(graph.Sub(around, union), around))
	}
	return graph.ReduceMean(each, -1)
}

// least and most are the minimum and the maximum, with half of the gradient to each where they are equal: boxes that match are not
// pulled away.
func least(a, b *graph.Node) *graph.Node {
	return graph.Where(graph.LessThan(a, b), a, graph.Where(graph.LessThan(b, a), b, graph.MulScalar(graph.Add(a, b), 0.5)))
}

func most(a, b *graph.Node) *graph.Node {
	return graph.Where(graph.LessThan(a, b), b, graph.Where(graph.LessThan(b, a), a, graph.MulScalar(graph.Add(a, b), 0.5)))
}
