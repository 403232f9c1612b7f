package mlx

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// programs are a model's compiled graphs, kept from call to call, so that a Fit in a later cell compiles nothing anew.
// There is one for each loss and optimizer used, and within it one for each batch size; the ones used longest ago are
// let go.
type programs struct {
	all []*program // the last used comes first
}

type program struct {
	kind, optimizer any
	objectives      objectives
	exec            *model.Exec
	sizes           []size // compiled so far
}

const (
	maxPrograms = 6
	maxSizes    = 16
)

// drop frees everything compiled.
func (ps *programs) drop() {
	for _, p := range ps.all {
		p.exec.Finalize()
	}
	ps.all = nil
}

// get finds the program for a purpose, or makes it.
func (ps *programs) get(kind any, o objectives, opt Optimizer, s size, make func() (*model.Exec, error)) (*model.Exec, error) {
	using := []any{opt}
	for _, one := range o.list() {
		using = append(using, one.loss)
	}
	for _, v := range using {
		if v != nil && !reflect.TypeOf(v).Comparable() {
			return nil, fmt.Errorf("mlx: values of type %T can't be compared; give a pointer to one", v)
		}
	}
	i := slices.IndexFunc(ps.all, func(p *program) bool { return p.kind == kind && p.objectives == o && p.optimizer == any(opt) })
	if i >= 0 && !slices.Contains(ps.all[i].sizes, s) && len(ps.all[i].sizes) == maxSizes {
		ps.all[i].exec.Finalize()
		ps.all = slices.Delete(ps.all, i, i+1)
		i = -1
	}
	if i < 0 {
		exec, err := make()
		if err != nil {
			return nil, fmt.Errorf("mlx: %w", err)
		}
		exec.SetMaxCache(-1)
		if len(ps.all) == maxPrograms {
			ps.all[maxPrograms-1].exec.Finalize()
			ps.all = ps.all[:maxPrograms-1]
		}
		ps.all = append(ps.all, &program{kind: kind, objectives: o, optimizer: opt, exec: exec})
		i = len(ps.all) - 1
	}
	p := ps.all[i]
	copy(ps.all[1:], ps.all[:i])
	ps.all[0] = p
	if !slices.Contains(p.sizes, s) {
		p.sizes = append(p.sizes, s)
	}
	return p.exec, nil
}

// evalStep is the program that judges a batch: of inputs, labels and weights it makes the sums of [objectives.judged].
func (m *Model) evalStep(o objectives, s size) (*model.Exec, error) {
	return m.programs.get("eval", o, nil, s, func() (*model.Exec, error) {
		return model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, args []*graph.Node) *graph.Node {
			x, y, w := m.parts(args)
			scope.Store().SetTraining(w.Graph(), false)
			return graph.Stack(o.judged(m.forward(scope, x, nil), y, w), 0)
		})
	})
}

// parts takes apart what a program is given: inputs, labels, weights of the examples.
func (m *Model) parts(args []*graph.Node) (x, y []*graph.Node, w *graph.Node) {
	n := len(m.inputs)
	return args[:n], args[n : len(args)-1], args[len(args)-1]
}

// weighted is Σ each·w.
func weighted(each, w *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Mul(each, w)) }

// predictStep is the program that gives the outputs of a batch.
func (m *Model) predictStep(s size) (*model.Exec, error) {
	return m.programs.get("predict", objectives{}, nil, s, func() (*model.Exec, error) {
		return model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, x []*graph.Node) []*graph.Node {
			scope.Store().SetTraining(x[0].Graph(), false)
			return m.forward(scope, x, nil)
		})
	})
}

// eachLoss is the loss of each example, checked for its shape.
func eachLoss(loss Loss, labels, outputs *graph.Node) *graph.Node {
	each := loss.Each(labels, outputs)
	if each.Rank() != 1 || each.Shape().Dim(0) != outputs.Shape().Dim(0) {
		panic(fmt.Errorf("the loss %s gives shape %v, not one number an example, [%d]", loss.Name(), each.Shape().Dimensions, outputs.Shape().Dim(0)))
	}
	if each.DType() != dtypes.Float32 {
		each = graph.ConvertDType(each, dtypes.Float32)
	}
	return each
}

// call runs a program and frees what it was given.
func call(exec *model.Exec, args ...*tensors.Tensor) ([][]float32, error) {
	defer func() {
		for _, a := range args {
			a.FinalizeAll()
		}
	}()
	return callKeeping(exec, args...)
}

// callKeeping runs a program that gives floats, and frees what it gave.
func callKeeping(exec *model.Exec, args ...*tensors.Tensor) (out [][]float32, err error) {
	in := make([]any, len(args))
	for i, a := range args {
		in[i] = a
	}
	var results []*tensors.Tensor
	if e := caught(func() { results, err = exec.Call(in...) }); e != nil {
		err = e
	}
	for _, r := range results {
		if err == nil {
			var flat []float32
			flat, err = tensors.CopyFlatData[float32](r)
			out = append(out, flat)
		}
		r.FinalizeAll()
	}
	if err != nil {
		return nil, fmt.Errorf("mlx: %w", err)
	}
	return out, nil
}
