package metrics_test

import (
	"fmt"
	"math"

	"golab/mlx/metrics"
)

func ExampleClassification() {
	truth := []string{"cat", "cat", "dog", "dog", "dog", "owl"}
	predicted := []string{"cat", "dog", "dog", "dog", "owl", "owl"}
	report, err := metrics.Classification(truth, predicted)
	fmt.Println(report, err)
	// Output:
	//           precision  recall     f1  support
	//      cat      1.000   0.500  0.667        2
	//      dog      0.667   0.667  0.667        3
	//      owl      0.500   1.000  0.667        1
	//    macro      0.722   0.722  0.667        6
	// weighted      0.750   0.667  0.667        6
	// accuracy      0.667 <nil>
}

func ExampleConfusion() {
	c, err := metrics.NewConfusion([]string{"low", "low", "high"}, []string{"low", "high", "high"})
	fmt.Println(c, err)
	fmt.Println(c.ByTruth())
	// Output:
	// true high  low
	// high    1    0
	//  low    1    1 <nil>
	// [[1 0] [0.5 0.5]]
}

func ExampleROC() {
	curve, err := metrics.ROC([]bool{false, false, true, true}, []float64{0.1, 0.4, 0.35, 0.8})
	fmt.Println(curve, err)
	fmt.Println(curve.XS, curve.YS)
	// Output:
	// true positive rate over false positive rate, 5 points, AUC 0.7500 <nil>
	// [0 0 0.5 0.5 1] [0 0.5 0.5 1 1]
}

func ExampleCalibration() {
	r, err := metrics.Calibration([]bool{true, false, true, true}, []float64{0.9, 0.1, 0.6, 0.8}, 2)
	fmt.Println(r, err)
	// Output:
	// predicted  observed    count
	//     0.100     0.000        1
	//     0.767     1.000        3
	// expected calibration error 0.2000, maximum 0.2333 <nil>
}

func ExampleR2() {
	v, err := metrics.R2([]float64{3, -0.5, 2, 7}, []float64{2.5, 0, 2, 8})
	fmt.Printf("%.4f %v", v, err)
	// Output: 0.9486 <nil>
}

func ExampleWordErrorRate() {
	v, err := metrics.WordErrorRate([]string{"turn the lights off"}, []string{"turn lights of"})
	fmt.Println(v, err)
	// Output: 0.5 <nil>
}

func ExamplePerplexity() {
	v, err := metrics.Perplexity([]float64{math.Log(0.25), math.Log(0.25)})
	fmt.Printf("%.3f %v", v, err)
	// Output: 4.000 <nil>
}

func ExampleMeanAveragePrecision() {
	truth := []metrics.Object{{Image: 0, Class: 1, Box: metrics.Box{X1: 0, Y1: 0, X2: 10, Y2: 10}}}
	found := []metrics.Object{{Image: 0, Class: 1, Box: metrics.Box{X1: 0, Y1: 0, X2: 10, Y2: 8}, Score: 0.9}}
	r, err := metrics.MeanAveragePrecision(truth, found, 0.5, 0.9)
	fmt.Println(r, err)
	// Output: mAP 0.5000, 1.0000 at IoU 0.50, 0.0000 at IoU 0.90 <nil>
}
