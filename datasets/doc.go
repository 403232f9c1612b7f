// Package datasets holds small real data sets, and what is done with data before a model is trained on it: splitting it
// and bringing it to scale. Everything takes and returns gota dataframes.
//
//	digits := datasets.Digits()
//	train, test := datasets.Split(digits, 0.2, datasets.SplitOptions{Stratify: "label", Seed: 1})
//	scaler := datasets.MinMax(train, datasets.Except(train, "label")...)
//	train, test = scaler.Apply(train), scaler.Apply(test)
//
// # Errors
//
// Errors follow gota's own convention, so that steps chain: a step that fails returns a dataframe without rows that
// carries the error in its Err field, and every later step, here, in gota and in golab/mlx, refuses such a dataframe
// with that error. Showing one in a notebook shows the error. Nothing panics on bad data, and nothing guesses: a missing
// value where a number is needed is an error that names its row and column. Rows are counted from 0.
//
// # Same everywhere
//
// What is random here is drawn from a generator of this package's own (PCG-DXSM, seeded), so that a seed gives the same
// rows in the same order on every machine and with every version of Go.
package datasets
