package mlx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
	"golab/mlx/internal/shape"
	"golab/mlx/layers"
)

// Model is layers and everything that is known of them so far: weights, the optimizer's state, classes, history. Make
// one with [Sequential] or [Functional].
//
// Its methods and the functions that take it may be called from several goroutines: a Predict during a Fit runs between two steps.
//
// A model is a [Layer] too: used in another model it brings its layers, starting with copies of the weights that it has by then. That is how a
// trained model becomes the beginning of the next; [Frozen] keeps it as it is there.
type Model struct {
	layers  []place  // each after those that it takes values from
	inputs  []string // their names
	outputs []output

	fitting sync.Mutex // held by Fit from start to end
	mu      sync.Mutex // held while anything below is used

	err       error
	dev       *device
	store     *model.Store
	seed      uint64
	inDims    [][]int // of an example of each input; nil until built
	fixed     bool    // the user said inDims; otherwise data did, and other data may say otherwise until it is trained
	handed    bool    // the user has the store, and may have set weights
	outDims   [][]int // of each layer
	sizes     []int   // numbers trained in each layer
	frozen    []int   // numbers kept but not trained in each layer
	flops     []int64 // of each layer, an example
	convolves bool    // has convolutions of GoMLX's own
	grows     []bool  // inputs whose first axis, of steps, may have any size
	codes     []codes // of each input, of the data it was first fitted on, if that had columns
	heads     []head  // of each output
	history   History
	programs  programs
}

// head is what is known of an output.
type head struct {
	classes []string // what the numbers stand for; nil when values, or when never fitted
	loss    Loss     // of the last Fit
}

// place is a layer where it stands in a model.
type place struct {
	name  string // unique: dense_1, dense_2, …
	scope string // of its variables: its name, or for a shared layer the name of its first place
	layer any    // a Layer, or a Merger
	from  []int  // what it takes: the results of layers by their index, or with -1, -2, … the model's inputs
}

// output is a result of a model.
type output struct {
	name string
	of   int // the layer
}

// Sequential makes a model of layers that feed one another. It is built, and its shapes are checked, when it first meets
// data, unless the first layer is an [Input]; [Model.Build] does it without data.
func Sequential(stack ...Layer) *Model {
	m := &Model{inputs: []string{"input"}}
	names, scopes := namer{}, map[any]string{}
	for i, l := range stack {
		if l == nil {
			m.err = fmt.Errorf("mlx: layer %d is nil", i+1)
			return m
		}
		given := ""
		if v, ok := l.(*Value); ok {
			if given = v.name; v.from != nil {
				m.err = fmt.Errorf("mlx: layer %d is a value of a Functional model; Sequential takes layers", i+1)
				return m
			}
			if given != "" {
				m.inputs[0] = given
			}
		}
		if _, ok := l.(exampleShape); ok && i > 0 {
			m.err = fmt.Errorf("mlx: layer %d is an Input; only the first layer can be one", i+1)
			return m
		}
		p := place{layer: l, from: []int{i - 1}}
		if p.name, m.err = names.name(given, l.Kind()); m.err != nil {
			return m
		}
		p.scope = p.name
		if key := identity(l); key != nil {
			if first, ok := scopes[key]; ok {
				p.scope = first
			}
			scopes[key] = p.scope
		}
		m.layers = append(m.layers, p)
	}
	if len(stack) == 0 {
		m.err = errors.New("mlx: the model has no layers")
		return m
	}
	m.outputs = []output{{"output", len(stack) - 1}}
	m.forget()
	if in, ok := stack[0].(exampleShape); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.err = m.build([][]int{in.ExampleShape()}, nil)
		m.fixed = true
	}
	return m
}

// Build makes the weights for inputs of a shape, without the batch, and checks that every layer takes what the one before it gives. The
// error names the layer, what it expects and what it is given. A model that is built already only checks the shape.
func (m *Model) Build(dims ...int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.build([][]int{dims}, nil)
	m.fixed = m.fixed || err == nil
	return err
}

// Reset forgets everything learned: weights, optimizer, classes, history.
func (m *Model) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reset()
}

func (m *Model) reset() {
	m.programs.drop()
	if m.store != nil {
		m.store.Finalize()
	}
	m.store, m.inDims, m.outDims, m.sizes, m.frozen, m.flops = nil, nil, nil, nil, nil, nil
	m.grows, m.history, m.handed = nil, History{}, false
	m.forget()
}

// forget makes the model one that has never seen data.
func (m *Model) forget() {
	m.codes, m.heads = make([]codes, len(m.inputs)), make([]head, len(m.outputs))
}

