package filelock

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestAcquire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "不 存在", "x.lock")
	release, err := Acquire(t.Context(), path, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	// A second taker gives up when told to, and its place in the queue does no harm.
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Acquire(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	// A third gets it once it is free.
	if _, err := Acquire(t.Context(), path, release); err != nil {
		t.Fatal(err)
	}
}

func TestShare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if !Free(path) {
		t.Error("a file that is not there is locked")
	}
	one, err := Share(path)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Share(path)
	if err != nil {
		t.Fatal(err)
	}
	one()
	if Free(path) {
		t.Error("free while one shares it")
	}
	two()
	if !Free(path) {
		t.Error("locked by nobody")
	}
}
