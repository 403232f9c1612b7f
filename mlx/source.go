package mlx

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"golab/mlx/internal/random"
)

// Source is examples that are read when they are needed: files, or more than memory holds.
type Source interface {
	// Len is the number of examples.
	Len() int
	// Shape is the shape of one example.
	Shape() []int
	// Read puts the numbers of an example into x, the last axis fastest. It is called from several goroutines at once.
	Read(row int, x []float32) error
}

// FromSource makes data of a source, with a label for every example; y may be nil: no labels. [Fit] reads ahead, in parallel. A number that
// is NaN or infinite is an error when it is read, and so is what Read returns.
func FromSource[Y Label](s Source, y []Y) *Data {
	if s == nil {
		return badData("the source is nil")
	}
	dims := slices.Clone(s.Shape())
	if s.Len() < 1 || slices.ContainsFunc(dims, func(d int) bool { return d < 1 }) {
		return badData("a source of %d examples of shape %v", s.Len(), dims)
	}
	d := &Data{n: s.Len(), inputs: []input{{dims: dims, reader: source{s}}}}
	if y == nil {
		return d
	}
	return withLabels(d, y)
}

// reader gives the numbers of examples.
type reader interface {
	// read fills x with a row, as much of it as there is room for.
	read(row int, x []float32) error
	pick(rows []int) reader
	// slow says that rows are better read ahead, in parallel.
	slow() bool
}

// memory is n examples, one after the other.
type memory struct {
	n int
	x []float32
}

func (m memory) read(row int, x []float32) error {
	per := len(m.x) / m.n
	copy(x, m.x[row*per:(row+1)*per])
	return nil
}

func (m memory) pick(rows []int) reader {
	per := len(m.x) / m.n
	out := memory{len(rows), make([]float32, 0, len(rows)*per)}
	for _, r := range rows {
		out.x = append(out.x, m.x[r*per:(r+1)*per]...)
	}
	return out
}

func (memory) slow() bool { return false }

// source is a [Source] as a reader.
type source struct{ Source }

func (s source) read(row int, x []float32) error {
	if err := s.Read(row, x); err != nil {
		return fmt.Errorf("mlx: data: row %d: %w", row, err)
	}
	if i := notFinite(x); i >= 0 {
		return fmt.Errorf("mlx: data: input %d is %v in row %d; fill or leave out such values first", i, x[i], row)
	}
	return nil
}

func (s source) pick(rows []int) reader { return picked{s, rows} }

func (source) slow() bool { return true }

// picked is some rows of a reader.
type picked struct {
	reader
	rows []int
}

func (p picked) read(row int, x []float32) error { return p.reader.read(p.rows[row], x) }

func (p picked) pick(rows []int) reader {
	all := make([]int, len(rows))
	for i, r := range rows {
		all[i] = p.rows[r]
	}
	return picked{p.reader, all}
}

// Batch is some examples on their way to a model, for [Data.MapBatch] to change.
type Batch struct {
	// Inputs are the numbers of each input, [examples, …] with the last axis fastest; Shapes are the shapes of one example.
	Inputs [][]float32
	Shapes [][]int
	// Classes are the classes' indices of each target, and Values its values, [examples, k]; nil where a target is of the other kind,
	// or when the data is only predicted from.
	Classes [][]int32
	Values  [][]float32
	Rows    []int // of the data; the last may occur again, to fill up
	// Rand draws the same numbers whenever the same batch of the same epoch comes, whatever the machine.
	Rand *rand.Rand
}

// Example is one example on its way to a model, for [Data.Map] to change.
type Example struct {
	Inputs [][]float32 // the numbers of each input, the last axis fastest
	Shapes [][]int
	Row    int // of the data
	// Rand draws the same numbers whenever the same row of the same epoch comes, whatever the machine and however many are
	// changed at once.
	Rand *rand.Rand
}

// Map changes every example, differently in every epoch, each time that it is used: augmentation. f is called from several goroutines at
// once; it keeps the shapes. An error ends what uses the data.
//
//	train.Map(func(e *mlx.Example) error { // noise
//		for i := range e.Inputs[0] {
//			e.Inputs[0][i] += float32(e.Rand.NormFloat64() * 0.1)
//		}
//		return nil
//	})
func (d *Data) Map(f func(*Example) error) *Data {
	return d.MapBatch(func(b *Batch) error {
		seed := b.Rand.Uint64()
		return parallel(len(b.Rows), func(i int) error {
			e := &Example{Shapes: b.Shapes, Row: b.Rows[i], Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
			for _, x := range b.Inputs {
				per := len(x) / len(b.Rows)
				e.Inputs = append(e.Inputs, x[i*per:(i+1)*per:(i+1)*per])
			}
			if err := f(e); err != nil {
				return fmt.Errorf("mlx: data: Map, row %d: %w", e.Row, err)
			}
			return nil
		})
	})
}

// MapBatch changes every batch, ahead of the step that computes: for what needs several examples, such as mixing them. Maps follow one
// another in the order of the calls.
func (d *Data) MapBatch(f func(*Batch) error) *Data {
	return d.change(func(c *Data) *Data {
		if f == nil {
			return badData("MapBatch: the function is nil")
		}
		c.maps = append(c.maps, f)
		return c
	})
}

// parallel calls a function of the user's for 0 … n-1 from as many goroutines as there are processors, and returns the error, or panic,
// of the lowest number that had one.
func parallel(n int, user func(i int) error) error {
	f := func(i int) error { return guarded(func() error { return user(i) }) }
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, n)
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := w; i < n; i += workers {
				errs[i] = f(i)
			}
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// guarded makes an error of a panic in a function of the user's.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("mlx: data: the function that reads or changes examples panicked: %v", r)
		}
	}()
	return f()
}

// batchRand is the source of randomness of a batch.
func batchRand(seed uint64, epoch, number int) *rand.Rand {
	return rand.New(random.Generator(seed, fmt.Sprintf("map, epoch %d, batch %d", epoch, number)))
}

// InMemory reads everything now and keeps it, so that nothing is read again.
//
// What a source can't read: the Data carries the error.
func (d *Data) InMemory() *Data {
	return d.change(func(c *Data) *Data {
		for i, in := range c.inputs {
			if in.reader == nil || !in.reader.slow() {
				continue
			}
			per := 1
			for _, dim := range in.dims {
				per *= dim
			}
			all := memory{c.n, make([]float32, c.n*per)}
			if err := parallel(c.n, func(row int) error { return in.reader.read(row, all.x[row*per:(row+1)*per:(row+1)*per]) }); err != nil {
				return &Data{err: err}
			}
			c.inputs[i].reader = all
		}
		return c
	})
}
