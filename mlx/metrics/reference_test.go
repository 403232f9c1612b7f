package metrics_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"golab/mlx/metrics"
)

// reference is made by testdata/reference.py.
type reference struct {
	Truth, Predicted                                  []int
	Scores                                            [][]float64
	Y, Z                                              []float64
	Confusion                                         [][]int
	ByTruth                                           [][]float64 `json:"by_truth"`
	ByPrediction                                      [][]float64 `json:"by_prediction"`
	Classes                                           [][]float64
	Macro, Weighted                                   []float64
	FPR, TPR, Thresholds, Precision, Recall, Observed []float64
	Mean                                              []float64
	Texts                                             [][]string
	Said, First, Wrong                                []string
	Truths, Detections                                [][]float64
	Numbers                                           map[string]float64
}

func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-9*(1+math.Abs(want[i]))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestReference(t *testing.T) {
	var r reference
	b, err := os.ReadFile("testdata/reference.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	is, p := make([]bool, len(r.Truth)), make([]float64, len(r.Truth))
	for i, c := range r.Truth {
		is[i], p[i] = c == 0, r.Scores[i][0]
	}
	used := map[string]bool{}
	number := func(name string, v float64, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		used[name] = true
		near(t, name, []float64{v}, []float64{r.Numbers[name]})
	}
	two := func(name string, f func() (float64, error)) { v, err := f(); number(name, v, err) }
	two("accuracy", func() (float64, error) { return metrics.Accuracy(r.Truth, r.Predicted) })
	two("balanced", func() (float64, error) { return metrics.BalancedAccuracy(r.Truth, r.Predicted) })
	two("top2", func() (float64, error) { return metrics.TopK(r.Truth, r.Scores, 2) })
	two("kappa", func() (float64, error) { return metrics.CohenKappa(r.Truth, r.Predicted) })
	two("mcc", func() (float64, error) { return metrics.MCC(r.Truth, r.Predicted) })
	two("auc", func() (float64, error) { return metrics.AUC(is, p) })
	two("auc_ovr", func() (float64, error) { _, v, err := metrics.AUCOneVsRest(r.Truth, r.Scores); return v, err })
	two("ap", func() (float64, error) { return metrics.AveragePrecision(is, p) })
	two("ap_ovr", func() (float64, error) {
		_, v, err := metrics.AveragePrecisionOneVsRest(r.Truth, r.Scores)
		return v, err
	})
	two("log_loss", func() (float64, error) { return metrics.LogLoss(r.Truth, r.Scores) })
	two("brier", func() (float64, error) { return metrics.Brier(is, p) })
	two("mse", func() (float64, error) { return metrics.MSE(r.Y, r.Z) })
	two("rmse", func() (float64, error) { return metrics.RMSE(r.Y, r.Z) })
	two("mae", func() (float64, error) { return metrics.MAE(r.Y, r.Z) })
	two("mape", func() (float64, error) { return metrics.MAPE(r.Y, r.Z) })
	two("r2", func() (float64, error) { return metrics.R2(r.Y, r.Z) })
	two("wer", func() (float64, error) { return metrics.WordErrorRate(r.First, r.Wrong) })
	two("cer", func() (float64, error) { return metrics.CharacterErrorRate(r.First, r.Wrong) })
	two("bleu", func() (float64, error) { return metrics.BLEU(r.Texts, r.Said) })

	c, err := metrics.NewConfusion(r.Truth, r.Predicted)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(c.Counts()) != fmt.Sprint(r.Confusion) {
		t.Errorf("confusion %v, want %v", c.Counts(), r.Confusion)
	}
	report := c.Report()
	for i := range r.Classes {
		near(t, "by truth", c.ByTruth()[i], r.ByTruth[i])
		near(t, "by prediction", c.ByPrediction()[i], r.ByPrediction[i])
		s := report.Classes[i].Scores
		near(t, "class", []float64{s.Precision, s.Recall, s.F1}, r.Classes[i])
	}
	near(t, "macro", []float64{report.Macro.Precision, report.Macro.Recall, report.Macro.F1}, r.Macro)
	near(t, "weighted", []float64{report.Weighted.Precision, report.Weighted.Recall, report.Weighted.F1}, r.Weighted)

	roc, err := metrics.ROC(is, p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "FPR", roc.XS, r.FPR)
	near(t, "TPR", roc.YS, r.TPR)
	near(t, "thresholds", roc.Thresholds[1:], r.Thresholds)
	pr, err := metrics.PrecisionRecall(is, p)
	if err != nil {
		t.Fatal(err)
	}
	n := len(r.Precision) // scikit-learn's ends where recall is full
	near(t, "precision", pr.YS[:n], r.Precision)
	near(t, "recall", pr.XS[:n], r.Recall)
	cal, err := metrics.Calibration(is, p, 10)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "observed", cal.Observed, r.Observed)
	near(t, "predicted", cal.Predicted, r.Mean)
	number("ece", cal.ECE, nil)

	objects := func(rows [][]float64) (out []metrics.Object) {
		for _, v := range rows {
			o := metrics.Object{Image: int(v[0]), Class: int(v[1]), Box: metrics.Box{X1: v[2], Y1: v[3], X2: v[4], Y2: v[5]}}
			if len(v) > 6 {
				o.Score = v[6]
			}
			out = append(out, o)
		}
		return out
	}
	d, err := metrics.MeanAveragePrecision(objects(r.Truths), objects(r.Detections))
	if err != nil {
		t.Fatal(err)
	}
	number("map", d.MAP, nil)
	number("map50", d.At[0], nil)
	number("map75", d.At[5], nil)
	if len(used) != len(r.Numbers) {
		t.Errorf("of %d numbers %d were compared", len(r.Numbers), len(used))
	}
}
