package mlx

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"golab/mlx/internal/shape"
)

// CTC is connectionist temporal classification, for a sequence of labels that is shorter than the sequence of outputs and not aligned with
// it, as in speech and handwriting: the negative log of the probability that the outputs, read with repetitions merged and then
// blanks removed, are the labels. Graves et al. (2006), https://doi.org/10.1145/1143844.1143891.
//
// Outputs are logits [batch, time, symbols]. Labels are values, one row of symbols an example, filled up with -1; the blank is none
// of them. Labels that can't be fitted into the time have no probability at all; their loss is 0 and does nothing, as with
// PyTorch's zero_infinity. Every example takes the whole time.
type CTC struct {
	Blank int // which symbol is the blank, 0 when left out
}

// Name implements [Loss].
func (CTC) Name() string { return "CTC loss" }

// CheckLabels implements [LabelChecker].
func (l CTC) CheckLabels(values []float32, width int, outputs []int) error {
	switch {
	case len(outputs) != 2:
		return fmt.Errorf("it takes outputs [batch, time, symbols], not %s", shape.Text(outputs))
	case l.Blank < 0 || l.Blank >= outputs[1]:
		return fmt.Errorf("its blank is symbol %d, but there are %d", l.Blank, outputs[1])
	}
	for i, v := range values {
		row, place := i/width, i%width
		switch {
		case v == -1:
		case v < 0 || v >= float32(outputs[1]) || v != float32(int(v)):
			return fmt.Errorf("label %d of row %d is %v; symbols are 0 to %d, and -1 fills up", place, row, v, outputs[1]-1)
		case int(v) == l.Blank:
			return fmt.Errorf("label %d of row %d is %v, which is the blank", place, row, v)
		case place > 0 && values[i-1] == -1:
			return fmt.Errorf("label %d of row %d comes after a -1, which fills up at the end only", place, row)
		}
	}
	return nil
}

// Decode reads the outputs of an example, time after time, as [Predictions] has them: at each time the most probable symbol, repetitions merged and
// then blanks removed.
func (l CTC) Decode(outputs []float32, symbols int) []int {
	var out []int
	last := l.Blank
	for ; symbols > 0 && len(outputs) >= symbols; outputs = outputs[symbols:] {
		best := 0
		for s, v := range outputs[:symbols] {
			if v > outputs[best] {
				best = s
			}
		}
		if best != last && best != l.Blank {
			out = append(out, best)
		}
		last = best
	}
	return out
}

// never is the logarithm of a probability of 0: -∞ would make NaN of differences.
const never = -1e30

