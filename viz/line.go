package viz

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"golab/viz/internal/lttb"
)

const (
	linePoints  = 1000 // of one line; longer ones are thinned out
	chartPoints = 5000 // of all lines of a chart
	symbolsUpTo = 30   // points that are marked one by one
)

// Line draws one or more lines: a slice of numbers, a slice or a map of such slices, a gota series, the numeric columns
// of a dataframe or tensor, or a training history (anything with Series() (names []string, values [][]float64)), whose
// points are epochs from 1 on. [X] says where the points stand, [Names] what the lines are called.
//
// NaN leaves a gap. Long lines are thinned out without changing how they look, and a note says so.
func Line(y any, options ...Option) *Figure {
	s := apply(options)
	cols, err := columnsOf(y)
	if err == nil {
		cols, err = rename(cols, s.names)
	}
	if err != nil {
		return failed("Line", err)
	}
	if _, ok := y.(seriesHolder); ok && s.x == nil {
		s.overEpochs(cols)
	}
	f, err := s.line(cols)
	if err != nil {
		return failed("Line", err)
	}
	return f
}

type seriesHolder interface {
	Series() (names []string, values [][]float64)
}

// overEpochs makes the horizontal axis count from 1.
func (s *settings) overEpochs(cols []column) {
	n := 0
	for _, c := range cols {
		n = max(n, len(c.values))
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i + 1)
	}
	s.x, s.epochs = x, true
	if s.xlabel == "" {
		s.xlabel = "epoch"
	}
}

func (s settings) line(cols []column) (*Figure, error) {
	xs, names, err := s.positions(cols)
	if err != nil {
		return nil, err
	}
	var legend []string
	if len(cols) > 1 || cols[0].name != "" && s.ylabel == "" {
		for _, c := range cols {
			legend = append(legend, c.name)
		}
	}
	runs, thinned := s.points(cols, xs)
	s.subtitle = join(s.subtitle, thinned)
	c := charts.NewLine()
	base := &c.BaseConfiguration
	top := s.style(base, legend)
	base.GridList = []opts.Grid{s.grid(top)}
	base.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "axis"}
	base.XAxisList[0] = s.xAxis(xs, names)
	base.YAxisList[0] = s.yAxis(cols)
	for i, data := range runs {
		c.AddSeries(cols[i].name, data, lineStyle(len(data)))
	}
	c.SetXAxis(base.XAxisList[0].Data)
	return s.figure(c, base), nil
}

func lineStyle(points int) charts.SeriesOpts {
	return func(s *charts.SingleSeries) {
		s.ShowSymbol = opts.Bool(points <= symbolsUpTo)
		s.SymbolSize = 5
		s.LineStyle = &opts.LineStyle{Width: 2}
	}
}

// positions reads where the points stand: xs are numbers, or (names not nil) the places of categories.
func (s settings) positions(cols []column) (xs []float64, names []string, err error) {
	n := 0
	for _, c := range cols {
		n = max(n, len(c.values))
	}
	if n == 0 {
		return nil, nil, errors.New("there is no data")
	}
	if s.x == nil {
		xs = make([]float64, n)
		for i := range xs {
			xs[i] = float64(i)
		}
		return xs, nil, nil
	}
	if xs, err = one("X", s.x); err != nil {
		if names, err = namesOf(s.x); err != nil {
			return nil, nil, fmt.Errorf("X: %w", err)
		}
		xs = make([]float64, len(names))
		for i := range xs {
			xs[i] = float64(i)
		}
	}
	for _, c := range cols {
		if len(c.values) > len(xs) {
			return nil, nil, fmt.Errorf("X has %d positions for %d values", len(xs), len(c.values))
		}
	}
	return xs, names, nil
}

// points are the data of each line, thinned out where there are too many, with the note that says so.
func (s settings) points(cols []column, xs []float64) (runs [][]opts.LineData, note string) {
	most := max(min(linePoints, chartPoints/len(cols)), 50)
	longest := 0
	for _, c := range cols {
		longest = max(longest, len(c.values))
		at := lttb.Indices(xs, c.values, most)
		data := make([]opts.LineData, 0, len(at))
		for _, i := range at {
			y := value(c.values[i])
			if s.logY && c.values[i] <= 0 {
				y = "-"
			}
			data = append(data, opts.LineData{Value: []any{value(xs[i]), y}})
		}
		runs = append(runs, data)
	}
	if longest > most {
		note = fmt.Sprintf("%s of %s points shown", grouped(most), grouped(longest))
	}
	return runs, note
}

