package mlx

import (
	"math"
	"math/rand/v2"
)

// draws is a source of initial weights.
type draws struct{ rng *rand.PCG }

func zeros(draws, []float32) {}

func ones(_ draws, values []float32) {
	for i := range values {
		values[i] = 1
	}
}

// glorot draws uniformly from ±√(6/(in+out)): Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html.
func glorot(in, out int) func(draws, []float32) {
	limit := math.Sqrt(6 / float64(in+out))
	return func(d draws, values []float32) {
		for i := range values {
			values[i] = float32((2*uniform(d.rng) - 1) * limit)
		}
	}
}

// he draws from a normal distribution of standard deviation √(2/in), for what a rectifier follows: He et al. (2015),
// https://arxiv.org/abs/1502.01852.
func he(in int) func(draws, []float32) {
	sd := math.Sqrt(2 / float64(in))
	return func(d draws, values []float32) {
		for i := range values {
			values[i] = float32(normal(d.rng) * sd)
		}
	}
}
