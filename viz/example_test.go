package viz_test

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"golab/viz"
)

// Outside a notebook, values show themselves in words.
func ExampleShow() {
	viz.Show([][]float64{{1, 0.5}, {0.25, 2}})
	// Output:
	//       0    1
	// 0  1.00  0.5
	// 1  0.25  2.0
	// [][]float64 · 2 rows × 2 columns
}

func ExampleLine() {
	loss := []float64{2.3, 1.1, 0.6, 0.4}
	viz.Show(viz.Line(loss, viz.Title("Loss"), viz.XLabel("epoch"), viz.X([]int{1, 2, 3, 4})))
	// Output:
	// Line chart: Loss
	//   4 values, 0.4 to 2.3, first 2.3, last 0.4
}

func ExampleConfusion() {
	counts := [][]int{{48, 2}, {5, 45}}
	viz.Show(viz.Confusion(counts, viz.Names("cat", "dog")))
	// Output:
	//      cat  dog
	// cat   48    2
	// dog    5   45
	// rows: true, columns: predicted · 93 of 100 right (93.0 %)
}

// Any chart of go-echarts shows itself.
func ExampleChart() {
	pie := charts.NewPie()
	pie.SetGlobalOptions(charts.WithTitleOpts(opts.Title{Title: "Species"}))
	pie.AddSeries("flowers", []opts.PieData{{Name: "setosa", Value: 50}, {Name: "virginica", Value: 40}})
	viz.Show(pie)
	// Output:
	// Pie chart: Species
	//   flowers: 2 values, 40 to 50
}

// What can't be drawn says why.
func ExampleFigure_Err() {
	f := viz.Scatter([]float64{1, 2, 3}, []float64{1, 2})
	fmt.Println(f.Err())
	// Output: viz.Scatter: x has 3 values, y has 2
}
