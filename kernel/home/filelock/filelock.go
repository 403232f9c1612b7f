// Package filelock keeps two processes, or two goroutines, from doing one piece of work at the same time.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Acquire takes the lock of the file at path, which it creates with its folders when needed, and waits for whoever holds it.
// The kernel drops the lock when its holder dies, so a crash leaves nothing to clean up; the file itself stays.
// If the lock has to be waited for, waiting (when not nil) is called once. release gives the lock back and may be called once.
func Acquire(ctx context.Context, path string, waiting func()) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		if waiting != nil {
			waiting()
		}
		got := make(chan error, 1)
		go func() { got <- flock(f, syscall.LOCK_EX) }()
		select {
		case err = <-got:
		case <-ctx.Done():
			go func() { // the lock, when it comes, goes back at once
				<-got
				f.Close()
			}()
			return nil, context.Cause(ctx)
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// Share takes a lock of the file at path that any number may have at once, for as long as one does not call release, which
// may be called once. It fails rather than wait for one who has the lock alone.
func Share(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock(f, syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// Free reports whether nobody holds the lock of the file at path. A file that is not there is free.
func Free(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	return flock(f, syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
