package mlx

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// whereNotFinite says, for the message of ErrNotFinite, where in the model numbers stop being finite for a batch: in a variable,
// in a layer, or only in the loss. It is empty when that can't be found out.
func (m *Model) whereNotFinite(b *batch) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inDims == nil {
		return ""
	}
	for v := range m.store.IterVariables() {
		if !ofModel(v) || !v.HasValue() {
			continue
		}
		value, err := valueOf(v)
		if err != nil {
			return ""
		}
		flat, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return ""
		}
		for i, x := range flat {
			if !finite(float64(x)) {
				return fmt.Sprintf("; an earlier step made variable %s %v (at number %d of %d)", v.Path(), x, i, len(flat))
			}
		}
	}
	exec, err := model.NewExec(m.dev.Backend, m.store, func(scope *model.Scope, x []*graph.Node) *graph.Node {
		g := x[0].Graph()
		scope.Store().SetTraining(g, true)
		var sizes []*graph.Node
		m.forward(scope, x, func(_ int, out *graph.Node) {
			sizes = append(sizes, graph.ReduceAllMax(graph.Where(graph.IsFinite(out), graph.ZerosLike(out), graph.OnesLike(out))))
		})
		for _, v := range changed(scope.Store(), g) { // it only looks
			v.SetNodeValue(g.GetParameterByName(v.Path()))
		}
		return graph.Stack(sizes, 0)
	})
	if err != nil {
		return ""
	}
	defer exec.Finalize()
	x, err := clones(b.x)
	if err != nil {
		return ""
	}
	bad, err := call(exec, x...)
	if err != nil {
		return ""
	}
	for i, v := range bad[0] {
		if v != 0 {
			return fmt.Sprintf("; the first layer to give a number that is not finite is layer %d (%s)", i+1, m.layers[i].name)
		}
	}
	return "; all layers give finite numbers, the loss alone does not"
}

// clones copies tensors, to be given to whatever backend.
func clones(all []*tensors.Tensor) (out []*tensors.Tensor, err error) {
	for _, t := range all {
		c, err := t.LocalClone()
		if err != nil {
			return nil, fmt.Errorf("mlx: %w", err)
		}
		out = append(out, c)
	}
	return out, nil
}
