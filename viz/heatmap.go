package viz

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"golab/viz/internal/table"
)

const (
	heatCells  = 10000 // more are refused: a picture of them is an image
	labelCells = 400   // up to as many, each shows its number
	labelWidth = 140   // pixels of a row's name
)

// blues runs from few to many; it stays ordered without colours.
var blues = []string{"#f2f7fc", "#c6dbef", "#6baed6", "#2171b5", "#08306b"}

// Heatmap draws a matrix (rows of numbers, a tensor of two axes, a dataframe, a gonum matrix) as colours, the first row on
// top. [Names] names the rows, [X] the columns. NaN leaves a cell empty.
func Heatmap(m any, options ...Option) *Figure {
	s := apply(options)
	rows, err := matrixOf(m)
	if err != nil {
		return failed("Heatmap", err)
	}
	var columns []string
	if s.x != nil {
		if columns, err = namesOf(s.x); err != nil {
			return failed("Heatmap", fmt.Errorf("X: %w", err))
		}
	}
	f, err := s.heatmap(rows, s.names, columns, false)
	if err != nil {
		return failed("Heatmap", err)
	}
	return f
}

// Confusion draws a confusion matrix: counts[i][j] is how often the true class i was predicted as j. It takes [][]int, or
// anything with Counts() [][]int and Labels() []string. [Names] names the classes.
func Confusion(counts any, options ...Option) *Figure {
	s := apply(options)
	f, err := s.confusion(counts)
	if err != nil {
		return failed("Confusion", err)
	}
	return f
}

func (s settings) confusion(v any) (f *Figure, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading a %T: %v", v, p)
		}
	}()
	names := s.names
	if c, ok := v.(interface {
		Counts() [][]int
		Labels() []string
	}); ok {
		v = c.Counts()
		if names == nil {
			names = c.Labels()
		}
	}
	rows, err := matrixOf(v)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		if len(row) != len(rows) {
			return nil, fmt.Errorf("a confusion matrix is square; row %d of %d has %d values", i, len(rows), len(row))
		}
	}
	if names == nil {
		for i := range rows {
			names = append(names, strconv.Itoa(i))
		}
	}
	if len(names) != len(rows) {
		return nil, fmt.Errorf("%d names for %d classes", len(names), len(rows))
	}
	if s.xlabel == "" {
		s.xlabel = "predicted"
	}
	if s.ylabel == "" {
		s.ylabel = "true"
	}
	right, total := 0.0, 0.0
	for i, row := range rows {
		right += row[i]
		for _, n := range row {
			total += n
		}
	}
	if total > 0 {
		s.subtitle = join(s.subtitle, fmt.Sprintf("%s of %s right (%.1f %%)", grouped(int(right)), grouped(int(total)), 100*right/total))
	}
	if f, err = s.heatmap(rows, names, names, true); err != nil {
		return nil, err
	}
	t := table.Table{Rows: len(rows), RowName: func(r int) string { return names[r] }, NoShape: true,
		Caption: join("rows: "+s.ylabel+", columns: "+s.xlabel, s.subtitle)}
	for c := range rows {
		t.Columns = append(t.Columns, table.Column{Name: names[c], Float: func(r int) float64 { return rows[r][c] }})
	}
	f.text = t.Text()
	if s.title != "" {
		f.text = s.title + "\n" + f.text
	}
	return f, nil
}

// heatmap draws rows; with quietZeros, cells of 0 show no number.
func (s settings) heatmap(rows [][]float64, rowNames, columnNames []string, quietZeros bool) (*Figure, error) {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, errors.New("the matrix is empty")
	}
	width := len(rows[0])
	for i, row := range rows {
		if len(row) != width {
			return nil, fmt.Errorf("row %d has %d values, the first one %d", i, len(row), width)
		}
	}
	if len(rows)*width > heatCells {
		return nil, fmt.Errorf("%d × %d cells are too many (up to %s): show a part of it, or viz.Images", len(rows), width, grouped(heatCells))
	}
	low, high, ok := extent(rows...)
	if !ok {
		return nil, errors.New("the matrix holds no numbers, only NaN or infinite ones")
	}
	rowNames, err := axisNames("rows", rowNames, len(rows))
	if err != nil {
		return nil, err
	}
	columnNames, err = axisNames("columns", columnNames, width)
	if err != nil {
		return nil, err
	}
	if low >= 0 {
		low = 0
	}
	if high <= low {
		high = low + 1
	}
	// Series of their own, so that numbers are white on dark cells and dark on light ones.
	var quiet, light, dark []opts.HeatMapData
	labels := len(rows)*width <= labelCells
	cell := min((s.width-120)/width, (s.height-100)/len(rows))
	for r, row := range rows {
		for c, v := range row {
			if !finite(v) {
				continue
			}
			d := opts.HeatMapData{Value: []any{c, r, rounded(v)}}
			switch {
			case quietZeros && v == 0:
				quiet = append(quiet, d)
			case v-low > 0.55*(high-low):
				dark = append(dark, d)
			default:
				light = append(light, d)
			}
		}
	}
	c := charts.NewHeatMap()
	base := &c.BaseConfiguration
	base.Accept(extra{tickless: true, precision: digits(high - low)})
	top := s.style(base, nil)
	g := s.grid(top)
	g.Right = "76"
	base.GridList = []opts.Grid{g}
	base.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}
	x := s.categoryAxis(columnNames, s.width-140)
	x.AxisLine = &opts.AxisLine{Show: opts.Bool(false)}
	base.XAxisList[0] = x
	widest := 0
	for _, n := range rowNames {
		widest = max(widest, textWidth(n))
	}
	base.YAxisList[0] = opts.YAxis{Type: "category", Data: rowNames, Inverse: opts.Bool(true), Name: s.ylabel, NameLocation: "middle",
		NameGap: nameGap(min(widest, labelWidth)), AxisLine: &opts.AxisLine{Show: opts.Bool(false)},
		AxisLabel: &opts.AxisLabel{Width: labelWidth, Overflow: "truncate"}}
	base.VisualMapList = []opts.VisualMap{{Type: "continuous", Calculable: opts.Bool(true), Min: float32(low), Max: float32(high),
		Orient: "vertical", Right: "4", Top: "middle", InRange: &opts.VisualMapInRange{Color: blues}}}
	for _, part := range []struct {
		data  []opts.HeatMapData
		label bool
		color string
	}{{quiet, false, "#333"}, {light, labels, "#333"}, {dark, labels, "#fff"}} {
		if len(part.data) == 0 {
			continue
		}
		c.AddSeries("", part.data, func(series *charts.SingleSeries) {
			series.Label = &opts.Label{Show: opts.Bool(part.label && cell >= 18), Color: part.color, FontSize: float32(min(max(cell/3, 9), 14))}
			series.ItemStyle = &opts.ItemStyle{BorderColor: "#fff", BorderWidth: 1}
		})
	}
	f := s.figure(c, base)
	return f, nil
}

// digits are those after the point that tell numbers of a span apart.
func digits(span float64) int {
	return min(max(2-int(math.Ceil(math.Log10(span))), 0), 10)
}

// rounded keeps a cell's number short enough to stand in it.
func rounded(v float64) any {
	if v == math.Trunc(v) {
		return value(v)
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return value(v)
	}
	return r
}

func axisNames(what string, names []string, n int) ([]string, error) {
	if len(names) > 0 && len(names) != n {
		return nil, fmt.Errorf("%d names for %d %s", len(names), n, what)
	}
	names = slices.Clone(names)
	for i := len(names); i < n; i++ {
		names = append(names, strconv.Itoa(i))
	}
	return names, nil
}
