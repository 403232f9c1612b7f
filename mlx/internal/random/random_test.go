package random_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/install/fetch"
	"golab/mlx/internal/mlxtest"
	"golab/mlx/internal/random"
)

func TestMain(m *testing.M) { mlxtest.Main(m, fetch.XLACPU) }

func TestUniforms(t *testing.T) {
	var first []float32
	mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
		draw := func(step uint32) []float32 {
			out, err := graph.MustNewExec(b, func(g *graph.Graph) *graph.Node {
				return random.Uniforms(shapes.Make(dtypes.Float32, 40000), graph.Const(g, uint32(7)), graph.Const(g, step))
			}).Call()
			if err != nil {
				t.Fatal(err)
			}
			return tensors.MustCopyFlatData[float32](out[0])
		}
		u := draw(1)
		if first == nil {
			first = u
		}
		if fmt.Sprint(first[:100]) != fmt.Sprint(u[:100]) {
			t.Error("differs from the other backend")
		}
		// Mean 1/2 and variance 1/12 within 4 standard errors; no correlation between neighbours, nor between steps.
		next := draw(2)
		var mean, variance, neighbours, steps float64
		n := float64(len(u))
		for i, v := range u {
			if v < 0 || v >= 1 {
				t.Fatal(v)
			}
			c := float64(v) - 0.5
			mean += c / n
			variance += c * c / n
			neighbours += c * (float64(u[(i+1)%len(u)]) - 0.5) / n
			steps += c * (float64(next[i]) - 0.5) / n
		}
		if math.Abs(mean) > 4/math.Sqrt(12*n) || math.Abs(variance-1./12) > 4*math.Sqrt(1./180/n) || math.Abs(neighbours) > 4./12/math.Sqrt(n) || math.Abs(steps) > 4./12/math.Sqrt(n) {
			t.Errorf("mean %v, variance %v, correlations %v and %v", mean, variance, neighbours, steps)
		}
	})
}
