package mlx_test

import (
	"testing"

	"github.com/go-gota/gota/dataframe"

	"golab/datasets"
	"golab/mlx"
)

// digits are the handwritten digits, split and scaled.
func digits(t testing.TB) (train, test *mlx.Data) {
	var a, b dataframe.DataFrame
	a, b = datasets.Split(datasets.Digits(), 0.2, datasets.SplitOptions{Stratify: "label", Seed: 1})
	scaler := datasets.MinMax(a, datasets.Except(a, "label")...)
	train, test = mlx.FromDataFrame(scaler.Apply(a), "label"), mlx.FromDataFrame(scaler.Apply(b), "label")
	if train.Err() != nil || test.Err() != nil {
		t.Fatal(train.Err(), test.Err())
	}
	return train, test
}

func classifier() *mlx.Model {
	return mlx.Sequential(mlx.Dense(64, mlx.ReLU), mlx.Dropout(0.2), mlx.Dense(10))
}

func TestDigits(t *testing.T) {
	train, test := digits(t)
	onEach(t, func(t *testing.T) {
		model := classifier()
		history, err := mlx.Fit(model, train, mlx.FitOptions{Epochs: 15, LearningRate: 0.003, Validation: test, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		e, err := mlx.Evaluate(model, test)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(e)
		t.Log(history)
		t.Log(model)
		if e.Accuracy < 0.95 {
			t.Errorf("accuracy %v", e.Accuracy)
		}
		c, err := mlx.ConfusionMatrix(model, test)
		if err != nil {
			t.Fatal(err)
		}
		t.Log("\n" + c.String())
		if c.Accuracy() != e.Accuracy {
			t.Errorf("confusion matrix says accuracy %v, Evaluate says %v", c.Accuracy(), e.Accuracy)
		}
	})
}
