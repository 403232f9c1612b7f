package metrics_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"golab/mlx/metrics"
)

// must fails the test on an error.
func must[V any](t *testing.T) func(v V, err error) V {
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Of random predictions: bounds, the order of examples, the names of classes and the scale of scores.
func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := must[float64](t)
	for range 200 {
		n, k := 2+rng.IntN(40), 2+rng.IntN(4)
		truth, predicted := make([]int, n), make([]int, n)
		is, scores := make([]bool, n), make([]float64, n)
		for i := range n {
			truth[i], predicted[i] = rng.IntN(k), rng.IntN(k)
			is[i], scores[i] = rng.IntN(2) == 0, math.Round(10*rng.Float64())/10
		}
		is[0], is[1] = true, false
		truth[0], truth[1] = 0, 1
		measure := func(truth, predicted []int, is []bool, scores []float64) []float64 {
			report := must[*metrics.Report](t)(metrics.Classification(truth, predicted))
			cal := must[*metrics.Reliability](t)(metrics.Calibration(is, scores, 7))
			return []float64{
				f(metrics.Accuracy(truth, predicted)), f(metrics.BalancedAccuracy(truth, predicted)), report.Macro.F1, report.Weighted.Precision, report.Weighted.Recall,
				f(metrics.AUC(is, scores)), f(metrics.AveragePrecision(is, scores)), f(metrics.Brier(is, scores)), cal.ECE, cal.MCE,
				(f(metrics.MCC(truth, predicted)) + 1) / 2, (f(metrics.CohenKappa(truth, predicted)) + 1) / 2,
			}
		}
		was := measure(truth, predicted, is, scores)
		for i, v := range was {
			if !(v >= -1e-12 && v <= 1+1e-12) {
				t.Fatalf("measure %d is %v", i, v)
			}
		}
		if was[0] != 0 && math.Abs(was[4]-was[0]) > 1e-12 {
			t.Fatalf("weighted recall is %v, accuracy %v", was[4], was[0])
		}
		// Turned around, and with the classes named otherwise.
		for i := range n / 2 {
			j := n - 1 - i
			truth[i], truth[j], predicted[i], predicted[j] = truth[j], truth[i], predicted[j], predicted[i]
			is[i], is[j], scores[i], scores[j] = is[j], is[i], scores[j], scores[i]
		}
		for i := range n {
			truth[i], predicted[i] = 10-truth[i], 10-predicted[i]
		}
		near(t, "measures", measure(truth, predicted, is, scores), was)
		// AUC cares for the order of scores alone, and turns around with it.
		cubes, less := make([]float64, n), make([]float64, n)
		for i, s := range scores {
			cubes[i], less[i] = 5*s*s*s-3, -s
		}
		auc := f(metrics.AUC(is, scores))
		near(t, "AUC", []float64{f(metrics.AUC(is, cubes)), 1 - f(metrics.AUC(is, less))}, []float64{auc, auc})
		// AUC by its definition.
		wins, pairs := 0.0, 0.0
		for i := range n {
			for j := range n {
				if is[i] && !is[j] {
					pairs++
					switch {
					case scores[i] > scores[j]:
						wins++
					case scores[i] == scores[j]:
						wins += 0.5
					}
				}
			}
		}
		near(t, "AUC by pairs", []float64{auc}, []float64{wins / pairs})
		// Perfect predictions.
		near(t, "perfect", []float64{f(metrics.MCC(truth, truth)), f(metrics.CohenKappa(truth, truth)), f(metrics.F1(truth, truth)), f(metrics.MSE(scores, scores))}, []float64{1, 1, 1, 0})
		// RMSE is at least MAE; R² does not change with the unit.
		y, z := make([]float64, n), make([]float64, n)
		for i := range n {
			y[i], z[i] = 100*scores[i]+7+rng.Float64(), 100*cubes[i]
		}
		if f(metrics.RMSE(y, z)) < f(metrics.MAE(y, z))-1e-9 {
			t.Fatal("RMSE below MAE")
		}
		was = []float64{f(metrics.R2(y, z))}
		for i := range n {
			y[i], z[i] = 3*y[i]+1, 3*z[i]+1
		}
		near(t, "R²", []float64{f(metrics.R2(y, z))}, was)
	}
}

