package mlx

import (
	"errors"
	"fmt"
	"slices"
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
// one with [Sequential].
//
// Its methods and the functions that take it may be called from several goroutines: a Predict during a Fit runs between two steps.
type Model struct {
	layers []Layer
	names  []string // unique: dense_1, dense_2, …

	fitting sync.Mutex // held by Fit from start to end
	mu      sync.Mutex // held while anything below is used

	err       error
	dev       *device
	store     *model.Store
	seed      uint64
	inDims    []int    // of one example; nil until built
	fixed     bool     // the user said inDims; otherwise data did, and other data may say otherwise until it is trained
	handed    bool     // the user has the store, and may have set weights
	outDims   [][]int  // of each layer
	sizes     []int    // numbers trained in each layer
	frozen    []int    // numbers kept but not trained in each layer
	flops     []int64  // of each layer, an example
	convolves bool     // has convolutions of GoMLX's own
	features  []string // of the data it was first fitted on, if it had names
	classes   []string // what the outputs stand for; nil when values, or when never fitted
	history   History
	loss      Loss // of the last Fit
	programs  programs
}

// Sequential makes a model of layers that feed one another. It is built, and its shapes are checked, when it first meets
// data, unless the first layer is an [Input]; [Model.Build] does it without data.
func Sequential(stack ...Layer) *Model {
	m := &Model{layers: slices.Clone(stack)}
	count := map[string]int{}
	for i, l := range stack {
		if l == nil {
			m.err = fmt.Errorf("mlx: layer %d is nil", i+1)
			return m
		}
		count[l.Kind()]++
		m.names = append(m.names, fmt.Sprintf("%s_%d", l.Kind(), count[l.Kind()]))
		if _, ok := l.(exampleShape); ok && i > 0 {
			m.err = fmt.Errorf("mlx: layer %d is an Input; only the first layer can be one", i+1)
			return m
		}
	}
	if len(stack) == 0 {
		m.err = errors.New("mlx: the model has no layers")
		return m
	}
	if in, ok := stack[0].(exampleShape); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.err = m.build(in.ExampleShape())
		m.fixed = true
	}
	return m
}

// Build makes the weights for inputs of a shape, without the batch, and checks that every layer takes what the one before it gives. The
// error names the layer, what it expects and what it is given. A model that is built already only checks the shape.
func (m *Model) Build(dims ...int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.build(dims)
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
	m.features, m.classes, m.loss, m.history, m.handed = nil, nil, nil, History{}, false
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

// Classes lists what the outputs stand for, in order; nil for models of values and before the first Fit.
func (m *Model) Classes() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.classes)
}

// History is that of all calls of Fit since the model was made or reset, as a copy.
func (m *Model) History() *History {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.history.clone()
}

// build is Build, with the lock held.
func (m *Model) build(dims []int) error {
	if m.err != nil {
		return m.err
	}
	if err := m.move(); err != nil {
		return err
	}
	if m.inDims != nil {
		if slices.Equal(m.inDims, dims) {
			return nil
		}
		if m.fixed || m.handed || m.history.Steps > 0 {
			return fmt.Errorf("mlx: the model was built for inputs of shape %s, not %s; make a new one for these", shape.Text(m.inDims), shape.Text(dims))
		}
		m.reset()
	}
	for _, d := range dims {
		if d < 1 {
			return fmt.Errorf("mlx: inputs of shape %s; every axis needs a size of 1 or more", shape.Text(dims))
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
	m.inDims = slices.Clone(dims)
	return nil
}

// trace builds the layers into a graph that is never compiled: it makes the variables and finds the shapes.
func (m *Model) trace(dims []int) (err error) {
	g := graph.NewGraph(m.dev.Backend, "mlx.build")
	defer g.Finalize()
	model.SetStore(g, m.store)
	err = caught(func() {
		before := int64(0)
		x := graph.Parameter(g, "x", shapes.Make(dtypes.Float32, append([]int{traceBatch}, dims...)...))
		m.forward(m.store.RootScope(), x, func(i int, out *graph.Node) {
			m.outDims = append(m.outDims, slices.Clone(out.Shape().Dimensions[1:]))
			trained, frozen := 0, 0
			for v := range m.store.Scope("/" + m.names[i]).IterVariables() {
				if v.Trainable {
					trained += v.Shape().Size()
				} else {
					frozen += v.Shape().Size()
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

// forward builds the layers into a graph. each, if not nil, is told of every layer's output. It panics with an error that names the layer.
func (m *Model) forward(scope *model.Scope, x *graph.Node, each func(i int, out *graph.Node)) *graph.Node {
	for i, l := range m.layers {
		in := x
		err := caught(func() { x = l.Apply(scope.In("%s", m.names[i]), in) })
		switch {
		case err != nil:
			panic(fmt.Errorf("layer %d (%s), given %s: %w", i+1, m.names[i], shape.Of(in), err))
		case x == nil:
			panic(fmt.Errorf("layer %d (%s), given %s: it returned nil", i+1, m.names[i], shape.Of(in)))
		case x.Rank() < 1 || x.Shape().Dim(0) != in.Shape().Dim(0):
			panic(fmt.Errorf("layer %d (%s), given %s: it returned shape %v, without the batch as its first axis", i+1, m.names[i], shape.Of(in), x.Shape().Dimensions))
		}
		if each != nil {
			each(i, x)
		}
	}
	return x
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

// outputs is the number of outputs, or an error for a model that ends in anything but a row of numbers.
func (m *Model) outputs() (int, error) {
	last := m.outDims[len(m.outDims)-1]
	if len(last) != 1 {
		return 0, fmt.Errorf("mlx: the last layer (%s) gives %s; it needs to give [batch, outputs], so put Flatten before the last Dense", m.names[len(m.names)-1], shape.Text(last))
	}
	return last[0], nil
}