func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (s settings) xAxis(xs []float64, names []string) opts.XAxis {
	if names != nil {
		return s.categoryAxis(names, s.width-80)
	}
	axis := opts.XAxis{Type: "value", Name: s.xlabel, NameLocation: "middle", NameGap: 28, Scale: opts.Bool(true),
		SplitLine: &opts.SplitLine{Show: opts.Bool(false)}, AxisLine: atEdge()}
	if whole(xs) {
		axis.MinInterval = 1
	}
	if s.epochs && len(xs) > 1 { // no empty place for a zeroth one
		axis.Min, axis.Max = 1, len(xs)
	}
	return axis
}

func (s settings) yAxis(cols []column) opts.YAxis {
	runs := make([][]float64, len(cols))
	for i, c := range cols {
		runs[i] = c.values
	}
	low, high, _ := extent(runs...)
	axis := opts.YAxis{Type: "value", Name: s.ylabel, NameLocation: "middle", NameGap: nameGap(tickWidth(low, high)), Scale: opts.Bool(true),
		AxisLine: atEdge()}
	if s.logY {
		axis.Type = "log"
	}
	return axis
}

// atEdge keeps an axis at the edge of the plot also where the other one has a zero.
func atEdge() *opts.AxisLine { return &opts.AxisLine{OnZero: opts.Bool(false)} }

func whole(xs []float64) bool {
	return !slices.ContainsFunc(xs, func(x float64) bool { return x != float64(int64(x)) })
}

// History draws a training history (anything with Series() (names []string, values [][]float64)) over its epochs: the
// losses on the left, the metrics, which have another scale, on the right.
func History(h any, options ...Option) *Figure {
	s := apply(options)
	cols, err := columnsOf(h)
	if err == nil {
		cols, err = rename(cols, s.names)
	}
	if err != nil {
		return failed("History", err)
	}
	s.overEpochs(cols)
	var losses, metrics []column
	for _, c := range cols {
		if strings.Contains(strings.ToLower(c.name), "loss") {
			losses = append(losses, c)
		} else {
			metrics = append(metrics, c)
		}
	}
	var f *Figure
	if len(losses) == 0 || len(metrics) == 0 {
		f, err = s.line(cols)
	} else {
		f, err = s.panels(losses, metrics)
	}
	if err != nil {
		return failed("History", err)
	}
	return f
}

// panels draws two groups of lines side by side.
func (s settings) panels(left, right []column) (*Figure, error) {
	all := slices.Concat(left, right)
	xs, _, err := s.positions(all)
	if err != nil {
		return nil, err
	}
	runs, thinned := s.points(all, xs)
	s.subtitle = join(s.subtitle, thinned)
	var legend []string
	for _, c := range all {
		legend = append(legend, c.name)
	}
	c := charts.NewLine()
	base := &c.BaseConfiguration
	top := s.style(base, legend)
	base.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "axis"}
	base.XAxisList, base.YAxisList = nil, nil
	for i, group := range [][]column{left, right} {
		g := s.grid(top)
		if i == 0 {
			g.Right = "52%"
		} else {
			g.Left = "52%"
		}
		base.GridList = append(base.GridList, g)
		x, y := s.xAxis(xs, nil), s.yAxis(group)
		x.GridIndex, y.GridIndex = i, i
		x.SplitNumber = 4
		base.XAxisList = append(base.XAxisList, x)
		base.YAxisList = append(base.YAxisList, y)
	}
	for i, data := range runs {
		panel := 0
		if i >= len(left) {
			panel = 1
		}
		c.AddSeries(all[i].name, data, lineStyle(len(data)), func(s *charts.SingleSeries) {
			s.XAxisIndex, s.YAxisIndex = panel, panel
		})
	}
	return s.figure(c, base), nil
}
