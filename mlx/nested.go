package mlx

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Kind is "model": what a model is as a layer of another.
func (m *Model) Kind() string { return "model" }

// PerExample says whether, while training, what the model gives for an example never depends on the others of the batch.
func (m *Model) PerExample() bool {
	return !slices.ContainsFunc(m.layers, func(p place) bool { return mixesExamples(p.layer) })
}

// Apply builds a model of one input and one output into a graph, with its variables in scope: see [Model.ApplyEach].
func (m *Model) Apply(scope *model.Scope, x *graph.Node) *graph.Node { return m.ApplyAll(scope, x) }

// ApplyAll is Apply for a model of several inputs. It panics for one of several outputs, which [Model.ApplyEach] builds.
func (m *Model) ApplyAll(scope *model.Scope, xs ...*graph.Node) *graph.Node {
	out := m.ApplyEach(scope, xs, nil)
	if len(out) != 1 {
		panic(fmt.Errorf("the model has %d outputs; a layer gives one", len(out)))
	}
	return out[0]
}

// ApplyEach builds the model into a graph and returns its outputs; each, unless it is nil, is told what every layer gives. With scope the root of
// the model's own store ([Model.Store]) it computes with the model's weights, so that gradients, attention and what lies between the
// layers can be had:
//
//	model.NewExec(backend, m.Store(), func(scope *model.Scope, x *graph.Node) *graph.Node {
//		return m.ApplyEach(scope, []*graph.Node{x}, nil)[0]
//	})
//
// The graph should give the model's outputs too, whatever else it gives: pure Go (compute v0.1.6) fails where weights come after all that is
// asked for. In the scope of another model it makes variables that start as copies of its own. It panics with an error that names the layer when shapes do
// not fit; whoever executes the graph returns that.
func (m *Model) ApplyEach(scope *model.Scope, inputs []*graph.Node, each func(layer string, out *graph.Node)) []*graph.Node {
	if err := m.Err(); err != nil {
		panic(err)
	}
	if len(inputs) != len(m.inputs) {
		panic(fmt.Errorf("the model takes %d inputs (%s), not %d", len(m.inputs), listed(m.inputs), len(inputs)))
	}
	if err := m.copyInto(scope); err != nil {
		panic(err)
	}
	if each == nil {
		return m.forward(scope, inputs, nil)
	}
	return m.forward(scope, inputs, func(i int, out *graph.Node) { each(m.layers[i].name, out) })
}

// copyInto gives a scope of another store the weights that the model has, where it has none yet.
func (m *Model) copyInto(scope *model.Scope) error {
	if m.store == nil || m.store == scope.Store() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return nil
	}
	for v := range m.store.IterVariables() {
		if !ofModel(v) {
			continue
		}
		path := model.JoinPath(scope.Scope(), v.Path())
		if scope.Store().GetVariable(path) != nil {
			continue
		}
		value, err := valueOf(v)
		if err != nil {
			return err
		}
		scope.Store().VariableWithValue(path, value).SetTrainable(v.Trainable)
	}
	return nil
}