// Each implements [Loss].
//
// The gradient is not derived from the graph, which goes back in time through logarithms of sums: it is that of the paper,
// softmax less the share of the paths through a symbol, from probabilities of beginnings (alpha) and of ends (beta). Both come of one
// recursion over time, as an end is a beginning of the reversed sequences.
func (l CTC) Each(labels, outputs *graph.Node) *graph.Node {
	if outputs.Rank() != 3 || labels.Rank() != 2 {
		panic(layerError("CTC loss takes outputs [batch, time, symbols] and labels [batch, length], not %s and %s", shape.Of(outputs), shape.Of(labels)))
	}
	g := outputs.Graph()
	batch, time, symbols := outputs.Shape().Dim(0), outputs.Shape().Dim(1), outputs.Shape().Dim(2)
	length := labels.Shape().Dim(1)
	states := 2*length + 1
	logP := logSoftmax(outputs)
	fixed := graph.StopGradient(logP)

	// What the states stand for: blank, first label, blank, second label, …, blank.
	labels = graph.StopGradient(labels)
	given := graph.GreaterOrEqual(labels, graph.ZerosLike(labels))
	blanks := graph.BroadcastToDims(graph.Scalar(g, dtypes.Float32, l.Blank), batch, length)
	symbol := graph.Where(given, labels, blanks)
	path := graph.Reshape(graph.Stack([]*graph.Node{blanks, symbol}, -1), batch, 2*length)
	path = graph.Concatenate([]*graph.Node{path, graph.Slice(blanks, graph.AxisRange(), graph.AxisRange(0, 1))}, 1)
	hot := graph.OneHot(graph.ConvertDType(path, dtypes.Int32), symbols, dtypes.Float32) // [batch, states, symbols]
	emit := graph.Einsum("bts,bqs->btq", fixed, hot)                                     // log probability of each state's symbol

	// The last state and the one before it, of examples of fewer labels: number 2·count and 2·count-1.
	count := graph.ReduceSum(graph.ConvertDType(given, dtypes.Float32), -1)
	place := graph.Iota(g, shapes.Make(dtypes.Float32, batch, states), 1)
	at := func(n *graph.Node) *graph.Node {
		return graph.Equal(place, graph.BroadcastToDims(graph.ExpandAxes(n, -1), batch, states))
	}
	final := graph.MulScalar(count, 2)
	ends := graph.LogicalOr(at(final), at(graph.AddScalar(final, -1)))
	starts := graph.LessThan(place, graph.Scalar(g, dtypes.Float32, 2))
	used := graph.LessOrEqual(place, graph.BroadcastToDims(graph.ExpandAxes(final, -1), batch, states))
	starts = graph.LogicalAnd(starts, used)
	// Two states may be skipped to a label that differs from the one before it.
	isLabel := graph.NotEqual(path, graph.BroadcastToDims(graph.Scalar(g, dtypes.Float32, l.Blank), batch, states))
	before := shifted(path, 2, float64(l.Blank))
	skip := graph.LogicalAnd(isLabel, graph.NotEqual(path, before))

	back := func(x *graph.Node, axes ...int) *graph.Node { return graph.Reverse(x, axes...) }
	both := func(a, b *graph.Node) *graph.Node { return graph.Concatenate([]*graph.Node{a, b}, 0) }
	no := graph.BroadcastToDims(graph.Scalar(g, dtypes.Float32, never), 2*batch, states)
	// Reversed, a skip from the second of two states leads to the first of them.
	allEmit := both(emit, back(emit, 1, 2))
	allSkip := both(skip, graph.GreaterThan(back(shifted(graph.ConvertDType(skip, dtypes.Float32), -2, 0), 1), graph.ScalarZero(g, dtypes.Float32)))
	alpha := graph.Where(both(starts, back(ends, 1)), graph.Squeeze(graph.Slice(allEmit, graph.AxisRange(), graph.AxisRange(0, 1), graph.AxisRange()), 1), no)
	lattice := latticeFrom(alpha, allEmit, allSkip, no) // [2·batch, time, states]
	half := func(i int) *graph.Node { return graph.Slice(lattice, graph.AxisRange(i*batch, (i+1)*batch)) }
	// Paths through a state at a time: beginnings times ends, in both of which it is counted.
	through := graph.Sub(graph.Add(half(0), back(half(1), 1, 2)), emit)
	atEnd := graph.Squeeze(graph.Slice(half(0), graph.AxisRange(), graph.AxisRange(time-1, time), graph.AxisRange()), 1)
	last := graph.Where(ends, atEnd, graph.Slice(no, graph.AxisRange(0, batch)))
	peak := graph.ReduceAndKeep(last, graph.ReduceMax, -1)
	total := graph.Add(graph.Squeeze(peak, -1), graph.Log(graph.ReduceSum(graph.Exp(graph.Sub(last, peak)), -1)))
	possible := graph.GreaterThan(total, graph.Scalar(g, dtypes.Float32, never/2))
	share := graph.Exp(graph.Min(graph.Sub(through, graph.Reshape(total, batch, 1, 1)), graph.ScalarZero(g, dtypes.Float32)))
	occupied := graph.Einsum("btq,bqs->bts", share, hot)
	gradient := graph.Sub(graph.Exp(fixed), occupied)
	gradient = graph.StopGradient(gradient)

	value := graph.Where(possible, graph.Neg(total), graph.ZerosLike(total))
	// A term that is 0 carries the gradient.
	carrier := graph.ReduceSum(graph.Mul(graph.Sub(outputs, graph.StopGradient(outputs)), gradient), 1, 2)
	return graph.Add(graph.StopGradient(value), graph.Where(possible, carrier, graph.ZerosLike(carrier)))
}

