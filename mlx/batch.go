package mlx

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// prepared is data in the terms of one model: its inputs in the model's order, its labels as numbers that its loss takes.
type prepared struct {
	*Data
	order   []int     // input j of the model is input order[j] of the data; nil when they are the same
	classes []int32   // index of the class of each example, or
	values  []float32 // n · width
	width   int
}

// prepare fits data to the model, which is built for it first if it was not.
func (m *Model) prepare(d *Data, training bool) (*prepared, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	if err := m.build([][]int{d.dims}); err != nil {
		return nil, err
	}
	p := &prepared{Data: d}
	if err := p.align(m, training); err != nil {
		return nil, err
	}
	return p, nil
}

// prepareLabels is prepare for data whose labels are needed too. It checks that the outputs go with them; the first labels
// that a model meets while training decide what its outputs stand for. loss is nil when Fit is to choose it.
func (m *Model) prepareLabels(d *Data, loss Loss, training bool) (*prepared, error) {
	p, err := m.prepare(d, training)
	if err != nil {
		return nil, err
	}
	l := d.labels
	if l.none() {
		return nil, fmt.Errorf("mlx: the data has no labels; name their column, or give them, when making it")
	}
	if c, ok := loss.(LabelChecker); ok && !l.classes() {
		if err := c.CheckLabels(l.values, l.width, m.result()); err != nil {
			return nil, fmt.Errorf("mlx: %s: %w", loss.Name(), err)
		}
		p.values, p.width = l.values, l.width
		return p, nil
	}
	outputs, err := m.outputCount()
	if err != nil {
		return nil, err
	}
	switch {
	case !l.classes():
		if l.width != outputs {
			return nil, fmt.Errorf("mlx: labels of %d values an example, but the model has %d outputs; make its last layer Dense(%[1]d)", l.width, outputs)
		}
		if m.classes != nil {
			return nil, fmt.Errorf("mlx: the model was trained on classes, the labels here are values (floats)")
		}
		p.values, p.width = l.values, l.width
		return p, nil
	}
	classes := m.classes
	if classes == nil {
		if classes, err = meaning(d, outputs); err != nil {
			return nil, err
		}
		if training {
			m.classes = classes
		}
	}
	p.classes, err = encode(d, classes)
	return p, err
}

// align finds the order of named inputs, which dataframes may give differently.
func (p *prepared) align(m *Model, training bool) error {
	if p.features == nil {
		return nil
	}
	if m.features == nil {
		if training {
			m.features = p.features
		}
		return nil
	}
	if slices.Equal(m.features, p.features) {
		return nil
	}
	for _, name := range m.features {
		j := slices.Index(p.features, name)
		if j < 0 {
			return fmt.Errorf("mlx: the model was trained on a column %q, which this data lacks; it has %s", name, listed(p.features))
		}
		p.order = append(p.order, j)
	}
	return nil
}

// meaning decides what a model's outputs stand for: whole numbers from 0 up that the outputs suffice for are indices;
// otherwise the classes that occur, in order, one an output (two for a single output).
func meaning(d *Data, outputs int) ([]string, error) {
	room := max(outputs, 2)
	if ints := d.labels.ints; ints != nil {
		if lo, hi := slices.Min(ints), slices.Max(ints); lo >= 0 && hi < room {
			classes := make([]string, room)
			for i := range classes {
				classes[i] = strconv.Itoa(i)
			}
			return classes, nil
		}
	}
	classes := d.Classes()
	if len(classes) != room {
		return nil, fmt.Errorf("mlx: %d classes (%s), but the model has %d outputs; make its last layer Dense(%d)", len(classes), listed(classes), outputs, max(len(classes), 2))
	}
	return classes, nil
}

// encode gives each label its index among the classes.
func encode(d *Data, classes []string) ([]int32, error) {
	index := make(map[string]int32, len(classes))
	for i, c := range classes {
		index[c] = int32(i)
	}
	out := make([]int32, d.n)
	for i := range out {
		name := ""
		if d.labels.names != nil {
			name = d.labels.names[i]
		} else {
			name = strconv.Itoa(d.labels.ints[i])
		}
		c, ok := index[name]
		if !ok {
			return nil, fmt.Errorf("mlx: %q in row %d of %q is not among the classes that the model knows: %s", name, i, d.target, listed(classes))
		}
		out[i] = c
	}
	return out, nil
}

// padded makes rows up to size by repeating the first of them: whatever the model does with those, it can do.
func padded(rows []int, size int) []int {
	if len(rows) == size {
		return rows
	}
	out := append(make([]int, 0, size), rows...)
	for len(out) < size {
		out = append(out, rows[0])
	}
	return out
}

// inputs gathers rows into a tensor [len(rows), …].
func (p *prepared) inputs(rows []int) *tensors.Tensor {
	t := tensors.FromShape(p.inputShape(len(rows)))
	p.gatherInputs(t, rows)
	return t
}

// targets gathers the labels of rows: int32 [len(rows)] for classes, float32 [len(rows), width] for values.
func (p *prepared) targets(rows []int) *tensors.Tensor {
	t := tensors.FromShape(p.targetShape(len(rows)))
	p.gatherTargets(t, rows)
	return t
}

func (p *prepared) inputShape(n int) shapes.Shape {
	return shapes.Make(dtypes.Float32, append([]int{n}, p.dims...)...)
}

func (p *prepared) targetShape(n int) shapes.Shape {
	if p.classes != nil {
		return shapes.Make(dtypes.Int32, n)
	}
	return shapes.Make(dtypes.Float32, n, p.width)
}

func (p *prepared) gatherInputs(t *tensors.Tensor, rows []int) {
	per := len(p.x) / p.n
	tensors.MustMutableFlatData(t, func(flat []float32) {
		for i, row := range rows {
			from, to := p.x[row*per:(row+1)*per], flat[i*per:(i+1)*per]
			if p.order == nil {
				copy(to, from)
				continue
			}
			for j, k := range p.order {
				to[j] = from[k]
			}
		}
	})
}

func (p *prepared) gatherTargets(t *tensors.Tensor, rows []int) {
	if p.classes != nil {
		tensors.MustMutableFlatData(t, func(flat []int32) {
			for i, row := range rows {
				flat[i] = p.classes[row]
			}
		})
		return
	}
	tensors.MustMutableFlatData(t, func(flat []float32) {
		for i, row := range rows {
			copy(flat[i*p.width:], p.values[row*p.width:(row+1)*p.width])
		}
	})
}

// shares is the weight of each of size examples: 1 for the first n, 0 for those that fill up.
func shares(n, size int) *tensors.Tensor {
	flat := make([]float32, size)
	for i := range n {
		flat[i] = 1
	}
	return tensors.FromFlatDataAndDimensions(flat, size)
}

// chunks calls f with consecutive rows, at most evalBatch at a time, and the size to pad them to. Sizes are few, since
// each is compiled: evalBatch, or for less data a power of two.
func (p *prepared) chunks(f func(rows []int, size int) error) error {
	size := 1
	for size < min(p.n, evalBatch) {
		size *= 2
	}
	for start := 0; start < p.n; start += size {
		rows := make([]int, min(size, p.n-start))
		for i := range rows {
			rows[i] = start + i
		}
		if err := f(rows, size); err != nil {
			return err
		}
	}
	return nil
}

const evalBatch = 256