func TestEditDistance(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	word := func() string {
		b := make([]byte, rng.IntN(8))
		for i := range b {
			b[i] = "abc"[rng.IntN(3)]
		}
		return string(b)
	}
	d := func(a, b string) int { return metrics.EditDistance([]rune(a), []rune(b)) }
	if d("kitten", "sitting") != 3 || d("", "añb") != 3 || d("Straße", "Strasse") != 2 {
		t.Error(d("kitten", "sitting"), d("", "añb"), d("Straße", "Strasse"))
	}
	for range 500 {
		a, b, c := word(), word(), word()
		if d(a, a) != 0 || d(a, b) != d(b, a) || d(a, c) > d(a, b)+d(b, c) || (d(a, b) == 0) != (a == b) || d(a, b) > max(len(a), len(b)) {
			t.Fatal(a, b, c)
		}
	}
}

func TestErrors(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		want string
		f    func() (float64, error)
	}{
		{"2 true values, but 1 predicted", func() (float64, error) { return metrics.Accuracy([]int{1, 2}, []int{1}) }},
		{"nothing to measure", func() (float64, error) { return metrics.F1([]string{}, nil) }},
		{"a class is NaN", func() (float64, error) { return metrics.MCC([]float64{1, nan}, []float64{1, 2}) }},
		{"need examples that are true and examples that are not", func() (float64, error) { return metrics.AUC([]bool{true}, []float64{1}) }},
		{"score 0 is NaN", func() (float64, error) { return metrics.AUC([]bool{true, false}, []float64{nan, 1}) }},
		{"needs examples that are true", func() (float64, error) { return metrics.AveragePrecision([]bool{false}, []float64{1}) }},
		{"class 1 against the rest", func() (float64, error) {
			_, v, err := metrics.AUCOneVsRest([]int{0, 2}, [][]float64{{1, 0, 0}, {0, 0, 1}})
			return v, err
		}},
		{"class 3 in row 0 has no score", func() (float64, error) { return metrics.TopK([]int{3}, [][]float64{{1, 2}}, 1) }},
		{"the top 0 classes", func() (float64, error) { return metrics.TopK([]int{1}, [][]float64{{1, 2}}, 0) }},
		{"add up to 0.7", func() (float64, error) { return metrics.LogLoss([]int{0}, [][]float64{{0.5, 0.2}}) }},
		{"probability 1 of row 0 is 1.5", func() (float64, error) { return metrics.LogLoss([]int{0}, [][]float64{{0.5, 1.5}}) }},
		{"probability 0 is NaN", func() (float64, error) { return metrics.Brier([]bool{true}, []float64{nan}) }},
		{"0 bins", func() (float64, error) { _, err := metrics.Calibration([]bool{true}, []float64{0}, 0); return nan, err }},
		{"predicted value 1 is +Inf", func() (float64, error) { return metrics.MSE([]float64{1, 2}, []float64{1, math.Inf(1)}) }},
		{"true value 1 is 0", func() (float64, error) { return metrics.MAPE([]float64{1, 0}, []float64{1, 1}) }},
		{"all true values are 2", func() (float64, error) { return metrics.R2([]float64{2, 2}, []float64{1, 2}) }},
		{"all true texts are empty", func() (float64, error) { return metrics.WordErrorRate([]string{" "}, []string{"a"}) }},
		{"at most 0", func() (float64, error) { return metrics.Perplexity([]float64{0.1}) }},
		{"text 0 has no reference", func() (float64, error) { return metrics.BLEU([][]string{{}}, []string{"a"}) }},
		{"no true object", func() (float64, error) { _, err := metrics.MeanAveragePrecision(nil, nil); return nan, err }},
		{"all are of one class", func() (float64, error) { return metrics.CohenKappa([]int{1, 1}, []int{1, 1}) }},
	} {
		v, err := c.f()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "metrics: ") || !math.IsNaN(v) {
			t.Errorf("%v, %v; want NaN, …%s…", v, err, c.want)
		}
	}
}
