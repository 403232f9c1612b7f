// Package metrics measures predictions: classes, probabilities, values, texts and boxes. It is plain Go over slices and
// knows nothing of models; package mlx's Evaluate, ClassificationReport, ROC and so on call it with what a model predicts.
//
//	accuracy, err := metrics.Accuracy([]string{"cat", "dog"}, []string{"cat", "cat"})
//	auc, err := metrics.AUC([]bool{true, false, true}, []float64{0.9, 0.3, 0.4})
//
// Functions take what is true first, then what was predicted. They return an error, and NaN, for slices of different
// lengths, for none at all, for scores that are NaN, and where the measure is not defined, as AUC of one class is not. The
// definitions are scikit-learn's, where it has the measure, and the tests compare with its values.
package metrics

import (
	"errors"
	"fmt"
	"math"
)

// Float is what scores, probabilities and values may be.
type Float interface{ ~float32 | ~float64 }

// same checks that there is something to measure, and as much predicted as true.
func same(truth, predicted int) error {
	switch {
	case truth != predicted:
		return fmt.Errorf("metrics: %d true values, but %d predicted ones", truth, predicted)
	case truth == 0:
		return errors.New("metrics: there is nothing to measure")
	}
	return nil
}

// finite checks that numbers are.
func finite[F Float](what string, values []F) error {
	for i, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("metrics: %s %d is %v", what, i, f)
		}
	}
	return nil
}

// ratio is a/b, and 0 when b is: as scikit-learn's zero_division=0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
