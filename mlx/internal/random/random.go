// Package random makes the random numbers of mlx, on the host and in graphs. They aren't made by the backends: theirs differ
// from one another. On the host they come from PCG-DXSM, whose sequence Go promises to keep; in the graph from a hash of counters.
package random

import (
	"hash/fnv"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// SeedParam is where a store keeps the seed of its initial weights, a uint64.
const SeedParam = "/mlx_seed"

// Counters are the variables that dropout is drawn from: the seed and the number of training steps made, uint32.
func Counters(store *model.Store) (seed, step *model.Variable) {
	scope := store.Scope("/training")
	return scope.VariableWithValue("seed", uint32(0)).SetTrainable(false), scope.VariableWithValue("step", uint32(0)).SetTrainable(false)
}

// Generator gives the stream of numbers that belongs to a seed and a purpose, such as the path of a variable.
func Generator(seed uint64, purpose string) *rand.PCG {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.NewPCG(seed, h.Sum64())
}

// Uniform draws from [0, 1), in steps of 2⁻⁵³.
func Uniform(rng *rand.PCG) float64 { return float64(rng.Uint64()>>11) * 0x1p-53 }

// Normal draws from the standard normal distribution: Box and Muller (1958), https://doi.org/10.1214/aoms/1177706645.
func Normal(rng *rand.PCG) float64 {
	r := math.Sqrt(-2 * math.Log(1-Uniform(rng)))
	return r * math.Cos(2*math.Pi*Uniform(rng))
}

// Permutation fills rows with 0 … len-1 in random order: Fisher and Yates, with Lemire's unbiased draws
// (https://doi.org/10.1145/3230636).
func Permutation(rng *rand.PCG, rows []int) {
	for i := range rows {
		rows[i] = i
	}
	for i := len(rows) - 1; i > 0; i-- {
		n := uint64(i + 1)
		hi, lo := bits.Mul64(rng.Uint64(), n)
		for threshold := -n % n; lo < threshold; {
			hi, lo = bits.Mul64(rng.Uint64(), n)
		}
		rows[i], rows[hi] = rows[hi], rows[i]
	}
}

// mix32 is a bijective hash of 32 bits, lowbias32 of Chris Wellons's hash prospector:
// https://nullprogram.com/blog/2018/07/31/.
func mix32(x *graph.Node) *graph.Node {
	g := x.Graph()
	c := func(v uint32) *graph.Node { return graph.Const(g, v) }
	x = graph.BitwiseXor(x, graph.BitwiseShiftRightLogicalScalar(x, uint32(16)))
	x = graph.Mul(x, c(0x7feb352d))
	x = graph.BitwiseXor(x, graph.BitwiseShiftRightLogicalScalar(x, uint32(15)))
	x = graph.Mul(x, c(0x846ca68b))
	return graph.BitwiseXor(x, graph.BitwiseShiftRightLogicalScalar(x, uint32(16)))
}

// Uniforms draws float32 from [0, 1) in steps of 2⁻²⁴, each from the hash of its position and the keys, which are scalars
// of uint32. The same keys give the same numbers on every backend.
func Uniforms(shape shapes.Shape, keys ...*graph.Node) *graph.Node {
	g := keys[0].Graph()
	key := graph.Const(g, uint32(0x9e3779b9))
	for _, k := range keys {
		key = mix32(graph.BitwiseXor(mix32(key), k))
	}
	x := graph.Iota(g, shapes.Make(dtypes.Uint32, shape.Size()), 0)
	x = mix32(graph.BitwiseXor(mix32(graph.BitwiseXor(x, key)), mix32(graph.BitwiseNot(key))))
	u := graph.ConvertDType(graph.BitwiseShiftRightLogicalScalar(x, uint32(8)), dtypes.Float32)
	return graph.StopGradient(graph.Reshape(graph.MulScalar(u, 0x1p-24), shape.Dimensions...))
}
