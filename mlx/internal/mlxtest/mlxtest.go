// Package mlxtest runs the tests of mlx's sub-packages on every backend.
package mlxtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/gomlx/compute"

	"golab/mlx"
)

// Backends are those that this machine has, by their names for mlx.UseBackend.
var Backends = []string{"go"}

// Main is the body of a package's TestMain: it finds the backends, and leaves pure Go in use. fetchXLA is fetch.XLACPU, which mlx's
// packages don't import but for their tests.
func Main(m *testing.M, fetchXLA func(context.Context) (string, error)) {
	switch _, err := fetchXLA(context.Background()); {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		fmt.Fprintln(os.Stderr, "XLA CPU plugin:", err)
		os.Exit(1)
	case mlx.UseBackend("xla:cpu") == nil:
		Backends = append(Backends, "xla:cpu")
	case os.Getenv("CGO_ENABLED") != "0":
		fmt.Fprintln(os.Stderr, mlx.UseBackend("xla:cpu"))
		os.Exit(1)
	}
	if err := mlx.UseBackend("go"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// OnEach runs a test on every backend.
func OnEach(t *testing.T, f func(t *testing.T, b compute.Backend)) {
	for _, name := range Backends {
		t.Run(name, func(t *testing.T) { f(t, Use(t, name)) })
	}
}

// Use takes a backend until the test is over, and pure Go after it.
func Use(t testing.TB, name string) compute.Backend {
	t.Helper()
	if err := mlx.UseBackend(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mlx.UseBackend("go") })
	b, err := mlx.Backend()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
