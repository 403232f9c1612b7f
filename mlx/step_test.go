package mlx

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Six steps on f(w) = Σ a·w²/2 at rate 0.1.
func TestOptimizersArePyTorchs(t *testing.T) {
	r := readReference(t)
	cases := map[string]struct {
		o    Optimizer
		rule rule
	}{
		"sgd": {o: SGD{}}, "momentum": {o: SGD{Momentum: 0.9}}, "nesterov": {o: SGD{Momentum: 0.9, Nesterov: true}},
		"adam": {o: Adam{}}, "adamw": {o: AdamW{}}, "adamw 0.3": {o: AdamW{WeightDecay: 0.3}},
		"rmsprop": {o: RMSProp{}}, "rmsprop momentum": {o: RMSProp{Decay: 0.9, Momentum: 0.5}}, "rmsprop centered": {o: RMSProp{Centered: true}},
		"clip norm": {SGD{}, rule{clipNorm: 1.5}}, "clip value": {SGD{}, rule{clipValue: 0.8}}, "penalties": {SGD{}, rule{l1: 0.02, l2: 0.05}},
	}
	if len(cases) != len(r.Optimizers) {
		t.Errorf("%d cases here, %d in the file", len(cases), len(r.Optimizers))
	}
	OnEach(t, func(t *testing.T) {
		for name, c := range cases {
			dev, _ := currentDevice()
			m := &Model{dev: dev, store: model.NewStore()}
			if err := m.setHyper(0.1, 0); err != nil {
				t.Fatal(err)
			}
			exec := model.MustNewExec(dev.Backend, m.store, func(scope *model.Scope, g *graph.Graph) *graph.Node {
				w := scope.VariableWithValue("w", [][]float32{{1, -2, 3}}).NodeValue(g)
				loss := graph.ReduceAllSum(graph.MulScalar(graph.Mul(graph.Const(g, [][]float32{{1, 10, 0.1}}), graph.Square(w)), 0.5))
				stepKind{c.rule, turn{true, true}}.update(scope, c.o, loss, graph.OnesLike(loss))
				return loss
			})
			for step, want := range r.Optimizers[name] {
				if _, err := exec.Call(); err != nil {
					t.Fatal(err)
				}
				// Centred, the variance is a small difference at first.
				within(t, fmt.Sprintf("%s, step %d", name, step+1), 3e-5, tensors.MustCopyFlatData[float32](m.store.GetVariable("/w").MustValue()), want...)
			}
		}
	})
}

func TestSchedulesArePyTorchs(t *testing.T) {
	r := readReference(t)
	for name, s := range map[string]Schedule{
		"cosine": CosineDecay(), "one cycle": OneCycle(), "one cycle 7": OneCycle(), "step": StepDecay(2, 0.5), "exponential": ExponentialDecay(0.9), "warm-up": Warmup(4, CosineDecay()),
	} {
		want := r.Schedules[name]
		if len(want) == 0 {
			t.Errorf("no %s in the file", name)
		}
		for i := range want {
			got := s(ScheduleStep{Rate: 0.4, Step: i, Steps: len(want), Epoch: i / 5, Epochs: len(want) / 5})
			if !(math.Abs(got-want[i]) <= 1e-8) {
				t.Errorf("%s, step %d: %v, want %v", name, i, got, want[i])
			}
		}
	}
	for steps := range 5 { // short ones: finite, and no more than the rate
		for i := range steps {
			for _, s := range []Schedule{CosineDecay(), OneCycle(), Warmup(3, OneCycle()), Warmup(10, nil), Warmup(0, nil)} {
				if v := s(ScheduleStep{Rate: 1, Step: i, Steps: steps, Epochs: 1}); !(v >= 0 && v <= 1) {
					t.Errorf("step %d of %d: %v", i, steps, v)
				}
			}
		}
	}
}
