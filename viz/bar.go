package viz

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

const bars = 500 // more are refused

// Bar draws a bar for each label; values are one or more runs of numbers, as [Line] takes them.
func Bar(labels, values any, options ...Option) *Figure {
	s := apply(options)
	f, err := s.bar(labels, values)
	if err != nil {
		return failed("Bar", err)
	}
	return f
}

func (s settings) bar(labels, values any) (*Figure, error) {
	cols, err := columnsOf(values)
	if err != nil {
		return nil, err
	}
	if cols, err = rename(cols, s.names); err != nil {
		return nil, err
	}
	names, err := namesOf(labels)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	for _, c := range cols {
		if len(c.values) != len(names) {
			return nil, fmt.Errorf("%d labels for %d values", len(names), len(c.values))
		}
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("there is no data")
	case len(names)*len(cols) > bars:
		return nil, fmt.Errorf("%s bars are too many (up to %d)", grouped(len(names)*len(cols)), bars)
	}
	return s.barChart(names, cols, func(series *charts.SingleSeries) {
		series.BarMaxWidth = "60"
	})
}

func (s settings) barChart(names []string, cols []column, look charts.SeriesOpts) (*Figure, error) {
	runs := make([][]float64, len(cols))
	var legend []string
	for i, c := range cols {
		runs[i] = c.values
		if len(cols) > 1 {
			legend = append(legend, c.name)
		}
	}
	low, high, ok := extent(runs...)
	if !ok {
		return nil, errors.New("there are no numbers, only NaN or infinite ones")
	}
	c := charts.NewBar()
	base := &c.BaseConfiguration
	top := s.style(base, legend)
	base.GridList = []opts.Grid{s.grid(top)}
	base.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "axis", AxisPointer: &opts.AxisPointer{Type: "shadow"}}
	base.XAxisList[0] = s.categoryAxis(names, s.width-80)
	base.YAxisList[0] = s.countAxis(min(low, 0), max(high, 0))
	for _, col := range cols {
		data := make([]opts.BarData, len(col.values))
		for i, v := range col.values {
			data[i].Value = value(v)
			if s.logY && v <= 0 {
				data[i].Value = "-"
			}
		}
		c.AddSeries(col.name, data, look)
	}
	c.SetXAxis(names)
	return s.figure(c, base), nil
}

// countAxis is the axis that bars stand on: it begins at 0.
func (s settings) countAxis(low, high float64) opts.YAxis {
	axis := opts.YAxis{Type: "value", Name: s.ylabel, NameLocation: "middle", NameGap: nameGap(tickWidth(low, high)),
		AxisLine: atEdge()}
	if s.logY {
		axis.Type = "log"
	}
	return axis
}

// Hist draws how the values of a run of numbers are spread: how many fall into each of a number of equal bins. [Bins] sets
// that number. NaN and infinite values are not counted, and a note says how many there were.
func Hist(values any, options ...Option) *Figure {
	s := apply(options)
	f, err := s.hist(values)
	if err != nil {
		return failed("Hist", err)
	}
	return f
}

func (s settings) hist(values any) (*Figure, error) {
	ys, err := one("values", values)
	if err != nil {
		return nil, err
	}
	if s.bins > bars {
		return nil, fmt.Errorf("%s bins are too many (up to %d)", grouped(s.bins), bars)
	}
	low, high, ok := extent(ys)
	if !ok {
		return nil, errors.New("there are no numbers to count")
	}
	edges := binEdges(ys, low, high, s.bins)
	n := len(edges) - 1
	counts := make([]float64, n)
	skipped := 0
	width := (edges[n] - edges[0]) / float64(n)
	for _, y := range ys {
		if !finite(y) {
			skipped++
			continue
		}
		i := min(max(int((y-edges[0])/width), 0), n-1)
		if i+1 < n && y >= edges[i+1] { // the division rounded the other way
			i++
		} else if y < edges[i] && i > 0 {
			i--
		}
		counts[i]++
	}
	if skipped > 0 {
		s.subtitle = join(s.subtitle, "not counted, as missing: "+grouped(skipped))
	}
	if s.ylabel == "" {
		s.ylabel = "count"
	}
	c := charts.NewBar()
	base := &c.BaseConfiguration
	top := s.style(base, nil)
	base.GridList = []opts.Grid{s.grid(top)}
	base.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}
	x := s.xAxis(edges, nil)
	x.Min, x.Max = value(edges[0]), value(edges[n])
	x.AxisLabel = &opts.AxisLabel{ShowMinLabel: opts.Bool(false), ShowMaxLabel: opts.Bool(false)}
	base.XAxisList[0] = x
	base.YAxisList[0] = s.countAxis(0, slices.Max(counts))
	data := make([]opts.BarData, n)
	for i, k := range counts {
		name := edge(edges[i], width) + " – " + edge(edges[i+1], width)
		data[i] = opts.BarData{Name: name, Value: []any{value((edges[i] + edges[i+1]) / 2), k}}
	}
	c.AddSeries(s.ylabel, data, func(series *charts.SingleSeries) { series.BarCategoryGap = "2%" })
	c.SetXAxis(nil)
	return s.figure(c, base), nil
}

// binEdges are n+1 equally spaced numbers around low and high; for n of 0 as many as Freedman and Diaconis's rule says,
// at round numbers.
func binEdges(ys []float64, low, high float64, n int) []float64 {
	if low == high {
		low, high = low-0.5, high+0.5
		n = max(n, 1)
	}
	if n <= 0 {
		step := niceStep((high - low) / float64(binCount(ys, low, high)))
		first := math.Floor(low/step) * step
		n = max(int(math.Ceil((high-first)/step-1e-9)), 1)
		low, high = first, first+float64(n)*step
	}
	edges := make([]float64, n+1)
	for i := range edges {
		edges[i] = low + (high-low)*float64(i)/float64(n)
	}
	return edges
}

func binCount(ys []float64, low, high float64) int {
	sorted := slices.DeleteFunc(slices.Clone(ys), func(y float64) bool { return !finite(y) })
	slices.Sort(sorted)
	spread := sorted[len(sorted)*3/4] - sorted[len(sorted)/4]
	if spread <= 0 {
		spread = (high - low) / 2
	}
	width := 2 * spread / math.Cbrt(float64(len(sorted)))
	return int(min(max((high-low)/width, 5), 50))
}

// niceStep is the number of the series 1, 2, 2.5, 5, 10 that is next below or at width.
func niceStep(width float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(width)))
	for _, m := range []float64{5, 2.5, 2} {
		if width >= m*unit {
			return m * unit
		}
	}
	return unit
}

func edge(v, width float64) string {
	digits := max(0, 1-int(math.Floor(math.Log10(width))))
	s := strconv.FormatFloat(v, 'f', min(digits, 12), 64)
	if r, err := strconv.ParseFloat(s, 64); err == nil {
		return strconv.FormatFloat(r+0, 'g', -1, 64)
	}
	return s
}