// latticeFrom goes on from the first row of log probabilities, alpha [n, states], through time: emit is [n, time, states], skip says which
// states are reached by skipping one, and no is never, in alpha's shape. It gives all rows, [n, time, states].
func latticeFrom(alpha, emit, skip, no *graph.Node) *graph.Node {
	n, time, states := emit.Shape().Dim(0), emit.Shape().Dim(1), emit.Shape().Dim(2)
	// next uses no constants of the graph's, which loops can't share.
	next := func(alpha, emitted, skip, no *graph.Node) *graph.Node {
		up := func(by int) *graph.Node {
			if by >= states {
				return no
			}
			in, kept := graph.Slice(no, graph.AxisRange(), graph.AxisRange(0, by)), graph.Slice(alpha, graph.AxisRange(), graph.AxisRange(0, states-by))
			return graph.Concatenate([]*graph.Node{in, kept}, 1)
		}
		one, two := up(1), graph.Where(skip, up(2), no)
		peak := graph.Max(graph.Max(alpha, one), two)
		sum := graph.Add(graph.Add(graph.Exp(graph.Sub(alpha, peak)), graph.Exp(graph.Sub(one, peak))), graph.Exp(graph.Sub(two, peak)))
		return graph.Max(graph.Add(graph.Add(peak, graph.Log(sum)), emitted), no)
	}
	g := alpha.Graph()
	can := g.Backend().Capabilities()
	if !can.Functions || !can.Operations[compute.OpTypeDynamicSlice] || !can.Operations[compute.OpTypeDynamicUpdateSlice] {
		// Pure Go has no slices at a place that is computed; it has no compiler either that would take minutes for this.
		rows := []*graph.Node{alpha}
		for t := 1; t < time; t++ {
			alpha = next(alpha, graph.Squeeze(graph.Slice(emit, graph.AxisRange(), graph.AxisRange(t, t+1), graph.AxisRange()), 1), skip, no)
			rows = append(rows, alpha)
		}
		return graph.Stack(rows, 1)
	}
	number := func(v int32) *graph.Node { return graph.Const(g, v) }
	rows := graph.Concatenate([]*graph.Node{graph.Reshape(alpha, n, 1, states), graph.Slice(emit, graph.AxisRange(), graph.AxisRange(1, time), graph.AxisRange())}, 1)
	state := []*graph.Node{number(1), number(1), number(int32(time)), number(0), alpha, rows, skip, no}
	less := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g, state)
		return []*graph.Node{graph.LessThan(s[0], s[2])}
	})
	body := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g, state)
		t, zero, alpha, rows, skip, no := s[0], s[3], s[4], s[5], s[6], s[7]
		// Row t holds what is emitted until it is replaced.
		emitted := graph.Reshape(graph.DynamicSlice(rows, []*graph.Node{zero, t, zero}, []int{n, 1, states}), n, states)
		alpha = next(alpha, emitted, skip, no)
		rows = graph.DynamicUpdateSlice(rows, graph.Reshape(alpha, n, 1, states), []*graph.Node{zero, t, zero})
		return []*graph.Node{graph.Add(t, s[1]), s[1], s[2], zero, alpha, rows, skip, no}
	})
	return graph.StopGradient(graph.While(less, body, state...)[5])
}

// parameters declares those of a loop's closure, like the state.
func parameters(g *graph.Graph, state []*graph.Node) []*graph.Node {
	var out []*graph.Node
	for i, s := range state {
		out = append(out, graph.Parameter(g, fmt.Sprint("s", i), s.Shape()))
	}
	return out
}

// shifted moves the last axis up by n, or down, and fills what comes in.
func shifted(x *graph.Node, n int, fill float64) *graph.Node {
	g, size := x.Graph(), x.Shape().Dim(-1)
	k := max(n, -n)
	if k >= size {
		return graph.BroadcastToDims(graph.Scalar(g, x.DType(), fill), x.Shape().Dimensions...)
	}
	dims := append([]int(nil), x.Shape().Dimensions...)
	dims[len(dims)-1] = k
	filled := graph.BroadcastToDims(graph.Scalar(g, x.DType(), fill), dims...)
	if n > 0 {
		return graph.Concatenate([]*graph.Node{filled, graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, size-k))}, -1)
	}
	return graph.Concatenate([]*graph.Node{graph.Slice(x, graph.AxisRange(), graph.AxisRange(k, size)), filled}, -1)
}
