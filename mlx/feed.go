package mlx

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// batch is what one call of a training program takes. Its tensors lie in memory that the device shares, where there is such
// memory, and are used again.
type batch struct {
	size size
	n    int // the first n examples count, the others fill up
	x, y []*tensors.Tensor
	w    *tensors.Tensor
}

// tensors is everything that a program takes.
func (b *batch) tensors() []*tensors.Tensor {
	return append(append(append(make([]*tensors.Tensor, 0, len(b.x)+len(b.y)+1), b.x...), b.y...), b.w)
}

// feed assembles batches, in a goroutine, one ahead of the one that computes, of slow data two.
type feed struct {
	data    *prepared
	dev     *device
	seed    uint64
	spare   map[size][]*batch
	weights map[[2]int]*tensors.Tensor // by the number of examples that count, and of all
	mu      sync.Mutex                 // guards spare and weights
	ready   chan *batch
	quit    chan struct{}
	running sync.WaitGroup
	err     error
}

func newFeed(data *prepared, dev *device, seed uint64) *feed {
	return &feed{data: data, dev: dev, seed: seed, spare: map[size][]*batch{}, weights: map[[2]int]*tensors.Tensor{}}
}

// begin starts on the batches of an epoch; their rows are not to change until stop.
func (f *feed) begin(runs []run, epoch int) {
	ahead := 0
	if f.data.slow() {
		ahead = 1
	}
	f.ready, f.quit = make(chan *batch, ahead), make(chan struct{})
	ready, quit := f.ready, f.quit
	f.running.Go(func() {
		defer close(ready)
		for i, r := range runs {
			b, err := f.take(len(r.rows), r.size)
			if err == nil {
				err = f.data.gather(b.x, b.y, r, f.seed, epoch, i)
			}
			if err != nil {
				f.err = err
				if b != nil {
					f.done(b)
				}
				return
			}
			select {
			case ready <- b:
			case <-quit:
				f.done(b)
				return
			}
		}
	})
}

// next gives the next batch, which is to be given back to done.
func (f *feed) next() (*batch, error) {
	if b, ok := <-f.ready; ok {
		return b, nil
	}
	return nil, f.err
}

// done takes a batch that is not needed any more.
func (f *feed) done(b *batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spare[b.size] = append(f.spare[b.size], b)
}

// stop ends an epoch, wherever it is.
func (f *feed) stop() {
	close(f.quit)
	f.running.Wait()
	for b := range f.ready {
		f.done(b)
	}
}

// free gives all memory back.
func (f *feed) free() {
	for _, all := range f.spare {
		for _, b := range all {
			for _, t := range append(b.x, b.y...) {
				t.FinalizeAll()
			}
		}
	}
	for _, w := range f.weights {
		w.FinalizeAll()
	}
}

// take finds or makes a batch.
func (f *feed) take(n int, s size) (b *batch, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shared := func(s shapes.Shape) (t *tensors.Tensor) {
		if err == nil {
			t, err = tensors.FromShapeForBackend(f.dev.Backend, 0, s)
		}
		return t
	}
	if all := f.spare[s]; len(all) > 0 {
		b, f.spare[s] = all[len(all)-1], all[:len(all)-1]
	} else {
		b = &batch{size: s}
		for i := range f.data.in {
			b.x = append(b.x, shared(f.data.inputShape(i, s)))
		}
		for i := range f.data.out {
			b.y = append(b.y, shared(f.data.targetShape(i, s)))
		}
	}
	b.n = n
	key := [2]int{n, s.batch}
	if b.w = f.weights[key]; b.w == nil {
		b.w = shared(shapes.Make(dtypes.Float32, s.batch))
		if err == nil {
			tensors.MustMutableFlatData(b.w, func(flat []float32) {
				for i := range n {
					flat[i] = 1
				}
			})
			f.weights[key] = b.w
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mlx: %w", err)
	}
	return b, nil
}
