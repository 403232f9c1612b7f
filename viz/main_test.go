package viz

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"golab/install/fetch"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if _, err := fetch.ECharts(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "the tests of charts need ECharts:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// training is a history as mlx has it.
type training struct{}

func (training) Series() (names []string, values [][]float64) {
	values = make([][]float64, 4)
	for e := range 12 {
		x := float64(e)
		values[0] = append(values[0], 2.3*math.Exp(-x/3))
		values[1] = append(values[1], 2.3*math.Exp(-x/3)+0.1)
		values[2] = append(values[2], 1-0.9*math.Exp(-x/2))
		values[3] = append(values[3], 0.97-0.9*math.Exp(-x/2))
	}
	values[3][3] = math.NaN()
	return []string{"loss", "val_loss", "accuracy", "val_accuracy"}, values
}

// confusion is a confusion matrix as mlx has it.
type confusion struct {
	counts [][]int
	labels []string
}

func (c confusion) Counts() [][]int  { return c.counts }
func (c confusion) Labels() []string { return c.labels }

func tenClasses() confusion {
	c := confusion{}
	for i := range 10 {
		row := make([]int, 10)
		row[i], row[(i+3)%10] = 170+i, i
		c.counts = append(c.counts, row)
		c.labels = append(c.labels, fmt.Sprint(i))
	}
	return c
}

type sample struct {
	name string
	make func() *Figure
}

// attack is text that must never become part of a page.
const attack = `</script><img src=x onerror="window.hacked=1">'"&__f__window.hacked=2__f__`

func samples() []sample {
	wave := make([]float64, 100_000)
	normal := make([]float64, 2000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range wave {
		wave[i] = 1000 * math.Sin(float64(i)/3000)
	}
	for i := range normal {
		normal[i] = r.NormFloat64()
	}
	return []sample{
		{"line", func() *Figure {
			return Line([]float64{1, 3, 2, 5, math.NaN(), 4}, Title("A gap"), XLabel("step"), YLabel("value"))
		}},
		{"line-long", func() *Figure { return Line(wave, Title("Long"), YLabel("amplitude")) }},
		{"line-log-cjk", func() *Figure {
			return Line(map[string][]int{"北京": {1, 20, 3}, "上海": {100000, 2000, 0}}, X([]string{"周一", "周二", "周三"}), Title("城市"), YLabel("数量"), LogY())
		}},
		{"history", func() *Figure { return History(training{}, Title("Training")) }},
		{"history-line", func() *Figure { return Line(training{}) }},
		{"scatter", func() *Figure {
			return Scatter(normal[:200], normal[200:400], Groups(groupNames(200)), Title("Three groups"), XLabel("sepal length"), YLabel("sepal width"))
		}},
		{"bar", func() *Figure {
			return Bar([]string{"a", "b", "c"}, []float64{1, -2, 3}, Title("Below and above"), YLabel("score"))
		}},
		{"bar-grouped", func() *Figure {
			return Bar([]string{"a long label here", "another long label", "yet another quite long label", "and one more label", "fifth label of the set", "六"},
				[][]float64{{1, 2, 3, 4, 5, 6}, {3, 4, 5, 6, 7, 8}}, Names("first", "second"), Title("Grouped"), XLabel("what"), YLabel("score"))
		}},
		{"hist", func() *Figure { return Hist(normal, Title("Normal"), XLabel("z")) }},
		{"hist-one", func() *Figure { return Hist([]float64{5, 5, math.NaN()}, Title("One value")) }},
		{"confusion", func() *Figure { return Confusion(tenClasses(), Title("Digits")) }},
		{"confusion-names", func() *Figure {
			return Confusion([][]int{{50, 2}, {3, 45}}, Names("versicolor the long", "virginica"))
		}},
		{"heatmap", func() *Figure { return Heatmap([][]float64{{.1, -.5, .9}, {1, 0, math.NaN()}}, Title("Heat")) }},
		{"attack", func() *Figure {
			return Line(map[string][]float64{attack: {1, 2}, "b": {2, 1}}, X([]string{attack, "2"}), Title(attack), YLabel(attack), Subtitle(attack))
		}},
		{"go-echarts", func() *Figure { return Chart(pie()) }},
		{"go-echarts-set", func() *Figure {
			return Line([]int{1, 2, 4}, Title("Set by go-echarts")).Set(charts.WithColorsOpts(opts.Colors{"#D55E00"}), charts.WithXAxisOpts(opts.XAxis{Name: "x"}))
		}},
	}
}

func groupNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = []string{"setosa", "versicolor", "virginica"}[i%3]
	}
	return names
}

func pie() *charts.Pie {
	p := charts.NewPie()
	p.SetGlobalOptions(
		charts.WithTitleOpts(opts.Title{Title: "A pie"}),
		charts.WithInitializationOpts(opts.Initialization{Width: "500px", Height: "300px"}),
		charts.WithTooltipOpts(opts.Tooltip{Formatter: opts.FuncOpts(`function(p){return p.name < "z" ? "</script>" : ""}`)}))
	p.AddSeries("x", []opts.PieData{{Name: "a", Value: 1}, {Name: attack, Value: 2}})
	return p
}
