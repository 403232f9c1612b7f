package layers

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// A recurrent layer is a loop in the graph (While), with backpropagation through time written here: another loop, from the last step
// to the first. GoMLX's own LSTM writes every step into the graph, whose gradient takes memory traffic by the square of the steps,
// and XLA minutes to compile. GoMLX has no gradient of While, but lets one be registered.

// cell is what a recurrent layer does in a step. H is its number of units; z is what the step's input contributes, [batch, blocks·H].
// All of its functions build into loop bodies, where nothing may be used but arguments and new constants.
type cell interface {
	blocks() int      // of H columns, that inputs and states are multiplied by
	states() int      // what goes from step to step, each [batch, H]; the first is the output
	kept() int        // blocks of what forward keeps for backward
	extras() []string // names of further parameters beside the weights, each [H]
	// forward makes a step: of z and the product of the last output with the recurrent weights it makes the next states, and what is
	// kept of it.
	forward(z, product *graph.Node, extra, states []*graph.Node) (next, kept []*graph.Node)
	// backward takes gradients by the next states to those by z, by the product and, but for what goes through the product, by the
	// states before.
	backward(kept, d []*graph.Node) (dz, dproduct *graph.Node, before []*graph.Node)
	// gradients gives, of the blocks of dz and of what was kept of all steps, each [steps·batch, H], the gradients by the products
	// and by extra. It is not in a loop.
	gradients(dz, kept []*graph.Node) (dproduct *graph.Node, dextra []*graph.Node)
}

func init() {
	before := graph.VJPRegistration[graph.NodeTypeWhile]
	graph.VJPRegistration[graph.NodeTypeWhile] = func(node *graph.Node, v []*graph.Node, s shapes.Shape) []*graph.Node {
		all, _ := node.Graph().State(scans{}).(map[*graph.Node]*scan)
		switch l := all[node]; {
		case l != nil:
			return l.gradient(v)
		case before != nil:
			return before(node, v, s)
		}
		panic(errors.New("a While loop has no gradient; that of a recurrent layer has one, but no second"))
	}
}

// scans is the key of a graph's loops that have a gradient, map[*graph.Node]*scan.
type scans struct{}

// scan is a loop of a cell over time.
type scan struct {
	cell
	backwards bool        // from the last step to the first
	z         *graph.Node // what the inputs contribute, [steps, batch, blocks·H]
	weights   *graph.Node // recurrent ones, [H, blocks·H]
	extra     []*graph.Node
	mask      *graph.Node   // [steps, batch, 1]: where it is 0 the states stay as they are, where 1 they are the cell's; nil: 1 everywhere
	initial   []*graph.Node // states before the first step, [batch, H]

	outputs *graph.Node   // the first state after each step, [steps, batch, H]
	kept    *graph.Node   // what forward kept of each step, [steps, batch, kept·H]
	final   []*graph.Node // states after the last step
}

// The state of the loop forward is the step, z, the weights, extra and mask, which stay, then states, outputs and kept, which change.

// run builds the loop; outputs and final are its result.
func (l *scan) run() {
	g := l.z.Graph()
	steps, batch, units := l.z.Shape().Dim(0), l.z.Shape().Dim(1), l.weights.Shape().Dim(0)
	in := append([]*graph.Node{l.z, l.weights}, l.extra...)
	if l.mask != nil {
		in = append(in, l.mask)
	}
	stay := len(in)
	in = append(in, l.initial...)
	in = append(in, zerosOf(g, steps, batch, units), zerosOf(g, steps, batch, l.cell.kept()*units))
	first, last := 0, steps-1
	if l.backwards {
		first, last = last, first
	}
	node, out := loop(g, first, last, in, func(t *graph.Node, p []*graph.Node) []*graph.Node {
		states := p[stay : len(p)-2]
		next, kept := l.forward(at(p[0], t), graph.MatMul(states[0], p[1]), p[2:2+len(l.extra)], states)
		if l.mask != nil {
			m := at(p[stay-1], t)
			for i := range next {
				next[i] = blend(m, next[i], states[i])
			}
		}
		out := append(append([]*graph.Node(nil), p[:stay]...), next...)
		return append(out, put(p[len(p)-2], t, next[0]), put(p[len(p)-1], t, graph.Concatenate(kept, -1)))
	})
	l.final, l.outputs, l.kept = out[stay:len(out)-2], out[len(out)-2], out[len(out)-1]
	all, _ := g.State(scans{}).(map[*graph.Node]*scan)
	if all == nil {
		all = map[*graph.Node]*scan{}
		g.AttachState(scans{}, all)
	}
	all[node] = l
}

