package mlx

import (
	"math"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"golab/mlx/internal/shape"
)

// ClassWeights is how much each class counts, in the order of [Model.Classes]; make one with [Weights] or [BalancedWeights]. The
// zero value counts all alike. Equal ones are equal by ==.
type ClassWeights struct{ text string }

// Weights makes class weights of numbers.
func Weights(each ...float64) ClassWeights {
	var parts []string
	for _, w := range each {
		parts = append(parts, strconv.FormatFloat(w, 'g', -1, 64))
	}
	return ClassWeights{strings.Join(parts, " ")}
}

// BalancedWeights makes all classes of the data count alike, however often they occur: n / (classes · occurrences), as
// scikit-learn's "balanced". The mean weight of an example is 1. It is the zero value for data without classes.
//
// The classes are those that occur, in order: they have to be all that the model has outputs for.
func BalancedWeights(data *Data) ClassWeights {
	if data.Err() != nil || len(data.targets) == 0 || !data.targets[0].classes() {
		return ClassWeights{}
	}
	classes := data.Classes()
	labels, err := data.targets[0].encode(data.n, classes)
	if err != nil {
		return ClassWeights{}
	}
	counts := make([]float64, len(classes))
	for _, c := range labels {
		counts[c]++
	}
	for i, n := range counts {
		counts[i] = float64(data.n) / float64(len(classes)) / n
	}
	return Weights(counts...)
}

// Values are the weights; nil when all count alike.
func (w ClassWeights) Values() []float64 {
	var out []float64
	for _, f := range strings.Fields(w.text) {
		v, _ := strconv.ParseFloat(f, 64) // of our own making
		out = append(out, v)
	}
	return out
}

// String lists the weights.
func (w ClassWeights) String() string { return "[" + w.text + "]" }

// of gives the weights as a node [1, k]; nil when all count alike.
func (w ClassWeights) of(outputs *graph.Node) *graph.Node {
	values := w.Values()
	if values == nil {
		return nil
	}
	k := outputs.Shape().Dim(-1)
	if len(values) != k {
		panic(layerError("it has %d class weights, the model %d outputs", len(values), k))
	}
	flat := make([]float32, k)
	for i, v := range values {
		if !(v >= 0) || math.IsInf(v, 0) {
			panic(layerError("the weight of class %d is %v; it must be 0 or more", i, v))
		}
		flat[i] = float32(v)
	}
	return graph.Const(outputs.Graph(), [][]float32{flat})
}

// CategoricalCrossEntropy is [CrossEntropy] with options. Outputs are logits, one a class; labels are classes, or values: the
// probabilities of the classes, one each, which add up to 1 (soft targets).
//
// With p the softmax of the outputs, q the target's probabilities and w the weights, the loss of an example is
//
//	-Σ w·((1-Smoothing)·q + Smoothing/k)·log p
//
// as in PyTorch's CrossEntropyLoss. The mean is that over the examples, not over their weights.
type CategoricalCrossEntropy struct {
	Smoothing float64      // share of the target that is spread over all classes, at least 0, below 1: Szegedy et al. (2015), https://arxiv.org/abs/1512.00567
	Weights   ClassWeights // zero: all classes count alike
}

// Name implements [Loss].
func (CategoricalCrossEntropy) Name() string { return "categorical cross-entropy" }

// Each implements [Loss].
func (l CategoricalCrossEntropy) Each(labels, outputs *graph.Node) *graph.Node {
	if !(l.Smoothing >= 0 && l.Smoothing < 1) {
		panic(layerError("categorical cross-entropy with Smoothing %v; it must be at least 0 and below 1", l.Smoothing))
	}
	k := outputs.Shape().Dim(-1)
	q := distribution("categorical cross-entropy", labels, outputs)
	if l.Smoothing > 0 {
		q = graph.AddScalar(graph.MulScalar(q, 1-l.Smoothing), l.Smoothing/float64(k))
	}
	if w := l.Weights.of(outputs); w != nil {
		q = graph.Mul(q, w)
	}
	return graph.Neg(graph.ReduceSum(graph.Mul(q, logSoftmax(outputs)), -1))
}

