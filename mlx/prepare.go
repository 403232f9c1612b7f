package mlx

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// prepared is data in the terms of one model: its inputs in the model's order, its labels as numbers that its losses take.
type prepared struct {
	*Data
	in  []input // each with a reader
	out []preparedTarget
}

// preparedTarget is the labels of one output.
type preparedTarget struct {
	target
	output  int     // of the model
	indices []int32 // of the classes of each example; nil: values
}

// prepare fits data to the model, which is built for it first if it was not.
func (m *Model) prepare(d *Data, training bool) (*prepared, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	p := &prepared{Data: d}
	of, err := matched("input", m.inputs, len(d.inputs), func(i int) string { return d.inputs[i].name })
	if err != nil {
		return nil, err
	}
	dims, grows := make([][]int, len(m.inputs)), make([]bool, len(m.inputs))
	learned := make([]codes, len(m.inputs))
	for i := range m.inputs {
		j := slices.Index(of, i)
		if j < 0 {
			return nil, fmt.Errorf("mlx: the data has nothing for the model's input %q; name an input so with Data.Named", m.inputs[i])
		}
		in := d.inputs[j]
		if in.columns != nil {
			by := m.codes[i]
			if by == nil {
				by = in.columns.codes()
				learned[i] = by
			}
			if in.reader, err = in.columns.encode(d.n, by); err != nil {
				return nil, err
			}
			in.dims = []int{by.width()}
		}
		p.in = append(p.in, in)
		dims[i], grows[i] = in.dims, in.buckets != nil
	}
	if err := m.build(dims, grows); err != nil {
		return nil, err
	}
	if training {
		for i, by := range learned {
			if by != nil {
				m.codes[i] = by
			}
		}
	}
	return p, nil
}

// matched finds, for each of the data's n inputs or targets, which of the model's it is for: by its name, or without names by the order.
func matched(what string, names []string, n int, name func(i int) string) ([]int, error) {
	of := make([]int, n)
	for i := range of {
		switch of[i] = slices.Index(names, name(i)); {
		case of[i] >= 0 && slices.Contains(of[:i], of[i]):
			return nil, fmt.Errorf("mlx: the data has two %ss named %q", what, name(i))
		case of[i] >= 0:
		case n == 1 && len(names) == 1:
			of[i] = 0
		case name(i) != "":
			return nil, fmt.Errorf("mlx: the data has an %s %q, which the model lacks; it has %s", what, name(i), listed(names))
		case n != len(names):
			return nil, fmt.Errorf("mlx: the data has %d %ss without names, the model has %d: %s; give them as many, or name them with Data.Named", n, what, len(names), listed(names))
		default:
			of[i] = i
		}
	}
	return of, nil
}

// prepareLabels is prepare for data whose labels are needed too. It checks that the outputs go with them; the first labels
// that a model meets while training decide what its outputs stand for. losses says, for each output, what judges it: nil where Fit is to choose.
func (m *Model) prepareLabels(d *Data, losses []Loss, training bool) (*prepared, error) {
	p, err := m.prepare(d, training)
	if err != nil {
		return nil, err
	}
	if len(d.targets) == 0 {
		return nil, errors.New("mlx: the data has no labels; name their column, or give them, when making it")
	}
	names := make([]string, len(m.outputs))
	for i, o := range m.outputs {
		names[i] = o.name
	}
	of, err := matched("output", names, len(d.targets), func(i int) string { return d.targets[i].name })
	if err != nil {
		return nil, err
	}
	for i, t := range d.targets {
		one, err := m.prepareTarget(t, of[i], losses[of[i]], d.n, training)
		if err != nil {
			if len(m.outputs) > 1 {
				err = fmt.Errorf("%w (output %q)", err, names[of[i]])
			}
			return nil, err
		}
		p.out = append(p.out, one)
	}
	return p, nil
}

