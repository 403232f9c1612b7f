package metrics

import (
	"fmt"
	"math"
)

// mean is that of f over pairs.
func mean[F Float](truth, predicted []F, f func(t, p float64) float64) (float64, error) {
	if err := same(len(truth), len(predicted)); err != nil {
		return nan, err
	}
	if err := finite("true value", truth); err != nil {
		return nan, err
	}
	if err := finite("predicted value", predicted); err != nil {
		return nan, err
	}
	sum := 0.0
	for i, t := range truth {
		sum += f(float64(t), float64(predicted[i]))
	}
	return sum / float64(len(truth)), nil
}

// MSE is the mean squared difference.
func MSE[F Float](truth, predicted []F) (float64, error) {
	return mean(truth, predicted, func(t, p float64) float64 { return (t - p) * (t - p) })
}

// RMSE is the root of [MSE], in the unit of the values.
func RMSE[F Float](truth, predicted []F) (float64, error) {
	v, err := MSE(truth, predicted)
	return math.Sqrt(v), err
}

// MAE is the mean absolute difference.
func MAE[F Float](truth, predicted []F) (float64, error) {
	return mean(truth, predicted, func(t, p float64) float64 { return math.Abs(t - p) })
}

// MAPE is the mean absolute difference as a share of the true value: 0.1 is 10 %. True values of 0 are an error.
func MAPE[F Float](truth, predicted []F) (float64, error) {
	for i, t := range truth {
		if t == 0 {
			return nan, fmt.Errorf("metrics: true value %d is 0, of which there is no share", i)
		}
	}
	return mean(truth, predicted, func(t, p float64) float64 { return math.Abs((t - p) / t) })
}

// R2 is the coefficient of determination, 1 - Σ(truth - predicted)²/Σ(truth - mean)²: 1 is perfect, 0 what the mean gives, and below is
// worse than that. True values that are all the same are an error.
func R2[F Float](truth, predicted []F) (float64, error) {
	residual, err := MSE(truth, predicted)
	if err != nil {
		return nan, err
	}
	centre := 0.0
	for _, t := range truth {
		centre += float64(t) / float64(len(truth))
	}
	spread, _ := mean(truth, truth, func(t, _ float64) float64 { return (t - centre) * (t - centre) })
	if spread == 0 {
		return nan, fmt.Errorf("metrics: R² is not defined when all true values are %v", truth[0])
	}
	return 1 - residual/spread, nil
}