// gradient builds the loop back: of the gradients by what the loop gave, nil for none, it makes those by what the loop was given.
func (l *scan) gradient(v []*graph.Node) []*graph.Node {
	g := l.z.Graph()
	steps, batch, units := l.z.Shape().Dim(0), l.z.Shape().Dim(1), l.weights.Shape().Dim(0)
	v = v[1:] // the step
	stay := len(v) - 2 - l.states()

	// What stays: the weights' transpose, what was kept, and, if there is any, the mask and the gradient by the outputs.
	in := []*graph.Node{graph.Transpose(l.weights, 0, 1), l.kept}
	maskAt, outputsAt := 0, 0
	if l.mask != nil {
		maskAt, in = len(in), append(in, l.mask)
	}
	if d := v[len(v)-2]; d != nil {
		outputsAt, in = len(in), append(in, d)
	}
	still := len(in)
	for _, d := range v[stay : len(v)-2] {
		if d == nil {
			d = zerosOf(g, batch, units)
		}
		in = append(in, d)
	}
	in = append(in, zerosOf(g, steps, batch, l.blocks()*units))
	first, last := steps-1, 0
	if l.backwards {
		first, last = last, first
	}
	_, out := loop(g, first, last, in, func(t *graph.Node, p []*graph.Node) []*graph.Node {
		transpose, kept := p[0], graph.Split(at(p[1], t), -1, l.cell.kept())
		d := append([]*graph.Node(nil), p[still:len(p)-1]...)
		if outputsAt > 0 {
			d[0] = graph.Add(d[0], at(p[outputsAt], t))
		}
		through := d // the part of the gradient that goes through the cell; the rest passes it by
		if l.mask != nil {
			m := at(p[maskAt], t)
			through = nil
			for _, d := range d {
				through = append(through, graph.Mul(d, m))
			}
		}
		dz, dproduct, before := l.backward(kept, through)
		dh := graph.MatMul(dproduct, transpose)
		if before[0] == nil {
			before[0] = dh
		} else {
			before[0] = graph.Add(before[0], dh)
		}
		if l.mask != nil {
			for i := range before {
				before[i] = graph.Add(before[i], graph.Sub(d[i], through[i]))
			}
		}
		out := append(append([]*graph.Node(nil), p[:still]...), before...)
		return append(out, put(p[len(p)-1], t, dz))
	})
	dz := out[len(out)-1]

	// The weights' gradient is one product over all steps.
	flat := func(x *graph.Node) *graph.Node { return graph.Reshape(x, steps*batch, -1) }
	dproduct, dextra := l.gradients(graph.Split(flat(dz), -1, l.blocks()), graph.Split(flat(l.kept), -1, l.cell.kept()))
	h0, before := graph.ExpandAxes(l.initial[0], 0), l.outputs
	switch {
	case steps == 1:
		before = h0
	case l.backwards:
		before = graph.Concatenate([]*graph.Node{graph.Slice(before, graph.AxisRange(1)), h0}, 0)
	default:
		before = graph.Concatenate([]*graph.Node{h0, graph.Slice(before, graph.AxisRange(0, steps-1))}, 0)
	}
	dweights := graph.DotGeneral(flat(before), []int{0}, nil, dproduct, []int{0}, nil)

	grads := make([]*graph.Node, len(v)+1)
	grads[1], grads[2] = dz, dweights
	copy(grads[3:], dextra)
	copy(grads[1+stay:], out[still:len(out)-1])
	return grads
}

// loop makes a loop of t from first to last, up or down. body is given t and the state, and gives the next state. node is the While
// itself, whose first input and output is t.
func loop(g *graph.Graph, first, last int, in []*graph.Node, body func(t *graph.Node, p []*graph.Node) []*graph.Node) (node *graph.Node, out []*graph.Node) {
	in = append([]*graph.Node{graph.Const(g, int32(first))}, in...)
	step := int32(1)
	if last < first {
		step = -1
	}
	parameters := func(g *graph.Graph) []*graph.Node {
		p := make([]*graph.Node, len(in))
		for i, n := range in {
			p[i] = graph.Parameter(g, fmt.Sprintf("state_%d", i), n.Shape())
		}
		return p
	}
	condition := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		p := parameters(g)
		if step > 0 {
			return []*graph.Node{graph.LessOrEqual(p[0], graph.Const(g, int32(last)))}
		}
		return []*graph.Node{graph.GreaterOrEqual(p[0], graph.Const(g, int32(last)))}
	})
	next := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		p := parameters(g)
		return append([]*graph.Node{graph.Add(p[0], graph.Const(g, step))}, body(p[0], p[1:])...)
	})
	all := graph.While(condition, next, in...)
	for _, n := range all[1:] { // compute v0.1.6's pure Go panics when nothing follows the loop and its last outputs are not used
		out = append(out, graph.IdentityWithCustomGradient(n, func(_, v *graph.Node) *graph.Node { return v }))
	}
	return all[0].Inputs()[0], out
}

// at is xs[t].
func at(xs, t *graph.Node) *graph.Node {
	if xs.Graph().Backend().Name() != xlaBackend { // pure Go has no DynamicSlice; XLA no Scatter inside loops
		return graph.Squeeze(graph.Gather(xs, graph.Reshape(t, 1, 1)), 0)
	}
	zero := graph.Const(xs.Graph(), int32(0))
	return graph.Squeeze(graph.DynamicSlice(xs, []*graph.Node{t, zero, zero}, []int{1, xs.Shape().Dim(1), xs.Shape().Dim(2)}), 0)
}

// put is xs with xs[t], 0 before, set to v.
func put(xs, t, v *graph.Node) *graph.Node {
	if xs.Graph().Backend().Name() != xlaBackend {
		return graph.ScatterSum(xs, graph.Reshape(t, 1, 1), graph.ExpandAxes(v, 0), true, true)
	}
	zero := graph.Const(xs.Graph(), int32(0))
	return graph.DynamicUpdateSlice(xs, graph.ExpandAxes(v, 0), []*graph.Node{t, zero, zero})
}

// blend is m·a + (1-m)·b.
func blend(m, a, b *graph.Node) *graph.Node { return graph.Add(b, graph.Mul(m, graph.Sub(a, b))) }

func zerosOf(g *graph.Graph, dims ...int) *graph.Node {
	return graph.Zeros(g, shapes.Make(dtypes.Float32, dims...))
}

// oneMinus is 1 - x. GoMLX's OneMinus keeps its constant for the whole graph, which a loop's body can't reach.
func oneMinus(x *graph.Node) *graph.Node { return graph.Sub(graph.Const(x.Graph(), float32(1)), x) }
