package mlx_test

import (
	"fmt"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"

	"golab/mlx"
)

func ExampleFromDataFrame() {
	df := dataframe.New(
		series.New([]float64{1, 2, 3}, series.Float, "size"),
		series.New([]string{"red", "blue", "red"}, series.String, "colour"),
		series.New([]string{"apple", "plum", "apple"}, series.String, "fruit"),
	)
	fmt.Println(mlx.FromDataFrame(df, "fruit")) // size, colour=blue, colour=red
	fmt.Println(mlx.FromDataFrame(df, "fruit", "size", "weight"))
	// Output:
	// 3 examples of shape [3], 2 classes
	// mlx: data: no column "weight"; the columns are size, colour, fruit
}

func ExampleFromSequences() {
	sentences := [][]int{{4, 7, 2}, {9}, {3, 3, 8, 1, 5, 6}}
	fmt.Println(mlx.FromSequences(sentences, []string{"good", "bad", "good"}, 0).Bucketed(3, 10))
	// Output: 3 examples of shape [10], 2 classes
}

func ExampleData_And() {
	pictures := mlx.FromRows([][]float32{{0, 1}, {1, 0}}).Named("picture", "")
	words := mlx.FromSequences([][]int{{1, 2}, {3}}, []string{"cat", "dog"}, 0).Named("words", "animal")
	fmt.Println(pictures.And(words))
	// Output: 2 examples picture of shape [2] and words of shape [2], animal: 2 classes
}

func ExampleData_Split() {
	data := mlx.FromSlices([][]float32{{1}, {2}, {3}, {4}, {5}}, []float64{1, 4, 9, 16, 25})
	train, test := data.Split(0.2, 1)
	fmt.Println(train.Len(), test.Len())
	// Output: 4 1
}

func ExampleData_Map() {
	train := mlx.FromSlices([][]float32{{1, 2}, {3, 4}}, []string{"a", "b"})
	noisy := train.Map(func(e *mlx.Example) error {
		for i := range e.Inputs[0] {
			e.Inputs[0][i] += float32(e.Rand.NormFloat64() * 0.1)
		}
		return nil
	})
	_, err := mlx.Fit(mlx.Sequential(mlx.Dense(2)), noisy, mlx.FitOptions{Epochs: 3, Quiet: true})
	fmt.Println(err)
	// Output: <nil>
}

// squares is a source whose examples are worked out when they are read.
type squares int

func (n squares) Len() int     { return int(n) }
func (n squares) Shape() []int { return []int{2} }
func (n squares) Read(row int, x []float32) error {
	x[0], x[1] = float32(row), float32(row*row)
	return nil
}

func ExampleFromSource() {
	fmt.Println(mlx.FromSource(squares(1_000_000), []int(nil)))
	// Output: 1000000 examples of shape [2], no labels
}
