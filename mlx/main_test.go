package mlx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"golab/install/fetch"
)

// backends are those that every model is tested on.
var backends = []string{"go"}

func TestMain(m *testing.M) {
	if os.Getenv("MLX_TEST_CHOOSE") != "" { // a child of TestChosenByItself
		os.Exit(m.Run())
	}
	switch _, err := fetch.XLACPU(context.Background()); {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		fmt.Fprintln(os.Stderr, "XLA CPU plugin:", err)
		os.Exit(1)
	case UseBackend("xla:cpu") == nil:
		backends = append(backends, "xla:cpu")
	case os.Getenv("CGO_ENABLED") != "0":
		fmt.Fprintln(os.Stderr, UseBackend("xla:cpu"))
		os.Exit(1)
	}
	if err := UseBackend("go"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// OnEach runs a test on every backend.
func OnEach(t *testing.T, f func(t *testing.T)) {
	for _, b := range backends {
		t.Run(b, func(t *testing.T) {
			if err := UseBackend(b); err != nil {
				t.Fatal(err)
			}
			defer UseBackend("go")
			f(t)
		})
	}
}
