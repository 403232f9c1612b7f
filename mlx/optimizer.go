package mlx

import (
	"path"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// Optimizer changes the weights by the gradients. It is GoMLX's own interface, so that its optimizers serve as well;
// [Adam], [AdamW], [RMSProp] and [SGD] are this package's. Fit sets the learning rate, as a variable, without compiling anew.
//
// What [FitOptions] says about gradients (clipping, penalties, accumulation) needs an optimizer that takes gradients:
// this package's do, and those of GoMLX that have UpdateGraphWithGradients.
//
// Optimizers that are equal by == share what was compiled for them: make one of GoMLX's once and keep it in a variable.
type Optimizer = optimizer.Interface

// Adam follows moving means of the gradient and of its square: Kingma and Ba (2014), https://arxiv.org/abs/1412.6980.
// Fields left at 0 have the paper's values. The learning rate is 0.001 unless [FitOptions] says otherwise.
type Adam struct {
	Beta1   float64 // share kept of the mean, 0.9
	Beta2   float64 // share kept of the mean square, 0.999
	Epsilon float64 // added to the root of the mean square, 1e-8
}

// AdamW is Adam with weight decay beside the gradient: at each step every weight loses the share
// learning rate × WeightDecay. Loshchilov and Hutter (2017), https://arxiv.org/abs/1711.05101. Fields left at 0 have
// PyTorch's values; biases decay too, as there. The learning rate is 0.001 unless [FitOptions] says otherwise.
type AdamW struct {
	Beta1, Beta2, Epsilon float64 // as in [Adam]
	WeightDecay           float64 // 0.01
}

// SGD steps along the gradient. With momentum it steps along v ← Momentum·v + gradient (Polyak), and with Nesterov along
// gradient + Momentum·v: Sutskever et al. (2013), https://proceedings.mlr.press/v28/sutskever13.html, in PyTorch's form.
// The learning rate is 0.01 unless [FitOptions] says otherwise.
type SGD struct {
	Momentum float64 // at least 0, below 1; 0.9 is usual
	Nesterov bool
}

// RMSProp divides the gradient by the root of the moving mean of its square: Hinton's lecture 6 of 2012,
// https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf, in PyTorch's form. Fields left at 0 have
// PyTorch's values. The learning rate is 0.001 unless [FitOptions] says otherwise (PyTorch's is 0.01).
type RMSProp struct {
	Decay    float64 // share kept of the mean square, 0.99
	Epsilon  float64 // added to the root, 1e-8
	Momentum float64 // at least 0, below 1: steps along v ← Momentum·v + gradient/root
	Centered bool    // divide by the standard deviation, √(mean square - mean²), instead: Graves (2013), https://arxiv.org/abs/1308.0850
}

// defaultRate is the learning rate of an optimizer when FitOptions leaves it open.
func defaultRate(o Optimizer) float64 {
	if _, ok := o.(SGD); ok {
		return 0.01
	}
	return 0.001
}

// takesGradients is an optimizer that is given the gradients of the trained variables, in the order of the store, rather
// than the loss.
type takesGradients interface {
	UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, dtype dtypes.DType)
}

var _ = []takesGradients{Adam{}, AdamW{}, SGD{}, RMSProp{}}

// UpdateGraph implements [Optimizer].
func (o Adam) UpdateGraph(scope *model.Scope, _ *graph.Graph, loss *graph.Node) {
	update(o, scope, loss)
}

// UpdateGraphWithGradients is UpdateGraph for gradients that are computed already.
func (o Adam) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, _ dtypes.DType) {
	adam(scope, gradients, "adam", o.Beta1, o.Beta2, o.Epsilon, 0)
}

// Clear implements [Optimizer]: it forgets the moving means.
func (o Adam) Clear(scope *model.Scope) error { return clearState(scope, "adam") }

// UpdateGraph implements [Optimizer].
func (o AdamW) UpdateGraph(scope *model.Scope, _ *graph.Graph, loss *graph.Node) {
	update(o, scope, loss)
}

// UpdateGraphWithGradients is UpdateGraph for gradients that are computed already.
func (o AdamW) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, _ dtypes.DType) {
	adam(scope, gradients, "adamw", o.Beta1, o.Beta2, o.Epsilon, or(o.WeightDecay, 0.01))
}

// Clear implements [Optimizer]: it forgets the moving means.
func (o AdamW) Clear(scope *model.Scope) error { return clearState(scope, "adamw") }

func adam(scope *model.Scope, gradients []*graph.Node, name string, beta1, beta2, epsilon, decay float64) {
	beta1, beta2, epsilon = or(beta1, 0.9), or(beta2, 0.999), or(epsilon, 1e-8)
	g := gradients[0].Graph()
	rate := optimizer.LearningRateVar(scope, dtypes.Float32, 0.001).NodeValue(g)
	step := increment(scope, g, name)
	c1 := graph.OneMinus(graph.Pow(graph.Scalar(g, dtypes.Float32, beta1), step))
	c2 := graph.Sqrt(graph.OneMinus(graph.Pow(graph.Scalar(g, dtypes.Float32, beta2), step)))
	// m/c1 / (√v/c2 + ε) = (c2/c1)·m / (√v + ε·c2): the corrections stay scalars.
	size, eps := graph.Mul(rate, graph.Div(c2, c1)), graph.MulScalar(c2, epsilon)
	for i, v := range trained(scope, g) {
		grad, w := gradients[i], v.NodeValue(g)
		mean, square := state(scope, name, v, "mean"), state(scope, name, v, "mean_square")
		m := graph.Add(graph.MulScalar(mean.NodeValue(g), beta1), graph.MulScalar(grad, 1-beta1))
		s := graph.Add(graph.MulScalar(square.NodeValue(g), beta2), graph.MulScalar(graph.Square(grad), 1-beta2))
		mean.SetNodeValue(m)
		square.SetNodeValue(s)
		if decay != 0 {
			w = graph.Mul(w, graph.OneMinus(graph.MulScalar(rate, decay)))
		}
		v.SetNodeValue(graph.Sub(w, graph.Div(graph.Mul(m, size), graph.Add(graph.Sqrt(s), eps))))
	}
}

