package viz

import (
	"errors"
	"image"
	"testing"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"golab/kernel/nb"
)

func TestSummaries(t *testing.T) {
	col := series.New([]int{1, 2, 3}, series.Int, "a")
	gone := tensors.FromValue(1.5)
	gone.MustFinalizeAll()
	broken := dataframe.DataFrame{Err: errors.New("no such file")}
	for _, c := range []struct {
		v    any
		want nb.Summary
	}{
		{tensors.FromValue([][]float32{{1, 2}, {3, 4}}), nb.Summary{Shape: "2×2", Value: "Float32, local: 1 2 3 4", Size: 16}},
		{tensors.FromValue(int64(5)), nb.Summary{Shape: "scalar", Value: "Int64, local: 5", Size: 8}},
		{tensors.FromValue(make([]int64, 10)), nb.Summary{Shape: "10", Value: "Int64, local: 0 0 0 0 0 0 …", Size: 80}},
		{dataframe.New(col), nb.Summary{Shape: "3×1", Value: "a int", Size: 48}},
		{broken, nb.Summary{Value: "no data, an error: no such file"}},
		{col, nb.Summary{Shape: "3 items", Value: "a int: 1 2 3", Size: 48}},
		{mat.NewDense(1, 3, []float64{1, 2, 3}), nb.Summary{Shape: "1×3", Value: "mat.Dense 1 2 3"}},
		{image.NewGray(image.Rect(0, 0, 4, 3)), nb.Summary{Shape: "4×3", Value: "image of 4 × 3 pixels"}},
	} {
		if got := summarize(c.v, false); got == nil || *got != c.want {
			t.Errorf("%T: %+v, want %+v", c.v, got, c.want)
		}
	}
	if got := summarize(gone, false); got == nil || got.Shape != "" && got.Size != 0 {
		t.Errorf("%+v", got)
	}
	if got := summarize(tensors.FromValue([]int32{1}), true); got == nil || got.Shape != "1" || got.Value != "Int32" {
		t.Errorf("%+v", got)
	}
	for _, v := range []any{nil, 1, (*tensors.Tensor)(nil), (*dataframe.DataFrame)(nil), (*mat.Dense)(nil), (*image.Gray)(nil)} {
		if got := summarize(v, false); got != nil {
			t.Errorf("%T: %+v", v, got)
		}
	}
}