// distribution gives labels as probabilities [batch, k].
func distribution(name string, labels, outputs *graph.Node) *graph.Node {
	k := outputs.Shape().Dim(-1)
	if k < 2 {
		panic(layerError("%s takes one output a class, at least 2", name))
	}
	if labels.DType().IsInt() {
		return graph.OneHot(labels, k, outputs.DType())
	}
	sameShape(name, labels, outputs)
	return labels
}

func sameShape(name string, labels, outputs *graph.Node) {
	if labels.DType().IsInt() {
		panic(layerError("%s takes values, not classes; give the labels as floats", name))
	}
	if !labels.Shape().Equal(outputs.Shape()) {
		panic(layerError("%s takes as many labels as outputs, not %s for %s", name, shape.Of(labels), shape.Of(outputs)))
	}
}

// logSoftmax is log softmax over the last axis, safe from overflow.
func logSoftmax(x *graph.Node) *graph.Node {
	z := graph.Sub(x, graph.StopGradient(graph.ReduceAndKeep(x, graph.ReduceMax, -1)))
	return graph.Sub(z, graph.Log(graph.ReduceAndKeep(graph.Exp(z), graph.ReduceSum, -1)))
}

// softplus is log(1 + eˣ), safe from overflow.
func softplus(x *graph.Node) *graph.Node {
	return graph.Add(rectified(x), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(x)))))
}

// WeightedBinaryCrossEntropy is [BinaryCrossEntropy] with options, as PyTorch's BCEWithLogitsLoss: labels y are 0 or 1, or
// between, each output x the logit of 1, and the loss of an example the mean over outputs of
//
//	-(PosWeight·y·log σ(x) + (1-y)·log(1-σ(x)))
type WeightedBinaryCrossEntropy struct {
	PosWeight float64 // how much the positive label counts, 1 when left at 0; negatives per positive balances them
	Smoothing float64 // y becomes (1-Smoothing)·y + Smoothing/2; at least 0, below 1
}

// Name implements [Loss].
func (WeightedBinaryCrossEntropy) Name() string { return "weighted binary cross-entropy" }

// Each implements [Loss].
func (l WeightedBinaryCrossEntropy) Each(labels, outputs *graph.Node) *graph.Node {
	if !(l.Smoothing >= 0 && l.Smoothing < 1) || !(l.PosWeight >= 0) {
		panic(layerError("weighted binary cross-entropy with PosWeight %v and Smoothing %v; they must be 0 or more, and Smoothing below 1", l.PosWeight, l.Smoothing))
	}
	x, y := outputs, binary("weighted binary cross-entropy", labels, outputs)
	if l.Smoothing > 0 {
		y = graph.AddScalar(graph.MulScalar(y, 1-l.Smoothing), l.Smoothing/2)
	}
	positives := graph.MulScalar(graph.Mul(y, softplus(graph.Neg(x))), or(l.PosWeight, 1))
	return graph.ReduceMean(graph.Add(positives, graph.Mul(graph.OneMinus(y), softplus(x))), -1)
}

// binary gives labels as numbers from 0 to 1 of the outputs' shape.
func binary(name string, labels, outputs *graph.Node) *graph.Node {
	if !labels.DType().IsInt() {
		sameShape(name, labels, outputs)
		return labels
	}
	if outputs.Shape().Dim(-1) != 1 {
		panic(layerError("%s of classes takes one output, not %d", name, outputs.Shape().Dim(-1)))
	}
	return graph.Reshape(graph.ConvertDType(labels, dtypes.Float32), outputs.Shape().Dimensions...)
}

// Focal is cross-entropy in which what is right already counts little, for rare classes: with p the probability of
// the right class it is -α·(1-p)^Gamma·log p. Lin et al. (2017), https://arxiv.org/abs/1708.02002.
//
// Labels are classes, or 0 and 1 as values. With one output, or values, each output is the logit of 1, α is Alpha for 1 and 1-Alpha for
// 0, and the loss of an example the mean over outputs, as torchvision's sigmoid_focal_loss. With an output a class, p is by
// softmax, and α the class's weight.
type Focal struct {
	Gamma   float64      // 2 when left at 0
	Alpha   float64      // of one output: between 0 and 1; α is 1 for both when left at 0
	Weights ClassWeights // of an output a class
}

// Name implements [Loss].
func (Focal) Name() string { return "focal loss" }

