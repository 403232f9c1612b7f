package mlx

import (
	"fmt"
	"math"
	"strings"
)

// Predictions is what a model makes of some examples, one row each.
type Predictions struct {
	// Outputs is what the last layer gives: logits, or values. Those of several axes come one after the other.
	Outputs [][]float32
	// Probabilities has one number a class: softmax of the outputs; for a single output, 1-σ and σ. Nil for values.
	Probabilities [][]float32
	// Class is the index of the most probable class. Nil for values.
	Class []int
	// Classes names the classes, in the order of Probabilities. Nil for values.
	Classes []string
}

// Predict asks a model about examples; labels, if the data has them, are not looked at. A model of classes must have
// been trained before, so that it knows what its outputs stand for; otherwise there are only Outputs.
//
// Errors: the data has another shape than the model takes, or lacks a column that it was trained on.
func Predict(m *Model, data *Data) (*Predictions, error) {
	p, err := m.ready(data, false)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	outputs := 1
	for _, d := range m.result() {
		outputs *= d
	}
	out := &Predictions{Classes: append([]string(nil), m.classes...)}
	m.mu.Unlock()
	err = p.chunks(func(rows []int, size int) error {
		x := p.inputs(padded(rows, size))
		m.mu.Lock()
		defer m.mu.Unlock()
		if err := m.alive(); err != nil {
			return err
		}
		exec, err := m.predictStep(size)
		if err != nil {
			return err
		}
		flat, err := call(exec, x)
		if err != nil {
			return err
		}
		for i := range rows {
			out.Outputs = append(out.Outputs, flat[i*outputs:(i+1)*outputs:(i+1)*outputs])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if out.Classes != nil {
		for _, row := range out.Outputs {
			probabilities := softmax(row)
			out.Probabilities = append(out.Probabilities, probabilities)
			best := 0
			for i, v := range probabilities {
				if v > probabilities[best] {
					best = i
				}
			}
			out.Class = append(out.Class, best)
		}
	}
	return out, nil
}

// softmax turns logits into probabilities; a single one is the logit of the second of two classes.
func softmax(logits []float32) []float32 {
	if len(logits) == 1 {
		logits = []float32{0, logits[0]}
	}
	peak := logits[0]
	for _, v := range logits {
		peak = max(peak, v)
	}
	sum, each := 0.0, make([]float64, len(logits))
	for i, v := range logits {
		each[i] = math.Exp(float64(v) - float64(peak))
		sum += each[i]
	}
	out := make([]float32, len(logits))
	for i, v := range each {
		out[i] = float32(v / sum)
	}
	return out
}

// Len is the number of examples.
func (p *Predictions) Len() int { return len(p.Outputs) }

// Labels names the most probable class of each example; nil for values.
func (p *Predictions) Labels() []string {
	var out []string
	for _, c := range p.Class {
		out = append(out, p.Classes[c])
	}
	return out
}

// String shows the first rows.
func (p *Predictions) String() string {
	const rows = 10
	var b strings.Builder
	for i := range min(p.Len(), rows) {
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.Class == nil {
			fmt.Fprintf(&b, "%5d  %.4g", i, p.Outputs[i])
		} else {
			fmt.Fprintf(&b, "%5d  %s (%.1f %%)", i, p.Classes[p.Class[i]], 100*p.Probabilities[i][p.Class[i]])
		}
	}
	if p.Len() > rows {
		fmt.Fprintf(&b, "\n    … %d rows", p.Len())
	}
	return b.String()
}
