// Package hint gives an error the line that says what the person at the keyboard can do about it.
package hint

import "fmt"

type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() + "\nhint: " + e.hint }
func (e *hinted) Unwrap() error { return e.err }

// Wrap returns err with a last line "hint: …". It returns nil when err is nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}
