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

	Steps int // training steps made, those of a last epoch that was broken off too
}

// series lists the columns that there are, by name. Keras's names.
func (h *History) series() (names []string, columns []*[]float64) {
	for _, c := range []struct {
		name   string
		column *[]float64
	}{
		{"loss", &h.Loss}, {"accuracy", &h.Accuracy}, {"mae", &h.MAE},
		{"val_loss", &h.ValLoss}, {"val_accuracy", &h.ValAccuracy}, {"val_mae", &h.ValMAE},
	} {
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
	loss, hits float64
	val        bool
	valLoss    float64
	valHits    float64
}

// add appends an epoch.
func (h *History) add(epoch int, classes bool, r epochResult) {
	put := func(column *[]float64, v float64) {
		for len(*column) < len(h.Epoch) { // it begins now
			*column = append(*column, math.NaN())
		}
		*column = append(*column, v)
	}
	hits, valHits := &h.MAE, &h.ValMAE
	if classes {
		hits, valHits = &h.Accuracy, &h.ValAccuracy
	}
	put(&h.Loss, r.loss)
	put(hits, r.hits)
	if r.val {
		put(&h.ValLoss, r.valLoss)
		put(valHits, r.valHits)
	} else if h.ValLoss != nil {
		put(&h.ValLoss, math.NaN())
		put(valHits, math.NaN())
	}
	h.Epoch = append(h.Epoch, epoch)
}

func (h *History) clone() *History {
	c := *h
	c.Epoch = slices.Clone(h.Epoch)
	_, columns := c.series()
	for _, column := range columns {
		*column = slices.Clone(*column)
	}
	return &c
}

// String is a table of the epochs; of many it leaves out some in the middle.
func (h *History) String() string {
	names, values := h.Series()
	if len(h.Epoch) == 0 {
		return fmt.Sprintf("no epoch finished (%d steps)", h.Steps)
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
	return b.String()
}