// Err says what is wrong with the layers, as far as it is known; Fit and the others return it too.
func (m *Model) Err() error {
	if m == nil {
		return errors.New("mlx: the model is nil")
	}
	return m.err
}

// Store is where GoMLX keeps the variables of the model: weights under /dense_1 and so on, the state of the optimizer under
// /optimizers. It is nil until the model is built. Variables may be set between two calls, not during one.
func (m *Model) Store() *model.Store {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handed = m.handed || m.store != nil
	return m.store
}

// Classes lists what the (first) output's numbers stand for, in order; nil for models of values and before the first Fit.
func (m *Model) Classes() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.heads) == 0 {
		return nil
	}
	return slices.Clone(m.heads[0].classes)
}

// History is that of all calls of Fit since the model was made or reset, as a copy.
func (m *Model) History() *History {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.history.clone()
}

// build is Build for a model of any number of inputs, with the lock held. grows says of which of them the first axis may have any size.
func (m *Model) build(dims [][]int, grows []bool) error {
	if m.err != nil {
		return m.err
	}
	if len(dims) != len(m.inputs) {
		return fmt.Errorf("mlx: the model takes %d inputs (%s), not %d", len(m.inputs), listed(m.inputs), len(dims))
	}
	if err := m.move(); err != nil {
		return err
	}
	if m.inDims != nil {
		differs := -1
		for i := range dims {
			from := 0
			if m.grows[i] {
				from = 1
			}
			if len(m.inDims[i]) != len(dims[i]) || !slices.Equal(m.inDims[i][from:], dims[i][from:]) {
				differs = i
			}
		}
		if differs < 0 {
			return nil
		}
		if m.fixed || m.handed || m.history.Steps > 0 {
			which := ""
			if len(dims) > 1 {
				which = " as its " + m.inputs[differs]
			}
			return fmt.Errorf("mlx: the model was built for inputs of shape %s%s, not %s; make a new one for these", shape.Text(m.inDims[differs]), which, shape.Text(dims[differs]))
		}
		m.reset()
	}
	for _, in := range dims {
		for _, d := range in {
			if d < 1 {
				return fmt.Errorf("mlx: inputs of shape %s; every axis needs a size of 1 or more", shape.Text(in))
			}
		}
	}
	m.store = model.NewStore()
	m.store.SetParam(random.SeedParam, m.seed)
	err := m.store.SetRNGStateFromSeed(int64(m.seed)) // what layers of GoMLX's own draw from
	if err == nil {
		err = m.trace(dims)
	}
	if err == nil {
		err = m.move()
	}
	if err == nil {
		err = m.store.InitializeVariables(m.dev.Backend, nil)
	}
	if err != nil {
		m.reset()
		return fmt.Errorf("mlx: %w", err)
	}
	for _, in := range dims {
		m.inDims = append(m.inDims, slices.Clone(in))
	}
	if m.grows = slices.Clone(grows); m.grows == nil {
		m.grows = make([]bool, len(dims))
	}
	return nil
}

// trace builds the layers into a graph that is never compiled: it makes the variables and finds the shapes.
func (m *Model) trace(dims [][]int) (err error) {
	g := graph.NewGraph(m.dev.Backend, "mlx.build")
	defer g.Finalize()
	model.SetStore(g, m.store)
	err = caught(func() {
		before := int64(0)
		seen := map[string]bool{}
		var inputs []*graph.Node
		for i, in := range dims {
			inputs = append(inputs, graph.Parameter(g, fmt.Sprintf("x%d", i), shapes.Make(dtypes.Float32, append([]int{traceBatch}, in...)...)))
		}
		m.forward(m.store.RootScope(), inputs, func(i int, out *graph.Node) {
			m.outDims = append(m.outDims, slices.Clone(out.Shape().Dimensions[1:]))
			trained, frozen := 0, 0
			if scope := m.layers[i].scope; !seen[scope] { // a shared layer counts once
				seen[scope] = true
				for v := range m.store.Scope("/" + scope).IterVariables() {
					if v.Trainable {
						trained += v.Shape().Size()
					} else {
						frozen += v.Shape().Size()
					}
				}
			}
			m.flops = append(m.flops, (layers.FLOPs(g)-before)/traceBatch)
			before = layers.FLOPs(g)
			m.sizes, m.frozen = append(m.sizes, trained), append(m.frozen, frozen)
		})
		m.convolves = slices.ContainsFunc(g.Nodes(), func(n *graph.Node) bool { return n.Type() == graph.NodeTypeConvGeneral })
	})
	return err
}

