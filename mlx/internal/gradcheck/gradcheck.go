// Package gradcheck checks gradients against finite differences, for the tests of mlx and its sub-packages.
package gradcheck

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// Noise is a reproducible tensor of numbers from -1 to 1.
func Noise(purpose string, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	rng, v := random.Generator(5, purpose), make([]float32, n)
	for i := range v {
		v[i] = float32(2*random.Uniform(rng) - 1)
	}
	return tensors.FromFlatDataAndDimensions(v, dims...)
}

// Spaced is a reproducible tensor of numbers in random order, none nearer to another than 0.05, for what has kinks where two are equal.
func Spaced(purpose string, dims ...int) *tensors.Tensor {
	t := Noise(purpose, dims...)
	order := make([]int, t.Shape().Size())
	random.Permutation(random.Generator(5, purpose), order)
	tensors.MustMutableFlatData(t, func(flat []float32) {
		for i, rank := range order {
			flat[i] = 0.05 * float32(rank-len(order)/2)
		}
	})
	return t
}

// Check compares the gradients of Σ coefficients·f(x), by x and by every variable, with central differences,
// number by number.
func Check(t testing.TB, backend compute.Backend, x *tensors.Tensor, f func(scope *model.Scope, x *graph.Node) *graph.Node) {
	t.Helper()
	store := model.NewStore()
	total := func(scope *model.Scope, x *graph.Node) *graph.Node {
		g := x.Graph()
		scope.Store().SetTraining(g, true)
		out := f(scope.In("layer"), x)
		return graph.ReduceAllSum(graph.Mul(out, graph.Const(g, Noise("coefficients", out.Shape().Dimensions...))))
	}
	var paths []string
	// One program for values and gradients: compiling is what takes time.
	program := model.MustNewExec(backend, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
		y := total(scope, x)
		wrt := []*graph.Node{x}
		paths = []string{"x"}
		for v := range scope.IterVariables() {
			if v.Trainable {
				wrt, paths = append(wrt, v.NodeValue(x.Graph())), append(paths, v.Path())
			}
		}
		return append([]*graph.Node{y}, graph.Gradient(y, wrt...)...)
	})
	local := func() *tensors.Tensor { c, _ := x.LocalClone(); return c }
	if _, err := program.Call(local()); err != nil { // makes the variables
		t.Fatal(err)
	}
	// Weights that start at 0 or 1 are moved off: a gradient may be wrong elsewhere only.
	for _, path := range paths[1:] {
		v := store.GetVariable(path)
		was := tensors.MustCopyFlatData[float32](v.MustValue())
		for i, d := range tensors.MustCopyFlatData[float32](Noise(path, v.Shape().Dimensions...)) {
			was[i] += d / 2
		}
		v.SetValue(tensors.FromFlatDataAndDimensions(was, v.Shape().Dimensions...))
	}
	results, err := program.Call(local())
	if err != nil {
		t.Fatal(err)
	}
	at := func(x *tensors.Tensor) float64 {
		out, err := program.Call(x)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			for _, o := range out {
				o.FinalizeAll()
			}
		}()
		return float64(tensors.ToScalar[float32](out[0]))
	}
	const h = 1e-2
	for k, path := range paths {
		base, dims := tensors.MustCopyFlatData[float32](x), x.Shape().Dimensions
		if k > 0 {
			base, dims = tensors.MustCopyFlatData[float32](store.GetVariable(path).MustValue()), store.GetVariable(path).Shape().Dimensions
		}
		got := tensors.MustCopyFlatData[float32](results[k+1])
		for i := range base {
			side := func(d float32) float64 {
				moved := append([]float32(nil), base...)
				moved[i] += d
				m := tensors.FromFlatDataAndDimensions(moved, dims...)
				if k == 0 {
					return at(m)
				}
				store.GetVariable(path).SetValue(m)
				return at(local())
			}
			off := func(want float64) bool { return math.Abs(float64(got[i])-want) > 2e-3*(1+math.Abs(want)) }
			want := (side(h) - side(-h)) / (2 * h)
			if off(want) { // where it curves much: Richardson's extrapolation
				want = (4*(side(h/2)-side(-h/2))/h - want) / 3
			}
			if off(want) {
				t.Errorf("gradient of %s[%d] is %v, differences say %v", path, i, got[i], want)
			}
		}
		if k > 0 {
			store.GetVariable(path).SetValue(tensors.FromFlatDataAndDimensions(base, dims...))
		}
	}
}