// Each implements [Loss].
func (l Focal) Each(labels, outputs *graph.Node) *graph.Node {
	if !(l.Gamma >= 0) || !(l.Alpha >= 0 && l.Alpha <= 1) {
		panic(layerError("focal loss with Gamma %v and Alpha %v; they must be 0 or more, and Alpha at most 1", l.Gamma, l.Alpha))
	}
	gamma := or(l.Gamma, 2)
	// weigh makes (1-p)^γ of log p, as e^(γ·log(1-p)), which has a gradient also where p is 1.
	weigh := func(logP, logNot *graph.Node) *graph.Node {
		return graph.Mul(graph.Exp(graph.MulScalar(logNot, gamma)), graph.Neg(logP))
	}
	if labels.DType().IsInt() && outputs.Shape().Dim(-1) > 1 {
		logP := graph.ReduceSum(graph.Mul(logSoftmax(outputs), graph.OneHot(labels, outputs.Shape().Dim(-1), dtypes.Float32)), -1)
		// 1-p, kept from 0, where the logarithm has no gradient.
		rest := graph.AddScalar(graph.OneMinus(graph.Exp(logP)), 1e-30)
		each := weigh(logP, graph.Log(rest))
		if w := l.Weights.of(outputs); w != nil {
			each = graph.Mul(each, graph.ReduceSum(graph.Mul(w, graph.OneHot(labels, outputs.Shape().Dim(-1), dtypes.Float32)), -1))
		}
		return each
	}
	if l.Weights != (ClassWeights{}) {
		panic(layerError("focal loss with one output takes Alpha, not Weights"))
	}
	x, y := outputs, binary("focal loss", labels, outputs)
	logP, logNot := graph.Neg(softplus(graph.Neg(x))), graph.Neg(softplus(x)) // of 1
	one, zero := weigh(logP, logNot), weigh(logNot, logP)
	if l.Alpha > 0 {
		one, zero = graph.MulScalar(one, l.Alpha), graph.MulScalar(zero, 1-l.Alpha)
	}
	return graph.ReduceMean(graph.Add(graph.Mul(y, one), graph.Mul(graph.OneMinus(y), zero)), -1)
}

// Hinge is the loss of support vector machines, which asks for a margin of 1. With one output x, labels 0 and 1 (as classes or values)
// being y = -1 and +1, it is max(0, 1 - y·x). With an output a class it is the mean over classes of
// max(0, 1 - x[right] + x[other]), the right one left out of the sum: Weston and Watkins (1999), as PyTorch's MultiMarginLoss.
var Hinge Loss = hinge{}

type hinge struct{}

func (hinge) Name() string { return "hinge loss" }

func (hinge) Each(labels, outputs *graph.Node) *graph.Node {
	k := outputs.Shape().Dim(-1)
	if !labels.DType().IsInt() || k == 1 {
		y := graph.AddScalar(graph.MulScalar(binary("hinge loss", labels, outputs), 2), -1)
		return graph.ReduceMean(rectified(graph.OneMinus(graph.Mul(y, outputs))), -1)
	}
	hot := graph.OneHot(labels, k, dtypes.Float32)
	right := graph.ReduceAndKeep(graph.Mul(outputs, hot), graph.ReduceSum, -1)
	margins := rectified(graph.OnePlus(graph.Sub(outputs, right)))
	return graph.MulScalar(graph.ReduceSum(graph.Mul(margins, graph.OneMinus(hot)), -1), 1/float64(k))
}

// KLDivergence is Σ q·(log q - log p), p being the softmax of the outputs and q the labels, which are values: probabilities, one an
// output, that add up to 1. It is [CategoricalCrossEntropy] less the entropy of q, so never below 0.
var KLDivergence Loss = klDivergence{}

type klDivergence struct{}

func (klDivergence) Name() string { return "Kullback-Leibler divergence" }

func (l klDivergence) Each(labels, outputs *graph.Node) *graph.Node {
	sameShape(l.Name(), labels, outputs)
	some := above0(labels)
	logQ := graph.Log(graph.Where(some, labels, graph.OnesLike(labels)))
	return graph.ReduceSum(graph.Mul(labels, graph.Sub(logQ, logSoftmax(outputs))), -1)
}