// traceBatch is the batch size that shapes are found with.
const traceBatch = 2

// forward builds the layers into a graph and returns the model's outputs. each, if not nil, is told of every layer's output. It panics
// with an error that names the layer.
func (m *Model) forward(scope *model.Scope, inputs []*graph.Node, each func(i int, out *graph.Node)) []*graph.Node {
	results := make([]*graph.Node, len(m.layers))
	visited := map[string]bool{}
	for i, p := range m.layers {
		in := make([]*graph.Node, len(p.from))
		given := make([]string, len(p.from))
		for j, f := range p.from {
			if f < 0 {
				in[j] = inputs[-1-f]
			} else {
				in[j] = results[f]
			}
			given[j] = shape.Of(in[j])
		}
		fail := func(format string, args ...any) {
			panic(fmt.Errorf("layer %d (%s), given %s: %w", i+1, p.name, strings.Join(given, " and "), fmt.Errorf(format, args...)))
		}
		var x *graph.Node
		err := caught(func() {
			own := scope.In
			if visited[p.scope] {
				own = scope.Shared
			}
			visited[p.scope] = true
			x = apply(p.layer, own("%s", p.scope), in)
		})
		switch {
		case err != nil:
			fail("%w", err)
		case x == nil:
			fail("it returned nil")
		case x.Rank() < 1 || x.Shape().Dim(0) != in[0].Shape().Dim(0):
			fail("it returned shape %v, without the batch as its first axis", x.Shape().Dimensions)
		}
		results[i] = x
		if each != nil {
			each(i, x)
		}
	}
	out := make([]*graph.Node, len(m.outputs))
	for i, o := range m.outputs {
		out[i] = results[o.of]
	}
	return out
}

// apply builds a layer of one input or of several.
func apply(layer any, scope *model.Scope, in []*graph.Node) *graph.Node {
	merger, merges := layer.(Merger)
	l, ok := layer.(Layer)
	switch {
	case ok && len(in) == 1:
		return l.Apply(scope, in[0])
	case merges:
		return merger.ApplyAll(scope, in...)
	}
	panic(fmt.Errorf("it takes one input, not %d", len(in)))
}

// caught runs f, which builds a graph, and returns what it panics with as an error.
func caught(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = r
		default:
			err = fmt.Errorf("%v", r)
		}
	}()
	f()
	return nil
}

// move brings the model to the backend in use, with its variables.
func (m *Model) move() error {
	dev, err := currentDevice()
	if err == nil && m.convolves && dev.name == "go" {
		dev, err = sequentialGo()
	}
	if err != nil {
		return err
	}
	if dev == m.dev || m.store == nil {
		m.dev = dev
		return nil
	}
	m.programs.drop()
	for v := range m.store.IterVariables() {
		if err := relocate(v); err != nil {
			return fmt.Errorf("mlx: moving %s from %s to %s: %w", v.Path(), m.dev.name, dev.name, err)
		}
	}
	m.dev = dev
	return nil
}

// relocate makes a variable's value local, to be sent to whatever backend uses it next.
func relocate(v *model.Variable) error {
	if !v.HasValue() {
		return nil
	}
	value, err := v.Value()
	if err != nil {
		return err
	}
	var local *tensors.Tensor
	if local, err = value.LocalClone(); err != nil {
		return err
	}
	return v.SetValue(local)
}

// outputCount is how many numbers an output has an example, or an error for one that isn't a row of numbers.
func (m *Model) outputCount(output int) (int, error) {
	last := m.outputDims(output)
	if len(last) != 1 {
		return 0, fmt.Errorf("mlx: the last layer (%s) gives %s; it needs to give [batch, outputs], so put Flatten before the last Dense",
			m.layers[m.outputs[output].of].name, shape.Text(last))
	}
	return last[0], nil
}

// outputDims is the shape of an output, without the batch.
func (m *Model) outputDims(output int) []int { return m.outDims[m.outputs[output].of] }

// Spec is an input or output of a model.
type Spec struct {
	Name  string
	Shape []int // of one example, without the batch
}

// Inputs describes what the model takes, in order; nil until it is built.
func (m *Model) Inputs() []Spec {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Spec
	for i, dims := range m.inDims {
		out = append(out, Spec{m.inputs[i], slices.Clone(dims)})
	}
	return out
}

// Outputs describes what the model gives, in order; nil until it is built.
func (m *Model) Outputs() []Spec {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inDims == nil {
		return nil
	}
	var out []Spec
	for _, o := range m.outputs {
		out = append(out, Spec{o.name, slices.Clone(m.outDims[o.of])})
	}
	return out
}