// UpdateGraph implements [Optimizer].
func (o SGD) UpdateGraph(scope *model.Scope, _ *graph.Graph, loss *graph.Node) {
	update(o, scope, loss)
}

// UpdateGraphWithGradients is UpdateGraph for gradients that are computed already.
func (o SGD) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, _ dtypes.DType) {
	checkMomentum("SGD", o.Momentum)
	g := gradients[0].Graph()
	rate := optimizer.LearningRateVar(scope, dtypes.Float32, 0.01).NodeValue(g)
	for i, v := range trained(scope, g) {
		step := gradients[i]
		if o.Momentum != 0 {
			step = addMomentum(state(scope, "sgd", v, "velocity"), step, o.Momentum)
			if o.Nesterov {
				step = graph.Add(gradients[i], graph.MulScalar(step, o.Momentum))
			}
		}
		v.SetNodeValue(graph.Sub(v.NodeValue(g), graph.Mul(step, rate)))
	}
}

// Clear implements [Optimizer]: it forgets the momentum.
func (o SGD) Clear(scope *model.Scope) error { return clearState(scope, "sgd") }

// UpdateGraph implements [Optimizer].
func (o RMSProp) UpdateGraph(scope *model.Scope, _ *graph.Graph, loss *graph.Node) {
	update(o, scope, loss)
}

// UpdateGraphWithGradients is UpdateGraph for gradients that are computed already.
func (o RMSProp) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, _ dtypes.DType) {
	checkMomentum("RMSProp", o.Momentum)
	decay, epsilon := or(o.Decay, 0.99), or(o.Epsilon, 1e-8)
	g := gradients[0].Graph()
	rate := optimizer.LearningRateVar(scope, dtypes.Float32, 0.001).NodeValue(g)
	moving := func(v *model.Variable, by *graph.Node) *graph.Node {
		next := graph.Add(graph.MulScalar(v.NodeValue(g), decay), graph.MulScalar(by, 1-decay))
		v.SetNodeValue(next)
		return next
	}
	for i, v := range trained(scope, g) {
		grad := gradients[i]
		spread := moving(state(scope, "rmsprop", v, "mean_square"), graph.Square(grad))
		if o.Centered {
			// Rounding can take the difference, a variance, below 0.
			spread = graph.Sub(spread, graph.Square(moving(state(scope, "rmsprop", v, "mean"), grad)))
			spread = graph.Where(above0(spread), spread, graph.ZerosLike(spread))
		}
		step := graph.Div(grad, graph.AddScalar(graph.Sqrt(spread), epsilon))
		if o.Momentum != 0 {
			step = addMomentum(state(scope, "rmsprop", v, "velocity"), step, o.Momentum)
		}
		v.SetNodeValue(graph.Sub(v.NodeValue(g), graph.Mul(step, rate)))
	}
}

// Clear implements [Optimizer]: it forgets the moving means.
func (o RMSProp) Clear(scope *model.Scope) error { return clearState(scope, "rmsprop") }

// addMomentum makes velocity ← momentum·velocity + step, and gives it.
func addMomentum(velocity *model.Variable, step *graph.Node, momentum float64) *graph.Node {
	next := graph.Add(graph.MulScalar(velocity.NodeValue(step.Graph()), momentum), step)
	velocity.SetNodeValue(next)
	return next
}

func checkMomentum(name string, momentum float64) {
	if !(momentum >= 0 && momentum < 1) {
		panic(layerError("%s's momentum is %v; it must be at least 0 and below 1", name, momentum))
	}
}

func update(o takesGradients, scope *model.Scope, loss *graph.Node) {
	o.UpdateGraphWithGradients(scope, gradients(scope, loss), loss.DType())
}

// trained lists the variables that a graph uses and training changes.
func trained(scope *model.Scope, g *graph.Graph) []*model.Variable {
	var out []*model.Variable
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		panic(layerError("the model has nothing to train: no layer has variables"))
	}
	return out
}

// gradients are those of the loss by the trained variables.
func gradients(scope *model.Scope, loss *graph.Node) []*graph.Node {
	var values []*graph.Node
	for _, v := range trained(scope, loss.Graph()) {
		values = append(values, v.NodeValue(loss.Graph()))
	}
	return graph.Gradient(loss, values...)
}

// state is what an optimizer keeps of one variable, of the same shape, 0 at first.
func state(scope *model.Scope, name string, v *model.Variable, what string) *model.Variable {
	s := scope.Store().Scope(path.Join("/", optimizer.Scope, name, v.Path()))
	if have := s.GetVariable(what); have != nil {
		return have
	}
	return s.VariableWithValue(what, tensors.FromShape(shapes.Make(dtypes.Float32, v.Shape().Dimensions...))).SetTrainable(false)
}

// increment counts an optimizer's steps, from 1.
func increment(scope *model.Scope, g *graph.Graph, name string) *graph.Node {
	v := scope.Store().Scope(path.Join("/", optimizer.Scope, name)).VariableWithValue("step", float32(0)).SetTrainable(false)
	step := graph.OnePlus(v.NodeValue(g))
	v.SetNodeValue(step)
	return step
}

func clearState(scope *model.Scope, name string) error {
	return scope.Store().DeleteVariablesInScope(path.Join("/", optimizer.Scope, name))
}

func or(v, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return v
}
