package viz

import (
	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// extra adds what ECharts has and go-echarts v2.6.7 has no field for.
type extra struct {
	charts.BaseConfigurationVisitor
	margin    string // of value axes, as a share of their length
	tickless  bool   // no ticks on the vertical axis
	precision int    // digits at the ends of a colour scale
}

type (
	xAxis struct {
		opts.XAxis
		BoundaryGap []string `json:"boundaryGap,omitempty"`
	}
	yAxis struct {
		opts.YAxis
		BoundaryGap []string       `json:"boundaryGap,omitempty"`
		AxisTick    *opts.AxisTick `json:"axisTick,omitempty"`
	}
	visualMap struct {
		opts.VisualMap
		Precision int `json:"precision"`
	}
)

func (e extra) gap(axis string) []string {
	if e.margin == "" || axis == "category" {
		return nil
	}
	return []string{e.margin, e.margin}
}

// VisitXAxis implements charts.ConfigurationVisitor, as do the methods below.
func (e extra) VisitXAxis(axes []opts.XAxis) any {
	out := make([]xAxis, len(axes))
	for i, a := range axes {
		out[i] = xAxis{a, e.gap(a.Type)}
	}
	return out
}

func (e extra) VisitYAxis(axes []opts.YAxis) any {
	out := make([]yAxis, len(axes))
	for i, a := range axes {
		out[i] = yAxis{YAxis: a, BoundaryGap: e.gap(a.Type)}
		if e.tickless {
			out[i].AxisTick = &opts.AxisTick{Show: opts.Bool(false)}
		}
	}
	return out
}

func (e extra) VisitVisualMaps(maps []opts.VisualMap) any {
	out := make([]visualMap, len(maps))
	for i, m := range maps {
		out[i] = visualMap{m, e.precision}
	}
	return out
}
