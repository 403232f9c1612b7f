package layers

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// draws is a source of initial weights.
type draws struct{ rng *rand.PCG }

func zeros(draws, []float32) {}

func ones(_ draws, values []float32) {
	for i := range values {
		values[i] = 1
	}
}

// drawFor is how the weights of in inputs and out outputs are drawn before some activations.
func drawFor(in, out int, activation []Activation) func(draws, []float32) {
	if len(activation) > 0 && activation[0].he {
		return he(in)
	}
	return glorot(in, out)
}

// glorot draws uniformly from ±√(6/(in+out)): Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html.
func glorot(in, out int) func(draws, []float32) {
	limit := math.Sqrt(6 / float64(in+out))
	return func(d draws, values []float32) {
		for i := range values {
			values[i] = float32((2*random.Uniform(d.rng) - 1) * limit)
		}
	}
}

// he draws from a normal distribution of standard deviation √(2/in), for what a rectifier follows: He et al. (2015),
// https://arxiv.org/abs/1502.01852.
func he(in int) func(draws, []float32) { return gaussian(math.Sqrt(2 / float64(in))) }

// gaussian draws from a normal distribution of mean 0.
func gaussian(sd float64) func(draws, []float32) {
	return func(d draws, values []float32) {
		for i := range values {
			values[i] = float32(random.Normal(d.rng) * sd)
		}
	}
}

// weight gives the variable name of a layer, drawn by fill at the first time: fill gets a source of numbers that depends on the
// seed of the model and the variable's path only.
func weight(scope *model.Scope, name string, fill func(draw draws, values []float32), dims ...int) *model.Variable {
	if v := scope.GetVariable(name); v != nil {
		if got := v.Shape().Dimensions; fmt.Sprint(got) != fmt.Sprint(dims) {
			panic(fmt.Errorf("its %s have shape %v, this input needs %v", name, got, dims))
		}
		return v
	}
	seed := uint64(0)
	if s, ok := scope.Store().GetParam(random.SeedParam); ok {
		seed, _ = s.(uint64)
	}
	values := make([]float32, shapes.Make(dtypes.Float32, dims...).Size())
	fill(draws{random.Generator(seed, scope.Scope()+"/"+name)}, values)
	return scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, dims...))
}
