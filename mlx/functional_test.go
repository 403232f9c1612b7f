package mlx

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/layers"
)

// applied runs a model of several inputs and outputs.
func applied(t *testing.T, m *Model, inputs ...any) []*tensors.Tensor {
	t.Helper()
	b, err := Backend()
	if err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, m.Store(), func(scope *model.Scope, xs []*graph.Node) []*graph.Node {
		return m.ApplyEach(scope, xs, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFunctional(t *testing.T) {
	OnEach(t, func(t *testing.T) {
		a, b := Input(3).Named("a"), Input(3).Named("b")
		tower := Shared(Dense(2))
		left, right := a.Then(tower), b.Then(tower)
		joined := Merge(layers.Concat(), left, right).Named("joined")
		m := Functional(Values{a, b}, Values{joined, Merge(layers.Sum(), left, right).Then(Dense(1)).Named("score")})
		if m.Err() != nil {
			t.Fatal(m.Err())
		}
		if s := m.Summary(); s.Trainable != 3*2+2+2+1 {
			t.Errorf("shared weights should count once; trained are %d\n%v", s.Trainable, s)
		}
		if in, out := m.Inputs(), m.Outputs(); in[1].Name != "b" || out[0].Name != "joined" || out[0].Shape[0] != 4 || out[1].Name != "score" || out[1].Shape[0] != 1 {
			t.Errorf("inputs %v, outputs %v", in, out)
		}
		x := [][]float32{{1, 2, 3}, {4, 5, 6}}
		out := applied(t, m, x, x)
		for _, row := range out[0].Value().([][]float32) {
			if row[0] != row[2] || row[1] != row[3] || row[0] == 0 {
				t.Errorf("the towers share their weights, but gave %v for the same input", row)
			}
		}
	})
}

func TestFunctionalErrors(t *testing.T) {
	a, b := Input(3), Input(4)
	for _, c := range []struct {
		m    *Model
		want string
	}{
		{Functional(nil, nil), "needs an input and an output"},
		{Functional(Values{a}, Values{Merge(layers.Sum(), a, b)}), "not among the model's inputs"},
		{Functional(Values{a, b}, Values{Merge(layers.Sum(), a, b)}), "layer 3 (sum_1), given [batch, 3] and [batch, 4]: its branches give [batch, 3] and [batch, 4]; they must have the same shape"},
		{Functional(Values{a, a}, Values{a.Then(Dense(1))}), "given twice"},
		{Functional(Values{a}, Values{a}), "one of its inputs"},
		{Functional(Values{a.Then(Dense(3))}, Values{a}), "input 1 of the model is not an Input"},
		{Functional(Values{a}, Values{a.Then(nil)}), "is nil"},
		{Functional(Values{a}, Values{nil}), "is nil"},
		{Functional(Values{a}, Values{Merge(layers.Sum())}), "needs values"},
		{Functional(Values{a}, Values{a.Then(Dense(1)).Named("a/b")}), "slash"},
		{Functional(Values{a, b}, Values{a.Then(Dense(1)).Named("x"), b.Then(Dense(1)).Named("x")}), `two layers of the model are named "x"`},
		{Functional(Values{a, b}, Values{Merge(layers.MultiHeadAttention(2), a, b)}), "it takes [batch, steps, features], not [batch, 3]"},
		{Sequential(a.Then(Dense(1))), "Sequential takes layers"},
	} {
		if err := c.m.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, expected … %s …", err, c.want)
		}
	}
}

func TestModelAsLayer(t *testing.T) {
	OnEach(t, func(t *testing.T) {
		base := Sequential(Input(4), Dense(8, ReLU), BatchNorm())
		m := Sequential(Frozen(base), Dense(3))
		data := FromSlices([][]float32{{1, 2, 3, 4}, {4, 3, 2, 1}, {1, 1, 1, 1}, {0, 2, 0, 2}}, []int{0, 1, 2, 0})
		before, err := Predict(base, data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Fit(m, data, FitOptions{Epochs: 3, Quiet: true, LearningRate: 0.1}); err != nil {
			t.Fatal(err)
		}
		for v := range m.store.Scope("/model_1").IterVariables() {
			if v.Trainable {
				t.Errorf("%s is trained", v.Path())
			}
			mine, theirs := v, base.store.GetVariable(strings.TrimPrefix(v.Path(), "/model_1"))
			if theirs == nil || !mine.MustValue().Equal(theirs.MustValue()) {
				t.Errorf("%s differs from the model's that it was made from", v.Path())
			}
		}
		if s := m.Summary(); s.Trainable != 8*3+3 {
			t.Errorf("trained are %d", s.Trainable)
		}
		after, err := Predict(base, data)
		if err != nil || before.Outputs[1][3] != after.Outputs[1][3] {
			t.Errorf("the model used as a layer changed: %v, %v, %v", before, after, err)
		}
		twice := Sequential(Input(4), Dense(4))
		chained := Sequential(twice, ReLU, twice)
		if _, err := Predict(chained, data); err != nil {
			t.Fatal(err)
		}
		if s := chained.Summary(); s.Trainable != 20 {
			t.Errorf("one model in two places shares its weights; trained are %d", s.Trainable)
		}
	})
}
