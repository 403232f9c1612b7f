package viz

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"golab/viz/internal/table"
)

// palette is that of Okabe and Ito, told apart by the colour-blind too; the yellow, pale on white, comes late, and grey
// takes the place of black, which is lost on a dark page.
var palette = []string{"#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C8C", "#F0E442"}

// Heights of a chart's parts, in pixels.
const (
	titleHeight    = 30
	subtitleHeight = 18
	legendHeight   = 26
)

// style sets what the short calls have in common, and returns where the plot begins.
func (s settings) style(base *charts.BaseConfiguration, legend []string) (top int) {
	base.Colors = palette
	top = 10
	if s.title != "" || s.subtitle != "" {
		base.Title = opts.Title{Title: s.title, Subtitle: s.subtitle, Left: "8", Top: "6",
			TitleStyle: &opts.TextStyle{FontSize: 16}, SubtitleStyle: &opts.TextStyle{FontSize: 12}}
		if s.title != "" {
			top += titleHeight
		}
		if s.subtitle != "" {
			top += subtitleHeight
		}
	}
	if len(legend) > 0 {
		base.Legend = opts.Legend{Show: opts.Bool(true), Type: "scroll", Top: strconv.Itoa(top), Left: "8", Data: legend}
		top += legendHeight
	} else {
		base.Legend = opts.Legend{Show: opts.Bool(false)}
	}
	return top + 10
}

// grid is the plot's place within the figure: labels of the axes are inside it, their names are not.
func (s settings) grid(top int) opts.Grid {
	g := opts.Grid{Top: strconv.Itoa(top), Left: "14", Right: "28", Bottom: "12", ContainLabel: opts.Bool(true)}
	if s.ylabel != "" {
		g.Left = "34"
	}
	if s.xlabel != "" {
		g.Bottom = "32"
	}
	return g
}

// nameGap is how far the name of the vertical axis stands from it, so that it clears labels of so many pixels.
func nameGap(labels int) int {
	const margin, half = 8, 12 // of the labels from the axis, of the name
	return labels + margin + half
}

// tickWidth is how wide the numbers of an axis from low to high are.
func tickWidth(low, high float64) int {
	if !finite(low) || !finite(high) {
		return 10
	}
	return max(textWidth(tick(low, high-low)), textWidth(tick(high, high-low)))
}

// textWidth is about how many pixels s takes at an axis, in 12 px sans-serif.
func textWidth(s string) int {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijl.,:;'|!", r):
			w += 3
		case strings.ContainsRune("fIrt ()-[]/", r):
			w += 3.8
		case r == 'm' || r == 'w' || r == 'M' || r == 'W':
			w += 9.5
		case r >= 'A' && r <= 'Z':
			w += 8.2
		default:
			w += 6.6 * float64(table.Width(string(r)))
		}
	}
	return int(math.Ceil(w))
}

// tick is what ECharts writes for about v at an axis that spans so much: numbers a round step apart, some five of them.
func tick(v, span float64) string {
	decimals := 0
	if span > 0 {
		step := math.Pow(10, math.Floor(math.Log10(span/5)))
		if span/5 >= 7*step {
			step *= 10
		}
		decimals = max(0, -int(math.Round(math.Log10(step))))
		v = math.Copysign(math.Ceil(math.Abs(v)/step)*step, v)
	}
	s := strconv.FormatFloat(v, 'f', min(decimals, 8), 64)
	whole, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return s + strings.Repeat(",", (len(whole)-1)/3)
}

// categoryAxis is an axis of names; they lean over where they would run into each other.
func (s settings) categoryAxis(names []string, width int) opts.XAxis {
	widest := 0
	for _, n := range names {
		widest = max(widest, textWidth(n)+12)
	}
	axis := opts.XAxis{Type: "category", Data: names, Name: s.xlabel, NameLocation: "middle", NameGap: 28,
		AxisTick: &opts.AxisTick{Show: opts.Bool(false)}}
	if len(names) > 0 && widest*len(names) > width {
		axis.AxisLabel = &opts.AxisLabel{Rotate: 40, HideOverlap: opts.Bool(true), Width: 120, Overflow: "truncate"}
		axis.NameGap = 18 + min(widest, 120)*2/3
	}
	return axis
}

// figure wraps a chart made here, having checked that all is well.
func (s settings) figure(c echart, base *charts.BaseConfiguration) *Figure {
	return &Figure{chart: c, base: base, width: s.width, height: s.height}
}

// join puts a note behind the subtitle that the user gave.
func join(subtitle, note string) string {
	if subtitle == "" || note == "" {
		return subtitle + note
	}
	return subtitle + " · " + note
}
