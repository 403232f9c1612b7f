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
	kind, loss, optimizer any
	exec                  *model.Exec
	batches               []int // compiled so far
}

const (
	maxPrograms = 6
	maxBatches  = 16
)

// drop frees everything compiled.
func (ps *programs) drop() {
	for _, p := range ps.all {
		p.exec.Finalize()
	}
	ps.all = nil
}

// get finds the program for a purpose, or makes it.
func (ps *programs) get(kind any, loss Loss, opt Optimizer, batch int, make func() (*model.Exec, error)) (*model.Exec, error) {
	for _, v := range []any{loss, opt} {
		if v != nil && !reflect.TypeOf(v).Comparable() {
			return nil, fmt.Errorf("mlx: values of type %T can't be compared; give a pointer to one", v)
		}
	}
	i := slices.IndexFunc(ps.all, func(p *program) bool { return p.kind == kind && p.loss == any(loss) && p.optimizer == any(opt) })
	if i >= 0 && !slices.Contains(ps.all[i].batches, batch) && len(ps.all[i].batches) == maxBatches {
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
		ps.all = append(ps.all, &program{kind: kind, loss: loss, optimizer: opt, exec: exec})
		i = len(ps.all) - 1
	}
	p := ps.all[i]
	copy(ps.all[1:], ps.all[:i])
	ps.all[0] = p
	if !slices.Contains(p.batches, batch) {
		p.batches = append(p.batches, batch)
	}
	return p.exec, nil
}

// evalStep is the program that judges a batch: of inputs, labels and weights it makes [loss, hits], the weighted sums.
func (m *Model) evalStep(loss Loss, batch int) (*model.Exec, error) {
	return m.programs.get("eval", loss, nil, batch, func() (*model.Exec, error) {
		return model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, x, y, w *graph.Node) *graph.Node {
			scope.Store().SetTraining(x.Graph(), false)
			out := m.forward(scope, []*graph.Node{x}, nil)[0]
			return graph.Stack([]*graph.Node{weighted(eachLoss(loss, y, out), w), weighted(hits(y, out), w)}, 0)
		})
	})
}

// weighted is Σ each·w.
func weighted(each, w *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Mul(each, w)) }

// predictStep is the program that gives the outputs of a batch.
func (m *Model) predictStep(batch int) (*model.Exec, error) {
	return m.programs.get("predict", nil, nil, batch, func() (*model.Exec, error) {
		return model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			scope.Store().SetTraining(x.Graph(), false)
			return m.forward(scope, []*graph.Node{x}, nil)[0]
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

// call runs a program that gives one tensor of floats, and frees what it was given and what it gave.
func call(exec *model.Exec, args ...*tensors.Tensor) (out []float32, err error) {
	defer func() {
		for _, a := range args {
			a.FinalizeAll()
		}
	}()
	return callKeeping(exec, args...)
}

// callKeeping is call for arguments that are used again.
func callKeeping(exec *model.Exec, args ...*tensors.Tensor) (out []float32, err error) {
	in := make([]any, len(args))
	for i, a := range args {
		in[i] = a
	}
	var results []*tensors.Tensor
	if e := caught(func() { results, err = exec.Call(in...) }); e != nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("mlx: %w", err)
	}
	out, err = tensors.CopyFlatData[float32](results[0])
	for _, r := range results {
		r.FinalizeAll()
	}
	return out, err
}
