package command

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var got []string
	say := func(s string) { got = append(got, s) }
	err := Run(t.Context(), t.TempDir(), []string{"X=1"}, say, "sh", "-c", `echo "a $X"; echo; printf 'b\rc' >&2; exit 3`)
	if !errors.Is(err, ErrFailed) || !strings.HasSuffix(err.Error(), "sh failed (exit status 3):\n    a 1\n    b\n    c") {
		t.Errorf("got %v", err)
	}
	if want := []string{"a 1", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
	if err := Run(t.Context(), "", nil, nil, "true"); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), "", nil, nil, "no-such-program"); err == nil || errors.Is(err, ErrFailed) {
		t.Errorf("got %v", err)
	}
}

func TestRunCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, "", nil, func(string) { cancel() }, "sh", "-c", "echo started; exec sleep 100")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
