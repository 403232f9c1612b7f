package mlx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Confusion counts which classes a model takes for which.
type Confusion struct {
	counts [][]int
	labels []string
}

// ConfusionMatrix counts, for labelled data of classes, how often each class was taken for each.
//
// Errors: as [Evaluate], and labels that are values.
func ConfusionMatrix(m *Model, data *Data) (*Confusion, error) {
	p, err := m.ready(data, true)
	if err != nil {
		return nil, err
	}
	if p.classes == nil {
		return nil, errors.New("mlx: a confusion matrix needs classes, the labels here are values (floats)")
	}
	predictions, err := Predict(m, data)
	if err != nil {
		return nil, err
	}
	if predictions.Class == nil {
		return nil, errors.New("mlx: the model was not trained yet")
	}
	c := &Confusion{labels: predictions.Classes}
	for range c.labels {
		c.counts = append(c.counts, make([]int, len(c.labels)))
	}
	for i, right := range p.classes {
		c.counts[right][predictions.Class[i]]++
	}
	return c, nil
}

// Counts is the matrix: Counts()[i][j] examples of class i were taken for class j.
func (c *Confusion) Counts() [][]int {
	var out [][]int
	for _, row := range c.counts {
		out = append(out, slices.Clone(row))
	}
	return out
}

// Labels names the classes, in the order of rows and columns.
func (c *Confusion) Labels() []string { return slices.Clone(c.labels) }

// Accuracy is the share of examples on the diagonal.
func (c *Confusion) Accuracy() float64 {
	right, all := 0, 0
	for i, row := range c.counts {
		for j, n := range row {
			all += n
			if i == j {
				right += n
			}
		}
	}
	return float64(right) / float64(all)
}

// String is the matrix, a row for each class and a column for what it was taken for.
func (c *Confusion) String() string {
	width := len("true")
	for i, label := range c.labels {
		width = max(width, len([]rune(label)))
		for _, n := range c.counts[i] {
			width = max(width, len(fmt.Sprint(n)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*s", width, "true")
	for _, label := range c.labels {
		fmt.Fprintf(&b, " %*s", width, label)
	}
	for i, row := range c.counts {
		fmt.Fprintf(&b, "\n%*s", width, c.labels[i])
		for _, n := range row {
			fmt.Fprintf(&b, " %*d", width, n)
		}
	}
	return b.String()
}