func (m *Model) prepareTarget(t target, output int, loss Loss, n int, training bool) (preparedTarget, error) {
	p := preparedTarget{target: t, output: output}
	if c, ok := loss.(LabelChecker); ok && !t.classes() {
		if err := c.CheckLabels(t.values, t.width, m.outputDims(output)); err != nil {
			return p, fmt.Errorf("mlx: %s: %w", loss.Name(), err)
		}
		return p, nil
	}
	outputs, err := m.outputCount(output)
	if err != nil {
		return p, err
	}
	head := &m.heads[output]
	switch {
	case !t.classes():
		if t.width != outputs {
			return p, fmt.Errorf("mlx: labels of %d values an example, but the model has %d outputs; make its last layer Dense(%[1]d)", t.width, outputs)
		}
		if head.classes != nil {
			return p, fmt.Errorf("mlx: the model was trained on classes, the labels here are values (floats)")
		}
		return p, nil
	}
	classes := head.classes
	if classes == nil {
		if classes, err = t.meaning(outputs); err != nil {
			return p, err
		}
		if training {
			head.classes = classes
		}
	}
	p.indices, err = t.encode(n, classes)
	return p, err
}

// meaning decides what a model's outputs stand for: whole numbers from 0 up that the outputs suffice for are indices;
// otherwise the classes that occur, in order, one an output (two for a single output).
func (t target) meaning(outputs int) ([]string, error) {
	room := max(outputs, 2)
	if t.ints != nil {
		if lo, hi := slices.Min(t.ints), slices.Max(t.ints); lo >= 0 && hi < room {
			classes := make([]string, room)
			for i := range classes {
				classes[i] = strconv.Itoa(i)
			}
			return classes, nil
		}
	}
	classes := t.distinct()
	if len(classes) != room {
		return nil, fmt.Errorf("mlx: %d classes (%s), but the model has %d outputs; make its last layer Dense(%d)", len(classes), listed(classes), outputs, max(len(classes), 2))
	}
	return classes, nil
}

// encode gives each label its index among the classes.
func (t target) encode(n int, classes []string) ([]int32, error) {
	index := make(map[string]int32, len(classes))
	for i, c := range classes {
		index[c] = int32(i)
	}
	out := make([]int32, n)
	for i := range out {
		name := t.label(i)
		c, ok := index[name]
		if !ok {
			return nil, fmt.Errorf("mlx: %q in row %d of %q is not among the classes that the model knows: %s", name, i, t.column, listed(classes))
		}
		out[i] = c
	}
	return out, nil
}

// size is what a program is compiled for: examples, and the lengths of sequences by the bucket's index.
type size struct{ batch, bucket int }

// run is rows that make a batch of a size, the first len(rows) counting.
type run struct {
	rows []int
	size size
}

// runs cuts rows into batches, in order, of at most n examples, each of one bucket. complete says the size to compile for, given how
// many examples there are.
func (p *prepared) runs(rows []int, n int, complete func(have int) int) (out []run) {
	waiting := map[int][]int{}
	emit := func(bucket int, rows []int) { out = append(out, run{rows, size{complete(len(rows)), bucket}}) }
	for _, r := range rows {
		b := p.bucket(r)
		if waiting[b] == nil {
			waiting[b] = make([]int, 0, n)
		}
		if waiting[b] = append(waiting[b], r); len(waiting[b]) == n {
			emit(b, waiting[b])
			delete(waiting, b)
		}
	}
	for b := range p.bucketCount() {
		if len(waiting[b]) > 0 {
			emit(b, waiting[b])
		}
	}
	return out
}

// bucket is the largest of the row's sequences' buckets: all of its inputs are padded to that.
func (p *prepared) bucket(row int) (b int) {
	for _, in := range p.in {
		b = max(b, in.bucket(row))
	}
	return b
}

func (p *prepared) bucketCount() int {
	n := 1
	for _, in := range p.in {
		n = max(n, len(in.buckets))
	}
	return n
}

