package mlx

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// History is what happened in training, epoch by epoch. All slices that are not nil have one number an epoch; the
// validation's are NaN for epochs without one.
type History struct {
	Epoch []int // numbers of the epochs, counted from 1 since the model was made

	Loss    []float64 // mean loss of the training steps, taken as they were made
	ValLoss []float64 // loss on the validation data, after the epoch

	Accuracy    []float64 // share of classes that were right, 0 to 1; nil for values
	ValAccuracy []float64
	MAE         []float64 // mean absolute error; nil for classes
	ValMAE      []float64

	// Outputs is the same of each output, for a model of several; Accuracy and MAE above are then nil.
	Outputs []OutputHistory

	LearningRate []float64 // of the last step of the epoch

	Steps   int    // training steps made, those of a last epoch that was broken off too
	Stopped string // why training ended before its last epoch, if a callback ended it; empty otherwise
}

// OutputHistory is what happened in training to one output of a model.
type OutputHistory struct {
	Name                  string
	Loss, ValLoss         []float64
	Accuracy, ValAccuracy []float64 // nil for values
	MAE, ValMAE           []float64 // nil for classes
}

// named is a column of a history.
type named struct {
	name   string
	column *[]float64
}

// all lists the columns that there may be, by name. Keras's names.
func (h *History) all() []named {
	out := []named{
		{"loss", &h.Loss}, {"accuracy", &h.Accuracy}, {"mae", &h.MAE},
		{"val_loss", &h.ValLoss}, {"val_accuracy", &h.ValAccuracy}, {"val_mae", &h.ValMAE},
	}
	for i := range h.Outputs {
		o := &h.Outputs[i]
		out = append(out,
			named{o.Name + "_loss", &o.Loss}, named{o.Name + "_accuracy", &o.Accuracy}, named{o.Name + "_mae", &o.MAE},
			named{"val_" + o.Name + "_loss", &o.ValLoss}, named{"val_" + o.Name + "_accuracy", &o.ValAccuracy}, named{"val_" + o.Name + "_mae", &o.ValMAE})
	}
	return out
}

// series lists the columns that there are, by name.
func (h *History) series() (names []string, columns []*[]float64) {
	for _, c := range h.all() {
		if *c.column != nil {
			names, columns = append(names, c.name), append(columns, c.column)
		}
	}
	return names, columns
}

// Series gives everything recorded, by name: loss, accuracy or mae, and val_loss and so on. Golab/viz draws it.
func (h *History) Series() (names []string, values [][]float64) {
	names, columns := h.series()
	for _, c := range columns {
		values = append(values, slices.Clone(*c))
	}
	return names, values
}

// epochResult is one row of a History.
type epochResult struct {
	train   tally
	val     *tally
	counted []string // what is counted of each target: accuracy, mae, or nothing
	names   []string // of the targets, if there can be several
	rate    float64
}

// each calls f with every number and the name of its series.
func (r epochResult) each(f func(name string, v float64)) {
	part := func(prefix string, t tally) {
		f(prefix+"loss", t.total)
		for i, s := range t.each {
			if r.names != nil {
				prefix := prefix + r.names[i] + "_"
				f(prefix+"loss", s.loss)
				if r.counted[i] != "" {
					f(prefix+r.counted[i], s.hits)
				}
			} else if r.counted[i] != "" {
				f(prefix+r.counted[i], s.hits)
			}
		}
	}
	part("", r.train)
	if r.val != nil {
		part("val_", *r.val)
	}
}

// add appends an epoch.
func (h *History) add(epoch int, r epochResult) {
	put := func(column *[]float64, v float64) {
		for len(*column) < len(h.Epoch) { // it begins now
			*column = append(*column, math.NaN())
		}
		*column = append(*column, v)
	}
	for _, name := range r.names {
		if !slices.ContainsFunc(h.Outputs, func(o OutputHistory) bool { return o.Name == name }) {
			h.Outputs = append(h.Outputs, OutputHistory{Name: name})
		}
	}
	all := h.all()
	r.each(func(name string, v float64) {
		i := slices.IndexFunc(all, func(n named) bool { return n.name == name })
		put(all[i].column, v)
	})
	put(&h.LearningRate, r.rate)
	h.Epoch = append(h.Epoch, epoch)
	_, columns := h.series()
	for _, column := range columns { // what this epoch has no number for
		for len(*column) < len(h.Epoch) {
			*column = append(*column, math.NaN())
		}
	}
}

func (h *History) clone() *History {
	c := *h
	c.Epoch, c.LearningRate, c.Outputs = slices.Clone(h.Epoch), slices.Clone(h.LearningRate), slices.Clone(h.Outputs)
	_, columns := c.series()
	for _, column := range columns {
		*column = slices.Clone(*column)
	}
	return &c
}

// String is a table of the epochs; of many it leaves out some in the middle. It has a column for the learning rate if that changed.
func (h *History) String() string {
	names, values := h.Series()
	if len(h.Epoch) == 0 {
		return h.note(fmt.Sprintf("no epoch finished (%d steps)", h.Steps))
	}
	if slices.ContainsFunc(h.LearningRate, func(r float64) bool { return r != h.LearningRate[0] }) {
		names, values = append(names, "rate"), append(values, h.LearningRate)
	}
	var b strings.Builder
	b.WriteString("epoch")
	for _, name := range names {
		fmt.Fprintf(&b, "  %12s", name)
	}
	for i, epoch := range h.Epoch {
		if len(h.Epoch) > 12 && i == 5 {
			b.WriteString("\n    …")
		}
		if len(h.Epoch) > 12 && i >= 5 && i < len(h.Epoch)-5 {
			continue
		}
		fmt.Fprintf(&b, "\n%5d", epoch)
		for _, v := range values {
			fmt.Fprintf(&b, "  %12.4g", v[i])
		}
	}
	return h.note(b.String())
}

// note adds why training ended.
func (h *History) note(s string) string {
	if h.Stopped != "" {
		s += "\n" + h.Stopped
	}
	return s
}
