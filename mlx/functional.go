package mlx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/layers"
)

// Value is what an input or a layer of a [Functional] model will give. [Input] makes the first ones, [Value.Then] and [Merge] those that
// follow from them. A Value is a description and computes nothing; it may be used any number of times.
type Value struct {
	layer any      // a Layer, or a Merger
	from  []*Value // nil: an input
	dims  []int    // of an input
	name  string   // as Named says; empty: from the layer's kind
	err   error
}

// Values are inputs or outputs of a model.
type Values []*Value

// Input is where a model begins: the shape of an example, without the batch, such as Input(64) or Input(28, 28, 1). As first layer
// of [Sequential] it makes the model be built, and its shapes checked, before it meets data. In a [Functional] model every input is one.
func Input(dims ...int) *Value {
	return &Value{layer: layers.Input(dims...), dims: slices.Clone(dims)}
}

// Then feeds a value through layers, one after the other, each with weights of its own.
func (v *Value) Then(stack ...Layer) *Value {
	for _, l := range stack {
		v = &Value{layer: l, from: []*Value{v}}
		if l == nil {
			v.err = errors.New("mlx: a layer given to Then is nil")
		}
	}
	return v
}

// Named gives a value a name: that of the input, output or layer in data, summaries and what is saved. It returns the value.
func (v *Value) Named(name string) *Value { v.name = name; return v }

// Merger is a layer of several inputs: layers.Concat(), layers.Sum(), layers.MultiHeadAttention(4), [Func] of a function of several nodes.
type Merger = layers.Merger

// Merge feeds several values into one layer, in the order that it takes them.
func Merge(l Merger, values ...*Value) *Value {
	v := &Value{layer: l, from: slices.Clone(values)}
	switch {
	case l == nil:
		v.err = errors.New("mlx: the layer given to Merge is nil")
	case len(values) == 0:
		v.err = errors.New("mlx: Merge needs values to feed into the layer")
	}
	return v
}

// Functional makes a model of what describes its outputs, back to its inputs:
//
//	image, words := mlx.Input(28, 28, 1).Named("image"), mlx.Input(20).Named("words")
//	seen := image.Then(layers.Conv2D(16, 3, mlx.ReLU), mlx.Flatten())
//	read := words.Then(layers.Embedding(5000, 32), layers.LSTM(64))
//	both := mlx.Merge(layers.Concat(), seen, read)
//	m := mlx.Functional(mlx.Values{image, words}, mlx.Values{both.Then(mlx.Dense(10)).Named("label")})
//
// Layers made by [Shared], and models used as layers, have the same weights wherever they stand. The model is built at once; [Model.Err]
// says what is wrong.
func Functional(inputs, outputs Values) *Model {
	m := &Model{}
	if m.err = m.describe(inputs, outputs); m.err != nil {
		return m
	}
	dims := make([][]int, len(inputs))
	for i, v := range inputs {
		dims[i] = v.dims
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	m.err = m.build(dims, nil)
	m.fixed = true
	return m
}

// describe lists the layers between inputs and outputs, each after what it takes.
func (m *Model) describe(inputs, outputs Values) error {
	if len(inputs) == 0 || len(outputs) == 0 {
		return errors.New("mlx: a model needs an input and an output at least")
	}
	at := map[*Value]int{}
	names := namer{}
	for i, v := range inputs {
		if v == nil || v.from != nil {
			return fmt.Errorf("mlx: input %d of the model is not an Input", i+1)
		}
		if _, again := at[v]; again {
			return fmt.Errorf("mlx: input %d of the model is given twice", i+1)
		}
		name, err := names.name(v.name, "input")
		if err != nil {
			return err
		}
		at[v] = len(m.layers)
		m.inputs = append(m.inputs, name)
		m.layers = append(m.layers, place{name: name, scope: name, layer: v.layer, from: []int{-1 - i}})
	}
	shared := map[any]string{}
	var visit func(v *Value) error
	visit = func(v *Value) error {
		if v == nil {
			return errors.New("mlx: a value of the model is nil")
		}
		if _, done := at[v]; done {
			return nil
		}
		if v.err != nil {
			return v.err
		}
		if v.from == nil {
			return fmt.Errorf("mlx: the outputs depend on an Input (%q, shape %v) that is not among the model's inputs", v.name, v.dims)
		}
		p := place{layer: v.layer}
		for _, f := range v.from {
			if err := visit(f); err != nil {
				return err
			}
			p.from = append(p.from, at[f])
		}
		var err error
		if p.name, err = names.name(v.name, v.layer.(interface{ Kind() string }).Kind()); err != nil {
			return err
		}
		p.scope = p.name
		if key := identity(v.layer); key != nil {
			if first, ok := shared[key]; ok {
				p.scope = first
			}
			shared[key] = p.scope
		}
		at[v] = len(m.layers)
		m.layers = append(m.layers, p)
		return nil
	}
	for i, v := range outputs {
		if err := visit(v); err != nil {
			return err
		}
		if v.from == nil {
			return fmt.Errorf("mlx: output %d of the model is one of its inputs; put layers.Identity() between", i+1)
		}
		name := v.name
		if name == "" {
			name = m.layers[at[v]].name
		}
		m.outputs = append(m.outputs, output{name: name, of: at[v]})
	}
	return nil
}

// namer makes the names of a model's layers, each once.
type namer struct {
	count map[string]int
	used  map[string]bool
}

func (n *namer) name(given, kind string) (string, error) {
	if n.count == nil {
		n.count, n.used = map[string]int{}, map[string]bool{}
	}
	name := given
	if name == "" {
		n.count[kind]++
		name = fmt.Sprintf("%s_%d", kind, n.count[kind])
	}
	if n.used[name] {
		return "", fmt.Errorf("mlx: two layers of the model are named %q", name)
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("mlx: the name %q holds a slash; names are parts of the paths of weights", name)
	}
	n.used[name] = true
	return name, nil
}

// Shared makes a layer that has the same weights wherever it stands in a model: the two towers of a siamese network, or an embedding
// used by encoder and decoder. Every call makes another one.
func Shared(l Layer) Layer { return &shared{l} }

type shared struct{ Layer }

func (s *shared) PerExample() bool { return !mixesExamples(s.Layer) }

// identity is what makes two uses of a layer the same one: nil for most, which have weights of their own at each place.
func identity(l any) any {
	switch l := l.(type) {
	case *shared, *Model:
		return l
	}
	return nil
}

// Frozen makes a layer, or a model used as one, that training leaves as it is: its weights, and the moving means of batch
// normalization, which it computes with as after training.
func Frozen(l Layer) Layer { return frozen{l} }

type frozen struct{ Layer }

func (f frozen) PerExample() bool { return true }

func (f frozen) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	store, g := scope.Store(), x.Graph()
	if training := store.IsTraining(g); training {
		store.SetTraining(g, false)
		defer store.SetTraining(g, true)
	}
	y := f.Layer.Apply(scope, x)
	for v := range scope.IterVariables() {
		v.SetTrainable(false)
	}
	return y
}

// Kind is "input": an Input is a layer too, the first of a [Sequential].
func (v *Value) Kind() string { return "input" }

// PerExample says that it leaves examples as they are.
func (v *Value) PerExample() bool { return true }

// ExampleShape is the shape that an Input was made for.
func (v *Value) ExampleShape() []int { return v.dims }

// Apply checks the shape of what an Input is given.
func (v *Value) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	return layers.Input(v.dims...).Apply(scope, x)
}
