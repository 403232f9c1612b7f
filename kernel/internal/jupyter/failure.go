package jupyter

import "time"

// lateTime is how long after a cell's failure others that it aborts may arrive.
const lateTime = 2 * time.Second

// failure is a cell that failed and aborts those sent to run after it. A client that runs all of a notebook sends all cells
// at once, but a mistake is found in less time than the rest needs to arrive; so arriving before the failure is not what counts.
type failure struct {
	req *request
	at  time.Time
}

// before reports whether the client sent req before it can have known of the failure. Both times are the client's, as its
// headers say them, so its clock need not be ours: had it waited for the reply, at least the time that the failed request took
// here, from its arrival to the failure, would lie between the two.
func (f failure) before(req *request) bool {
	if f.req == nil || req.header.Session != f.req.header.Session || req.came.Sub(f.at) > lateTime {
		return false
	}
	first, err1 := time.Parse(time.RFC3339Nano, f.req.header.Date)
	second, err2 := time.Parse(time.RFC3339Nano, req.header.Date)
	if err1 != nil || err2 != nil || second.Before(first) {
		return false
	}
	took := f.at.Sub(f.req.came)
	if first.Equal(first.Truncate(time.Millisecond)) && second.Equal(second.Truncate(time.Millisecond)) && !second.Equal(first) {
		took -= time.Millisecond // browsers count whole milliseconds
	}
	return second.Sub(first) < took
}
