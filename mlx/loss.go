package mlx

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Loss measures how wrong outputs are. [CrossEntropy], [BinaryCrossEntropy] and [MSE] are losses; any type with these
// methods is one, if its values can be compared by ==.
type Loss interface {
	// Name names the loss in messages.
	Name() string
	// Each builds the loss of each example, shape [batch]. outputs has shape [batch, k], float32. labels are class
	// indices, int32 of shape [batch], or values, float32 of shape [batch, k]. It panics with an error when it does not
	// take them.
	Each(labels, outputs *graph.Node) *graph.Node
}

// LabelChecker is a [Loss] whose labels, if they are values, need not be as long as the outputs, nor the outputs a row of
// numbers, such as [CTC].
type LabelChecker interface {
	Loss
	// CheckLabels says why the loss does not take labels, width values an example one after the other, with outputs of this
	// shape, without the batch.
	CheckLabels(values []float32, width int, outputs []int) error
}

var (
	// CrossEntropy is the negative log-likelihood of the right class, outputs being logits, one a class:
	// log Σ exp(outputs) - outputs[label]. It is what [Fit] takes for classes, unless the model has one output.
	CrossEntropy Loss = crossEntropy{}
	// BinaryCrossEntropy is the negative log-likelihood of labels that are 0 or 1, or between, each output being the logit of
	// 1; the mean over outputs. It is what [Fit] takes for two classes when the model has one output.
	BinaryCrossEntropy Loss = binaryCrossEntropy{}
	// MSE is the mean over outputs of the squared difference. It is what [Fit] takes for values.
	MSE Loss = mse{}
)

type crossEntropy struct{}

func (crossEntropy) Name() string { return "cross-entropy" }

func (crossEntropy) Each(labels, outputs *graph.Node) *graph.Node {
	if !labels.DType().IsInt() {
		panic(layerError("cross-entropy takes classes, not values; use MSE, or give whole numbers or text as labels"))
	}
	if outputs.Shape().Dim(-1) < 2 {
		panic(layerError("cross-entropy takes one output a class, at least 2; for one output use BinaryCrossEntropy"))
	}
	peak := graph.StopGradient(graph.ReduceAndKeep(outputs, graph.ReduceMax, -1))
	z := graph.Sub(outputs, peak)
	all := graph.Log(graph.ReduceSum(graph.Exp(z), -1))
	right := graph.ReduceSum(graph.Mul(z, graph.OneHot(labels, z.Shape().Dim(-1), z.DType())), -1)
	return graph.Sub(all, right)
}

type binaryCrossEntropy struct{}

func (binaryCrossEntropy) Name() string { return "binary cross-entropy" }

func (binaryCrossEntropy) Each(labels, outputs *graph.Node) *graph.Node {
	if labels.DType().IsInt() {
		if outputs.Shape().Dim(-1) != 1 {
			panic(layerError("binary cross-entropy of classes takes one output, not %d; use CrossEntropy", outputs.Shape().Dim(-1)))
		}
		labels = graph.Reshape(graph.ConvertDType(labels, dtypes.Float32), outputs.Shape().Dimensions...)
	}
	// max(x, 0) - x·y + log(1 + exp(-|x|)): no overflow, whatever x.
	x := outputs
	each := graph.Add(graph.Sub(rectified(x), graph.Mul(x, labels)), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(x)))))
	return graph.ReduceMean(each, -1)
}

type mse struct{}

func (mse) Name() string { return "mean squared error" }

func (mse) Each(labels, outputs *graph.Node) *graph.Node {
	if labels.DType().IsInt() {
		panic(layerError("mean squared error takes values, not classes; use CrossEntropy, or give the labels as floats"))
	}
	return graph.ReduceMean(graph.Square(graph.Sub(outputs, labels)), -1)
}

// rectified is max(x, 0), with a gradient of 0 at 0.
func rectified(x *graph.Node) *graph.Node { return graph.Where(above0(x), x, graph.ZerosLike(x)) }

func above0(x *graph.Node) *graph.Node { return graph.GreaterThan(x, graph.ZerosLike(x)) }

// counted names what hits builds for each target: accuracy, mae, or nothing when labels and outputs can't be compared one by one.
func (m *Model) counted(p *prepared, o objectives) (out []string) {
	for i, t := range p.out {
		name := "mae"
		if t.indices != nil {
			name = "accuracy"
		} else if _, ok := o.all[i].loss.(LabelChecker); ok {
			name = ""
		}
		out = append(out, name)
	}
	return out
}

// hits builds what is counted beside the loss, for each example, shape [batch]: 1 for a class that is right and 0 for
// one that isn't; for values, the mean absolute error; 0 where the labels are of another shape.
func hits(labels, outputs *graph.Node) *graph.Node {
	if !labels.DType().IsInt() {
		if !labels.Shape().Equal(outputs.Shape()) {
			return graph.Zeros(outputs.Graph(), shapes.Make(dtypes.Float32, outputs.Shape().Dim(0)))
		}
		return graph.ReduceMean(graph.Abs(graph.Sub(outputs, labels)), -1)
	}
	var class *graph.Node
	if outputs.Shape().Dim(-1) == 1 {
		class = graph.ConvertDType(graph.Squeeze(above0(outputs), -1), dtypes.Int32)
	} else {
		class = graph.ArgMax(outputs, -1, dtypes.Int32)
	}
	return graph.ConvertDType(graph.Equal(class, labels), dtypes.Float32)
}
