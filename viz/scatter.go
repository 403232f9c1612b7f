package viz

import (
	"errors"
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

const scatterPoints = 1000 // more of a chart are thinned out evenly

// Scatter draws points at x and y: slices of numbers, gota series or tensors of one axis, of one length. [Groups] colours
// them. Points with a NaN are left out; of many, an even selection is shown, and a note says so.
func Scatter(x, y any, options ...Option) *Figure {
	s := apply(options)
	f, err := s.scatter(x, y)
	if err != nil {
		return failed("Scatter", err)
	}
	return f
}

func (s settings) scatter(x, y any) (*Figure, error) {
	xs, err := one("x", x)
	if err != nil {
		return nil, err
	}
	ys, err := one("y", y)
	if err != nil {
		return nil, err
	}
	if len(xs) != len(ys) {
		return nil, fmt.Errorf("x has %d values, y has %d", len(xs), len(ys))
	}
	groups := make([]string, len(xs))
	if s.groups != nil {
		if groups, err = namesOf(s.groups); err != nil {
			return nil, fmt.Errorf("Groups: %w", err)
		}
		if len(groups) != len(xs) {
			return nil, fmt.Errorf("%d group names for %d points", len(groups), len(xs))
		}
	}
	every := max(1, (len(xs)+scatterPoints-1)/scatterPoints)
	var order []string // of first appearance, in all of the data
	points := map[string][]opts.ScatterData{}
	shown := 0
	for i := range xs {
		g := groups[i]
		if _, ok := points[g]; !ok {
			order = append(order, g)
			points[g] = nil
		}
		if i%every == 0 && finite(xs[i]) && finite(ys[i]) {
			points[g] = append(points[g], opts.ScatterData{Value: []any{value(xs[i]), value(ys[i])}})
			shown++
		}
	}
	if shown == 0 {
		return nil, errors.New("there is no point with numbers on both axes")
	}
	if every > 1 {
		s.subtitle = join(s.subtitle, fmt.Sprintf("%s of %s points shown", grouped(shown), grouped(len(xs))))
	}
	var legend []string
	if s.groups != nil {
		legend = order
	}
	c := charts.NewScatter()
	base := &c.BaseConfiguration
	base.Accept(extra{margin: "4%"})
	top := s.style(base, legend)
	base.GridList = []opts.Grid{s.grid(top)}
	base.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}
	base.XAxisList[0] = s.xAxis(xs, nil)
	base.YAxisList[0] = s.yAxis([]column{{values: ys}})
	for _, g := range order {
		c.AddSeries(g, points[g], func(series *charts.SingleSeries) {
			series.SymbolSize = 7
			series.ItemStyle = &opts.ItemStyle{Opacity: opts.Float(0.75)}
		})
	}
	return s.figure(c, base), nil
}
