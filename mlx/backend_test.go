package mlx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golab/kernel/home"
	"golab/mlx"
)

// childEnv makes this test binary a program that trains a little with the backend it chooses by itself.
const childEnv = "MLX_TEST_CHOOSE"

func TestChosenByItself(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		train, _ := iris(t)
		fit(t, mlx.Sequential(mlx.Dense(3)), train, mlx.FitOptions{})
		fit(t, mlx.Sequential(mlx.Dense(3)), train, mlx.FitOptions{})
		return
	}
	defer mlx.UseBackend("go")
	plugin := home.XLACPU()
	broken := t.TempDir()
	if err := os.MkdirAll(filepath.Join(broken, "pjrt", "cpu"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "pjrt", "cpu", filepath.Base(plugin)), []byte("no plugin"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, home, env, want string }{
		{"nothing installed", t.TempDir(), "", "mlx computes on pure Go\n"},
		{"asked for pure Go", "", "go", "mlx computes on pure Go\n"},
		{"plugin installed", "", "", "mlx computes on XLA CPU\n"},
		{"plugin broken", broken, "", "mlx computes on pure Go (XLA CPU did not start: "},
		{"unknown", "", "abacus", `no backend "abacus"; there are go, xla:cpu, cuda and auto ($GOLAB_BACKEND is "abacus")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.home == "" {
				c.home = home.Dir()
			}
			if mlx.UseBackend("xla:cpu") != nil && strings.Contains(c.want, "XLA") {
				t.Skip("no XLA in this build or on this platform")
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^TestChosenByItself$")
			cmd.Env = append(os.Environ(), childEnv+"=1", "GOLAB_HOME="+c.home, mlx.BackendEnv+"="+c.env)
			out, err := cmd.CombinedOutput()
			if !strings.Contains(string(out), c.want) || (err != nil) != (c.name == "unknown") {
				t.Fatalf("%v\n%s", err, out)
			}
			if err == nil && strings.Count(string(out), "\n") != 2 { // and PASS
				t.Errorf("more than one line:\n%s", out)
			}
		})
	}
}
