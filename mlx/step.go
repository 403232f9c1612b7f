package mlx

import (
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// rule is what [FitOptions] asks for between the gradients and the optimizer, and after it. Programs are found by it.
type rule struct {
	clipNorm, clipValue, l1, l2, ema float64
}

// turn says which of the batches of a step one is, when gradients are accumulated; a step of one batch is its first and last.
type turn struct{ first, last bool }

// stepKind is what distinguishes programs of training, beside loss and optimizer.
type stepKind struct {
	rule rule
	turn turn
}

// trainStep is the program of one batch of training: of inputs, labels and the weights of the examples it makes what
// [objectives.judged] says, as means over the batch, and updates the variables. When the loss is not finite it leaves all
// variables as they were.
func (m *Model) trainStep(o objectives, opt Optimizer, kind stepKind, s size) (*model.Exec, error) {
	return m.programs.get(kind, o, opt, s, func() (*model.Exec, error) {
		return model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, args []*graph.Node) *graph.Node {
			x, y, w := m.parts(args)
			g := w.Graph()
			scope.Store().SetTraining(g, true)
			all := graph.ReduceAllSum(w)
			means := o.judged(m.forward(scope, x, nil), y, w)
			for i := range means {
				means[i] = graph.Div(means[i], all)
			}
			mean := means[0]
			kind.update(scope, opt, mean, all)
			_, step := random.Counters(scope.Store())
			step.SetNodeValue(graph.Add(step.NodeValue(g), graph.Const(g, uint32(1))))
			if kind.turn.last && kind.rule.ema > 0 {
				follow(scope.Store(), g, kind.rule.ema)
			}
			onlyIf(graph.IsFinite(mean), scope.Store())
			return graph.Stack(means, 0)
		})
	})
}

// update changes the variables by the gradients of the mean loss over examples whose weights add up to all.
func (k stepKind) update(scope *model.Scope, opt Optimizer, mean, all *graph.Node) {
	g := mean.Graph()
	o, ok := opt.(takesGradients)
	if !ok {
		r := k.rule
		if r.ema = 0; r != (rule{}) || !k.turn.first || !k.turn.last {
			panic(layerError("the optimizer %T has no UpdateGraphWithGradients, so gradients can't be clipped, penalized or accumulated; "+
				"use mlx.Adam, AdamW, RMSProp or SGD", opt))
		}
		opt.UpdateGraph(scope, g, mean)
		return
	}
	variables, grads := trained(scope, g), gradients(scope, mean)
	if !k.turn.first || !k.turn.last {
		grads = k.turn.accumulate(scope, variables, grads, all)
	}
	if k.turn.last {
		k.rule.adjust(variables, grads)
		o.UpdateGraphWithGradients(scope, grads, mean.DType())
	}
}

// accumulate adds the gradients, times the number of examples, to what earlier batches of the step left, and returns the
// mean so far: batches need not have the same size.
func (t turn) accumulate(scope *model.Scope, variables []*model.Variable, grads []*graph.Node, all *graph.Node) []*graph.Node {
	g := all.Graph()
	add := func(name string, v *graph.Node) *graph.Node {
		sum := scope.Store().VariableWithValue(path.Join(trainingScope, "gathered", name), zerosOf(v.Shape().Dimensions)).SetTrainable(false)
		if !t.first {
			v = graph.Add(sum.NodeValue(g), v)
		}
		if !t.last {
			sum.SetNodeValue(v)
		}
		return v
	}
	total := add("examples", all)
	out := make([]*graph.Node, len(grads))
	for i, v := range variables {
		out[i] = graph.Div(add(v.Path(), graph.Mul(grads[i], all)), total)
	}
	return out
}

