package output

import (
	"fmt"
	"sync"

	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// How much a cell displays: this many outputs, or bytes of them, and then the last one when it ends. Updates of an output
// pass: who sends them on leaves out those that nobody would see.
const (
	maxDisplays     = 1000
	maxDisplayBytes = 128 << 20
)

// displays passes the displays of one cell on, as many as a person may want to see.
type displays struct {
	out engine.Sink

	mu    sync.Mutex
	count int
	bytes int
	left  int        // how many were left out
	last  *nb.Output // of them
}

func (d *displays) show(o nb.Output) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.Update && o.ID != "" {
		d.out.Display(o)
		return
	}
	if n := size(o.Data); d.left == 0 && d.count < maxDisplays && (d.bytes+n <= maxDisplayBytes || d.count == 0) {
		d.count++
		d.bytes += n
		d.out.Display(o)
		return
	}
	if d.left == 0 {
		d.out.Stream("stderr", fmt.Sprintf("[%d displays, %d MB: of more, only the last is shown, when the cell ends]\n", d.count, d.bytes>>20))
	}
	d.left++
	d.last = &o
}

// clear starts the count anew.
func (d *displays) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count, d.bytes, d.left, d.last = 0, 0, 0, nil
}

// end passes on the last one, and says how much was left out.
func (d *displays) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left > 1 {
		d.out.Stream("stderr", fmt.Sprintf("[%d displays left out]\n", d.left-1))
	}
	if d.last != nil {
		d.out.Display(*d.last)
	}
	d.count, d.bytes, d.left, d.last = 0, 0, 0, nil
}

// size is about how many bytes a bundle takes on its way.
func size(b nb.Bundle) int {
	n := 0
	for _, v := range b {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		default:
			n += 1 << 10
		}
	}
	return n
}
