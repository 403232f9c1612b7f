package mlx

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// noise is a reproducible tensor of numbers from -1 to 1.
func noise(purpose string, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	rng, v := generator(5, purpose), make([]float32, n)
	for i := range v {
		v[i] = float32(2*uniform(rng) - 1)
	}
	return tensors.FromFlatDataAndDimensions(v, dims...)
}

// checkGradients compares the gradients of Σ coefficients·f(x), by x and by every variable, with central differences,
// number by number.
func checkGradients(t *testing.T, x *tensors.Tensor, f func(scope *model.Scope, x *graph.Node) *graph.Node) {
	t.Helper()
	dev, err := currentDevice()
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	total := func(scope *model.Scope, x *graph.Node) *graph.Node {
		g := x.Graph()
		scope.Store().SetTraining(g, true)
		out := f(scope.In("layer"), x)
		return graph.ReduceAllSum(graph.Mul(out, graph.Const(g, noise("coefficients", out.Shape().Dimensions...))))
	}
	value := model.MustNewExec(dev.Backend, store, total)
	var paths []string
	gradient := model.MustNewExec(dev.Backend, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
		y := total(scope, x)
		wrt := []*graph.Node{x}
		paths = []string{"x"}
		for v := range scope.IterVariables() {
			if v.Trainable {
				wrt, paths = append(wrt, v.NodeValue(x.Graph())), append(paths, v.Path())
			}
		}
		return graph.Gradient(y, wrt...)
	})
	local := func() *tensors.Tensor { c, _ := x.LocalClone(); return c }
	if _, err := gradient.Call(local()); err != nil { // makes the variables
		t.Fatal(err)
	}
	// Weights that start at 0 or 1 are moved off: a gradient may be wrong elsewhere only.
	for _, path := range paths[1:] {
		v := store.GetVariable(path)
		was := tensors.MustCopyFlatData[float32](v.MustValue())
		for i, d := range tensors.MustCopyFlatData[float32](noise(path, v.Shape().Dimensions...)) {
			was[i] += d / 2
		}
		v.SetValue(tensors.FromFlatDataAndDimensions(was, v.Shape().Dimensions...))
	}
	grads, err := gradient.Call(local())
	if err != nil {
		t.Fatal(err)
	}
	at := func(x *tensors.Tensor) float64 {
		out, err := value.Call(x)
		if err != nil {
			t.Fatal(err)
		}
		return float64(tensors.ToScalar[float32](out[0]))
	}
	const h = 1e-2
	for k, path := range paths {
		base, dims := tensors.MustCopyFlatData[float32](x), x.Shape().Dimensions
		if k > 0 {
			base, dims = tensors.MustCopyFlatData[float32](store.GetVariable(path).MustValue()), store.GetVariable(path).Shape().Dimensions
		}
		got := tensors.MustCopyFlatData[float32](grads[k])
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
			want := (side(h) - side(-h)) / (2 * h)
			if math.Abs(float64(got[i])-want) > 2e-3*(1+math.Abs(want)) {
				t.Errorf("gradient of %s[%d] is %v, differences say %v", path, i, got[i], want)
			}
		}
		if k > 0 {
			store.GetVariable(path).SetValue(tensors.FromFlatDataAndDimensions(base, dims...))
		}
	}
}

func TestLayerGradients(t *testing.T) {
	for _, c := range []struct {
		name   string
		dims   []int
		layers []Layer
	}{
		{"dense", []int{3, 4}, []Layer{Dense(5)}},
		{"dense on images", []int{2, 2, 3, 4}, []Layer{Dense(3)}},
		{"two dense", []int{3, 4}, []Layer{Dense(5, Tanh), Dense(2)}},
		{"relu", []int{3, 4}, []Layer{ReLU}},
		{"leaky relu", []int{3, 4}, []Layer{LeakyReLU}},
		{"gelu", []int{3, 4}, []Layer{GELU}},
		{"silu", []int{3, 4}, []Layer{SiLU}},
		{"tanh", []int{3, 4}, []Layer{Tanh}},
		{"sigmoid", []int{3, 4}, []Layer{Sigmoid}},
		{"dropout", []int{6, 4}, []Layer{Dropout(0.4)}},
		{"flatten and reshape", []int{2, 3, 4}, []Layer{Flatten(), Reshape(2, 6), Dense(2)}},
		{"layer norm", []int{3, 5}, []Layer{LayerNorm()}},
		{"layer norm of sequences", []int{2, 3, 5}, []Layer{LayerNorm()}},
		{"batch norm", []int{5, 3}, []Layer{BatchNorm()}},
		{"batch norm of images", []int{2, 3, 2, 3}, []Layer{BatchNorm()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			OnEach(t, func(t *testing.T) {
				checkGradients(t, noise("x", c.dims...), func(scope *model.Scope, x *graph.Node) *graph.Node {
					for i, l := range c.layers {
						x = l.Apply(scope.In("%d", i), x)
					}
					return x
				})
			})
		})
	}
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
			checkGradients(t, noise("x", 3, c.k), func(_ *model.Scope, x *graph.Node) *graph.Node {
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

func TestUniforms(t *testing.T) {
	var first []float32
	OnEach(t, func(t *testing.T) {
		draw := func(step uint32) []float32 {
			return eval(t, func(g *graph.Graph) *graph.Node {
				return uniforms(noise("", 40000).Shape(), graph.Const(g, uint32(7)), graph.Const(g, step))
			})
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

func TestNormValues(t *testing.T) {
	OnEach(t, func(t *testing.T) {
		dev, _ := currentDevice()
		store := model.NewStore()
		x := [][]float32{{1, 10}, {3, 30}, {8, -4}}
		run := func(l Layer, training bool) []float32 {
			exec := model.MustNewExec(dev.Backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
				scope.Store().SetTraining(x.Graph(), training)
				return l.Apply(scope.In("%s", l.Kind()), x)
			})
			out, err := exec.Call(x)
			if err != nil {
				t.Fatal(err)
			}
			return tensors.MustCopyFlatData[float32](out[0])
		}
		var mean, variance [2]float64
		for _, row := range x {
			for j, v := range row {
				mean[j] += float64(v) / 3
			}
		}
		for _, row := range x {
			for j, v := range row {
				variance[j] += (float64(v) - mean[j]) * (float64(v) - mean[j]) / 3
			}
		}
		var want, moved []float64
		for _, row := range x {
			for j, v := range row {
				want = append(want, (float64(v)-mean[j])/math.Sqrt(variance[j]+1e-5))
				moved = append(moved, (float64(v)-0.1*mean[j])/math.Sqrt(0.9+0.1*variance[j]*1.5+1e-5))
			}
		}
		near(t, "batch norm, training", run(BatchNorm(), true), want...)
		near(t, "batch norm, after one step", run(BatchNorm(), false), moved...)
		d := 4.5 / math.Sqrt(4.5*4.5+1e-5)
		e := 13.5 / math.Sqrt(13.5*13.5+1e-5)
		s := 6 / math.Sqrt(36+1e-5)
		near(t, "layer norm", run(LayerNorm(), true), -d, d, -e, e, s, -s)
	})
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
