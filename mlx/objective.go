package mlx

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// objective is what an output is judged by.
type objective struct {
	output int
	loss   Loss
	weight float64 // of it in what is minimized
}

// objectives are those of a program, one a target; programs are found by them.
type objectives struct {
	n   int
	all [maxTargets]objective
}

// maxTargets is how many outputs can be trained at once.
const maxTargets = 16

func (o objectives) list() []objective { return o.all[:o.n] }

// objectives are what the outputs are judged by that data has labels for: by losses, one an output, where they aren't nil.
func (m *Model) objectives(p *prepared, losses []Loss, weights []float64) (out objectives, err error) {
	if len(p.out) > maxTargets {
		return out, fmt.Errorf("mlx: %d targets; there can be %d at the most", len(p.out), maxTargets)
	}
	for _, t := range p.out {
		o := objective{output: t.output, loss: losses[t.output], weight: 1}
		if o.loss == nil {
			o.loss = m.lossFor(t)
		}
		if weights != nil {
			o.weight = weights[t.output]
		}
		out.all[out.n] = o
		out.n++
	}
	return out, nil
}

// lossFor is the loss that goes with labels.
func (m *Model) lossFor(t preparedTarget) Loss {
	switch {
	case t.indices == nil:
		return MSE
	case m.outputDims(t.output)[0] == 1:
		return BinaryCrossEntropy
	}
	return CrossEntropy
}

// lossesUsed are those of the last Fit, one an output; nil where there was none.
func (m *Model) lossesUsed() []Loss {
	out := make([]Loss, len(m.outputs))
	for i, h := range m.heads {
		out[i] = h.loss
	}
	return out
}

// byOutput looks up what options say of outputs by their names.
func byOutput[T any](m *Model, what string, given map[string]T, otherwise T) ([]T, error) {
	out := make([]T, len(m.outputs))
	for i := range out {
		out[i] = otherwise
	}
	for name, v := range given {
		i := slices.IndexFunc(m.outputs, func(o output) bool { return o.name == name })
		if i < 0 {
			var names []string
			for _, o := range m.outputs {
				names = append(names, o.name)
			}
			return nil, fmt.Errorf("mlx: FitOptions.%s names an output %q, which the model lacks; it has %s", what, name, listed(names))
		}
		out[i] = v
	}
	return out, nil
}

// judged builds what a program reports of a batch, as sums over examples by their weights: what is minimized, then of each target its loss
// and what is counted beside it.
func (o objectives) judged(outputs, labels []*graph.Node, w *graph.Node) (sums []*graph.Node) {
	var total *graph.Node
	for i, one := range o.list() {
		out := outputs[one.output]
		loss := weighted(eachLoss(one.loss, labels[i], out), w)
		part := loss
		if one.weight != 1 {
			part = graph.MulScalar(loss, one.weight)
		}
		if total == nil {
			total = part
		} else {
			total = graph.Add(total, part)
		}
		sums = append(sums, loss, weighted(hits(labels[i], out), w))
	}
	return append([]*graph.Node{total}, sums...)
}

// tally is what was judged of examples: the loss that is minimized, and of each target its own and what is counted.
type tally struct {
	total float64
	each  []score
}

type score struct{ loss, hits float64 }

// add adds a program's report, times a weight.
func (t *tally) add(out []float32, weight float64) {
	t.total += float64(out[0]) * weight
	if t.each == nil {
		t.each = make([]score, len(out)/2)
	}
	for i := range t.each {
		t.each[i].loss += float64(out[1+2*i]) * weight
		t.each[i].hits += float64(out[2+2*i]) * weight
	}
}

// over is the tally divided by a number of examples.
func (t tally) over(n int) tally {
	out := tally{total: t.total / float64(n)}
	for _, s := range t.each {
		out.each = append(out.each, score{s.loss / float64(n), s.hits / float64(n)})
	}
	return out
}
