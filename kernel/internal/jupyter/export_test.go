package jupyter

import "time"

// SetAbsence changes how long an asked client may be away, and returns what puts it back.
func SetAbsence(d time.Duration) (restore func()) {
	old := absence
	absence = d
	return func() { absence = old }
}