// slow says that batches are better read ahead.
func (p *prepared) slow() bool {
	return len(p.maps) > 0 || slices.ContainsFunc(p.in, func(in input) bool { return in.reader.slow() })
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

// inputShape is the shape of an input's tensor.
func (p *prepared) inputShape(i int, s size) shapes.Shape {
	dims := append([]int{s.batch}, p.in[i].dims...)
	if b := p.in[i].buckets; b != nil {
		dims[1] = b[min(s.bucket, len(b)-1)]
	}
	return shapes.Make(dtypes.Float32, dims...)
}

// targetShape is that of labels: int32 [batch] for classes, float32 [batch, width] for values.
func (p *prepared) targetShape(i int, s size) shapes.Shape {
	if p.out[i].indices != nil {
		return shapes.Make(dtypes.Int32, s.batch)
	}
	return shapes.Make(dtypes.Float32, s.batch, p.out[i].width)
}

// tensors makes what a program takes of a run: inputs, and targets if withTargets.
func (p *prepared) tensors(r run, withTargets bool) (x, y []*tensors.Tensor, err error) {
	for i := range p.in {
		x = append(x, tensors.FromShape(p.inputShape(i, r.size)))
	}
	if withTargets {
		for i := range p.out {
			y = append(y, tensors.FromShape(p.targetShape(i, r.size)))
		}
	}
	if err = p.gather(x, y, r, 0, 0, 0); err != nil {
		for _, t := range append(x, y...) {
			t.FinalizeAll()
		}
	}
	return x, y, err
}

// gather fills tensors with the rows of a run. seed, epoch and number are those that maps draw from.
func (p *prepared) gather(x, y []*tensors.Tensor, r run, seed uint64, epoch, number int) error {
	rows := padded(r.rows, r.size.batch)
	b := &Batch{Rows: rows}
	for i, t := range x {
		flat, err := flatOf[float32](t)
		if err != nil {
			return err
		}
		per := len(flat) / len(rows)
		read := func(j int) error { return p.in[i].reader.read(rows[j], flat[j*per:(j+1)*per:(j+1)*per]) }
		if p.in[i].reader.slow() {
			err = parallel(len(rows), read)
		} else {
			for j := 0; j < len(rows) && err == nil; j++ {
				err = read(j)
			}
		}
		if err != nil {
			return err
		}
		b.Inputs, b.Shapes = append(b.Inputs, flat), append(b.Shapes, t.Shape().Dimensions[1:])
	}
	for i, t := range y {
		from := p.out[i]
		if from.indices != nil {
			flat, err := flatOf[int32](t)
			if err != nil {
				return err
			}
			for j, row := range rows {
				flat[j] = from.indices[row]
			}
			b.Classes, b.Values = append(b.Classes, flat), append(b.Values, nil)
			continue
		}
		flat, err := flatOf[float32](t)
		if err != nil {
			return err
		}
		for j, row := range rows {
			copy(flat[j*from.width:], from.values[row*from.width:(row+1)*from.width])
		}
		b.Classes, b.Values = append(b.Classes, nil), append(b.Values, flat)
	}
	if len(p.maps) == 0 {
		return nil
	}
	b.Rand = batchRand(seed, epoch, number)
	for _, f := range p.maps {
		if err := guarded(func() error { return f(b) }); err != nil {
			return err
		}
	}
	return nil
}

// flatOf is a tensor's memory, for whoever alone has the tensor.
func flatOf[T float32 | int32](t *tensors.Tensor) (flat []T, err error) {
	if err = tensors.MutableFlatData(t, func(f []T) { flat = f }); err != nil {
		err = fmt.Errorf("mlx: %w", err)
	}
	return flat, err
}

// shares is the weight of each of size examples: 1 for the first n, 0 for those that fill up.
func shares(n, size int) *tensors.Tensor {
	flat := make([]float32, size)
	for i := range n {
		flat[i] = 1
	}
	return tensors.FromFlatDataAndDimensions(flat, size)
}

// chunks calls f with consecutive rows, at most evalBatch at a time (of one bucket). Sizes are few, since each is compiled: evalBatch,
// or for less data a power of two.
func (p *prepared) chunks(f func(r run) error) error {
	all := make([]int, p.n)
	for i := range all {
		all[i] = i
	}
	for _, r := range p.runs(all, evalBatch, powerOf2) {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

func powerOf2(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

const evalBatch = 256