// adjust adds the gradients of the penalties, then clips.
func (r rule) adjust(variables []*model.Variable, grads []*graph.Node) {
	for i, v := range variables {
		if v.Shape().Rank() < 2 {
			continue
		}
		w := v.NodeValue(grads[i].Graph())
		if r.l2 != 0 {
			grads[i] = graph.Add(grads[i], graph.MulScalar(w, 2*r.l2))
		}
		if r.l1 != 0 {
			grads[i] = graph.Add(grads[i], graph.MulScalar(graph.Sign(w), r.l1))
		}
	}
	if r.clipValue != 0 {
		for i := range grads {
			grads[i] = graph.ClipScalar(grads[i], -r.clipValue, r.clipValue)
		}
	}
	if r.clipNorm != 0 {
		var sum *graph.Node
		for _, grad := range grads {
			if s := graph.ReduceAllSum(graph.Square(grad)); sum == nil {
				sum = s
			} else {
				sum = graph.Add(sum, s)
			}
		}
		scale := graph.Div(graph.Scalar(sum.Graph(), sum.DType(), r.clipNorm), graph.AddScalar(graph.Sqrt(sum), 1e-6))
		scale = graph.Min(scale, graph.OnesLike(scale))
		for i := range grads {
			grads[i] = graph.Mul(grads[i], scale)
		}
	}
}

// trainingScope holds what Fit itself keeps in variables.
const trainingScope = "/training"

// ofModel reports whether a variable belongs to the layers: not to an optimizer, nor to Fit.
func ofModel(v *model.Variable) bool {
	return v.DType() == dtypes.Float32 && !strings.HasPrefix(v.Path(), "/optimizers/") && !strings.HasPrefix(v.Path(), trainingScope+"/")
}

// averageOf is the moving average of a variable, if there is one.
func averageOf(store *model.Store, v *model.Variable) *model.Variable {
	return store.GetVariable(path.Join(trainingScope, "average", v.Path()))
}

// follow moves the averages of the variables that the graph changes towards them.
func follow(store *model.Store, g *graph.Graph, decay float64) {
	for _, v := range changed(store, g) {
		average := averageOf(store, v)
		if !ofModel(v) || average == nil {
			continue
		}
		average.SetNodeValue(graph.Add(graph.MulScalar(average.NodeValue(g), decay), graph.MulScalar(v.NodeValue(g), 1-decay)))
	}
}

func changed(store *model.Store, g *graph.Graph) (out []*model.Variable) {
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) {
			out = append(out, v)
		}
	}
	return out
}

// onlyIf makes every change of a variable depend on ok.
func onlyIf(ok *graph.Node, store *model.Store) {
	g := ok.Graph()
	for _, v := range changed(store, g) {
		v.SetNodeValue(graph.Where(ok, v.NodeValue(g), g.GetParameterByName(v.Path())))
	}
}

// startAverages sets the moving averages to the weights as they are.
func (m *Model) startAverages() error {
	var all []*model.Variable
	for v := range m.store.IterVariables() {
		if ofModel(v) {
			all = append(all, v)
		}
	}
	for _, v := range all {
		value, err := valueOf(v)
		if err != nil {
			return err
		}
		if average := averageOf(m.store, v); average != nil {
			err = average.SetValue(value)
		} else {
			m.store.VariableWithValue(path.Join(trainingScope, "average", v.Path()), value).SetTrainable(false)
		}
		if err != nil {
			return fmt.Errorf("mlx: %w", err)
		}
	}
	return nil
}

// swapAverages exchanges the weights and their moving averages.
func (m *Model) swapAverages() error {
	for v := range m.store.IterVariables() {
		average := averageOf(m.store, v)
		if !ofModel(v) || average == nil {
			continue
		}
		a, err := v.Value()
		if err == nil {
			var b *tensors.Tensor
			if b, err = average.Value(); err == nil {
				if err = v.SetValuePreservingOld(b); err == nil {
					err = average.SetValuePreservingOld(a)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("mlx: %w", err)
		}
	}
	return nil
}

// valueOf is a local copy of a variable's value.
func valueOf(v *model.Variable) (*tensors.Tensor, error) {
	value, err := v.Value()
	if err == nil {
		value, err = value.LocalClone()
	}
	if err != nil {
		return nil, fmt.Errorf("mlx: %w", err)
	}
	return value, nil
}

func zerosOf(dims []int) *tensors.Tensor {
	return tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
