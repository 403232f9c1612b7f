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
	size, n int // the first n examples count, the others fill up
	x, y, w *tensors.Tensor
}

// feed assembles batches, in a goroutine, one ahead of the one that computes.
type feed struct {
	data    *prepared
	dev     *device
	spare   map[int][]*batch        // by size
	weights map[int]*tensors.Tensor // by the number of examples that count
	mu      sync.Mutex              // guards spare
	ready   chan *batch
	quit    chan struct{}
	running sync.WaitGroup
	err     error
}

func newFeed(data *prepared, dev *device) *feed {
	return &feed{data: data, dev: dev, spare: map[int][]*batch{}, weights: map[int]*tensors.Tensor{}}
}

// begin starts on the batches of an epoch; rows is not to change until stop.
func (f *feed) begin(rows []int, size int, fill bool) {
	f.ready, f.quit = make(chan *batch), make(chan struct{})
	ready, quit := f.ready, f.quit
	f.running.Go(func() {
		for len(rows) > 0 {
			n := min(size, len(rows))
			take := n
			if fill {
				take = size
			}
			b, err := f.take(n, take)
			if err != nil {
				f.err = err
				close(ready)
				return
			}
			f.data.gatherInputs(b.x, padded(rows[:n], take))
			f.data.gatherTargets(b.y, padded(rows[:n], take))
			rows = rows[n:]
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
}

// free gives all memory back.
func (f *feed) free() {
	for _, all := range f.spare {
		for _, b := range all {
			b.x.FinalizeAll()
			b.y.FinalizeAll()
		}
	}
	for _, w := range f.weights {
		w.FinalizeAll()
	}
}

// take finds or makes a batch.
func (f *feed) take(n, size int) (b *batch, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shared := func(s shapes.Shape) (t *tensors.Tensor) {
		if err == nil {
			t, err = tensors.FromShapeForBackend(f.dev.Backend, 0, s)
		}
		return t
	}
	if all := f.spare[size]; len(all) > 0 {
		b, f.spare[size] = all[len(all)-1], all[:len(all)-1]
	} else {
		b = &batch{size: size, x: shared(f.data.inputShape(size)), y: shared(f.data.targetShape(size))}
	}
	b.n = n
	if b.w = f.weights[n]; b.w == nil {
		b.w = shared(shapes.Make(dtypes.Float32, size))
		if err == nil {
			tensors.MustMutableFlatData(b.w, func(flat []float32) {
				for i := range n {
					flat[i] = 1
				}
			})
			f.weights[n] = b.w
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mlx: %w", err)
	}
	return b, nil
}
