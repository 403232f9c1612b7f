package mlx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
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
	// Name is that of the output. Others is what the model's other outputs give, if it has any.
	Name   string
	Others []*Predictions
}

// Of is what an output gives, by its name; nil if there is none of that name.
func (p *Predictions) Of(output string) *Predictions {
	if p.Name == output {
		return p
	}
	for _, o := range p.Others {
		if o.Name == output {
			return o
		}
	}
	return nil
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
	all := make([]*Predictions, len(m.outputs))
	m.mu.Lock()
	for i, o := range m.outputs {
		all[i] = &Predictions{Outputs: make([][]float32, p.n), Name: o.name, Classes: slices.Clone(m.heads[i].classes)}
	}
	m.mu.Unlock()
	err = p.chunks(func(r run) error {
		out, err := m.compute(p, r, false, func() (*model.Exec, error) { return m.predictStep(r.size) })
		if err != nil {
			return err
		}
		for i, flat := range out {
			per := len(flat) / r.size.batch
			for j, row := range r.rows {
				all[i].Outputs[row] = flat[j*per : (j+1)*per : (j+1)*per]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		one.classify()
	}
	all[0].Others = all[1:]
	return all[0], nil
}

// classify finds the probabilities, if the outputs stand for classes.
func (p *Predictions) classify() {
	if p.Classes == nil {
		return
	}
	for _, row := range p.Outputs {
		probabilities := softmax(row)
		p.Probabilities = append(p.Probabilities, probabilities)
		best := 0
		for i, v := range probabilities {
			if v > probabilities[best] {
				best = i
			}
		}
		p.Class = append(p.Class, best)
	}
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
