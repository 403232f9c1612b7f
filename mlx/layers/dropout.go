package layers

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// Dropout sets each number to 0 with the given probability while training, and scales the others by 1/(1-rate); it does
// nothing otherwise. Srivastava et al. (2014), https://jmlr.org/papers/v15/srivastava14a.html.
//
// What is dropped follows from the seed, the step and the layer's place: it is the same on every backend.
func Dropout(rate float64) Layer { return dropout{rate} }

type dropout struct{ rate float64 }

func (l dropout) Kind() string { return "dropout" }

func (dropout) PerExample() bool { return true }

func (l dropout) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if !(l.rate >= 0 && l.rate < 1) {
		panic(fmt.Errorf("its rate is %v; it must be at least 0 and below 1", l.rate))
	}
	g := x.Graph()
	if l.rate == 0 || !scope.IsTraining(g) {
		return x
	}
	seed, step := random.Counters(scope.Store())
	layer := graph.Const(g, uint32(random.Generator(0, scope.Scope()).Uint64()>>32))
	u := random.Uniforms(x.Shape(), layer, seed.NodeValue(g), step.NodeValue(g))
	keep := graph.GreaterOrEqual(u, graph.Scalar(g, dtypes.Float32, l.rate))
	return graph.Where(keep, graph.MulScalar(x, 1/(1-l.rate)), graph.ZerosLike(x))
}
