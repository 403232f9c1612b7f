package mlx

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/gradcheck"
)

// checkGradients compares the gradients of Σ coefficients·f(x), by x and by every variable, with central differences,
// number by number.
func checkGradients(t *testing.T, x *tensors.Tensor, f func(scope *model.Scope, x *graph.Node) *graph.Node) {
	t.Helper()
	dev, err := currentDevice()
	if err != nil {
		t.Fatal(err)
	}
	gradcheck.Check(t, dev.Backend, x, f)
}

func TestLossGradients(t *testing.T) {
	OnEach(t, func(t *testing.T) {
		for _, c := range []struct {
			loss   Loss
			labels any
			k      int
		}{
			{CrossEntropy, []int32{2, 0, 1}, 3},
			{BinaryCrossEntropy, []int32{1, 0, 1}, 1},
			{BinaryCrossEntropy, [][]float32{{1, 0}, {0.3, 1}, {0, 0}}, 2},
			{MSE, [][]float32{{1, 0}, {-2, 1}, {0, 3}}, 2},
		} {
			checkGradients(t, gradcheck.Noise("x", 3, c.k), func(_ *model.Scope, x *graph.Node) *graph.Node {
				return c.loss.Each(graph.Const(x.Graph(), c.labels), x)
			})
		}
	})
}

// eval computes a function of tensors that needs no variables.
func eval(t *testing.T, f func(g *graph.Graph) *graph.Node) []float32 {
	t.Helper()
	dev, err := currentDevice()
	if err != nil {
		t.Fatal(err)
	}
	out, err := graph.MustNewExec(dev.Backend, f).Call()
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

func near(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-5*(1+math.Abs(want[i])) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

// Wanted values by the formulas in float64, extreme logits included.
func TestLossValues(t *testing.T) {
	OnEach(t, func(t *testing.T) {
		logits := [][]float32{{1, 2, 3}, {1000, -1000, 0}, {-5, -5, -5}}
		ce := func(x []float32, label int) float64 {
			sum := 0.0
			for _, v := range x {
				sum += math.Exp(float64(v) - float64(x[label]))
			}
			return math.Log(sum)
		}
		near(t, "cross-entropy", eval(t, func(g *graph.Graph) *graph.Node {
			return CrossEntropy.Each(graph.Const(g, []int32{0, 0, 2}), graph.Const(g, logits))
		}), ce(logits[0], 0), 0, math.Log(3))
		near(t, "cross-entropy far off", eval(t, func(g *graph.Graph) *graph.Node {
			return CrossEntropy.Each(graph.Const(g, []int32{1}), graph.Const(g, logits[1:2]))
		}), 2000)
		near(t, "binary", eval(t, func(g *graph.Graph) *graph.Node {
			return BinaryCrossEntropy.Each(graph.Const(g, []int32{1, 0, 1, 0}), graph.Const(g, [][]float32{{0.5}, {0.5}, {-300}, {-300}}))
		}), math.Log(1+math.Exp(-0.5)), math.Log(1+math.Exp(0.5)), 300, 0)
		near(t, "mse", eval(t, func(g *graph.Graph) *graph.Node {
			return MSE.Each(graph.Const(g, [][]float32{{1, 2}}), graph.Const(g, [][]float32{{2, 5}}))
		}), 5)
	})
}

// The optimizers against their papers' formulas in float64, three steps on f(w) = Σ a·w²/2.
func TestOptimizers(t *testing.T) {
	a, w0 := []float64{1, 10, 0.1}, []float64{1, -2, 3}
	const rate = 0.1
	adam := func(decay float64) func(step int, w, g, m, v *float64) {
		return func(step int, w, g, m, v *float64) {
			*w -= rate * decay * *w
			*m = 0.9**m + 0.1**g
			*v = 0.999**v + 0.001**g**g
			*w -= rate * (*m / (1 - math.Pow(0.9, float64(step)))) / (math.Sqrt(*v/(1-math.Pow(0.999, float64(step)))) + 1e-8)
		}
	}
	for _, c := range []struct {
		o    Optimizer
		step func(step int, w, g, m, v *float64)
	}{
		{Adam{}, adam(0)},
		{AdamW{}, adam(0.01)},
		{AdamW{WeightDecay: 0.3}, adam(0.3)},
		{SGD{}, func(_ int, w, g, _, _ *float64) { *w -= rate * *g }},
		{SGD{Momentum: 0.9}, func(_ int, w, g, m, _ *float64) { *m = 0.9**m + *g; *w -= rate * *m }},
		{SGD{Momentum: 0.9, Nesterov: true}, func(_ int, w, g, m, _ *float64) { *m = 0.9**m + *g; *w -= rate * (*g + 0.9**m) }},
	} {
		t.Run(fmt.Sprintf("%+v", c.o), func(t *testing.T) {
			OnEach(t, func(t *testing.T) {
				dev, _ := currentDevice()
				m := Sequential(Dense(1))
				m.dev, m.store = dev, model.NewStore()
				if err := m.setHyper(rate, 0); err != nil {
					t.Fatal(err)
				}
				exec := model.MustNewExec(dev.Backend, m.store, func(scope *model.Scope, g *graph.Graph) *graph.Node {
					w := scope.VariableWithValue("w", []float32{1, -2, 3}).NodeValue(g)
					loss := graph.ReduceAllSum(graph.MulScalar(graph.Mul(graph.Const(g, []float32{1, 10, 0.1}), graph.Square(w)), 0.5))
					c.o.UpdateGraph(scope, g, loss)
					return loss
				})
				w, mo, ve := append([]float64(nil), w0...), make([]float64, 3), make([]float64, 3)
				for step := 1; step <= 3; step++ {
					if _, err := exec.Call(); err != nil {
						t.Fatal(err)
					}
					for i := range w {
						g := a[i] * w[i]
						c.step(step, &w[i], &g, &mo[i], &ve[i])
					}
				}
				near(t, "weights", tensors.MustCopyFlatData[float32](m.store.GetVariable("/w").MustValue()), w...)
			})
		})
	}
}

func TestFuncTakesGoMLX(t *testing.T) {
	square := Func("square", func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.Square(x) })
	variadic := Func("sum", func(scope *model.Scope, in ...*graph.Node) *graph.Node {
		v := scope.VariableWithValue("a", float32(2))
		return graph.Mul(graph.ConvertDType(in[0], dtypes.Float32), v.NodeValue(in[0].Graph()))
	})
	m := Sequential(square, variadic)
	p, err := Predict(m, FromRows([][]float64{{1, -3}}))
	if err != nil {
		t.Fatal(err)
	}
	if p.Outputs[0][0] != 2 || p.Outputs[0][1] != 18 || p.Class != nil {
		t.Errorf("%+v", p)
	}
	if s := m.Summary(); s.Trainable != 1 || s.Layers[1].Name != "sum_1" {
		t.Errorf("%+v", s)
	}
}
