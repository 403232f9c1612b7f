package output

import (
	"fmt"
	"sync"
	"time"

	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// How much a cell displays: this many outputs, or bytes of them, and then the last one when it ends. Updates of one
// output go on at most once in updateEvery: nobody sees more, and each costs the browser a new picture.
const (
	maxDisplays     = 1000
	maxDisplayBytes = 128 << 20
	updateEvery     = 50 * time.Millisecond
)

// displays passes the displays of one cell on, as many as a person may want to see.
type displays struct {
	out engine.Sink

	mu      sync.Mutex
	count   int
	bytes   int
	left    int        // how many were left out
	last    *nb.Output // of them
	updates map[string]*updates
}

// updates is the updates of one output.
type updates struct {
	sent   time.Time
	latest *nb.Output // waits
	timer  *time.Timer
}

func newDisplays(out engine.Sink) *displays {
	return &displays{out: out, updates: map[string]*updates{}}
}

func (d *displays) show(o nb.Output) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.Update && o.ID != "" {
		d.update(o)
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

// update passes an update on, now or, if the last one was just before, when its time has come, unless there is a later one.
func (d *displays) update(o nb.Output) {
	u := d.updates[o.ID]
	if u == nil {
		u = &updates{}
		d.updates[o.ID] = u
	}
	wait := updateEvery - time.Since(u.sent)
	if u.timer == nil && wait <= 0 {
		u.sent = time.Now()
		d.out.Display(o)
		return
	}
	u.latest = &o
	if u.timer == nil {
		u.timer = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.send(u)
		})
	}
}

// send passes on what waits.
func (d *displays) send(u *updates) {
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
	if u.latest != nil {
		o := *u.latest
		u.latest, u.sent = nil, time.Now()
		d.out.Display(o)
	}
}

// clear starts the count anew.
func (d *displays) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count, d.bytes, d.left, d.last = 0, 0, 0, nil
}

// end passes on what waits, and says how much was left out.
func (d *displays) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left > 1 {
		d.out.Stream("stderr", fmt.Sprintf("[%d displays left out]\n", d.left-1))
	}
	if d.last != nil {
		d.out.Display(*d.last)
	}
	for _, u := range d.updates {
		d.send(u)
	}
	clear(d.updates)
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
