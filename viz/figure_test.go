package viz

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/viz/internal/ssr"
)

// TestGolden compares pictures and words with files that were looked at. go test ./viz -update rewrites them.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			f := s.make()
			svg, err := f.SVG()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, s.name+".svg", strings.ReplaceAll(svg, "><", ">\n<")+"\n")
			golden(t, s.name+".txt", f.String()+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("%s differs at byte %d:\n got …%.120q\nwant …%.120q", file, at, got[max(0, at-40):], want[max(0, at-40):])
	}
}

// TestSame: the output of a chart does not depend on how often it was drawn, nor on other charts.
func TestSame(t *testing.T) {
	one := Confusion(tenClasses()).MIMEBundle()
	Line([]int{1, 2}).MIMEBundle()
	two := Confusion(tenClasses()).MIMEBundle()
	for mime := range one {
		if one[mime] != two[mime] {
			t.Errorf("%s differs from one drawing to the next", mime)
		}
	}
}

// TestSize: what a chart adds to a notebook beyond its data stays small.
func TestSize(t *testing.T) {
	for _, s := range samples() {
		f := s.make()
		b := f.MIMEBundle()
		size := 0
		for _, content := range b {
			size += len(content.(string))
		}
		extra := size - len(f.draw().option)
		t.Logf("%-16s %6d bytes, data %6d", s.name, size, len(f.draw().option))
		if extra > 50_000 {
			t.Errorf("%s: %d bytes beyond the data", s.name, extra)
		}
	}
}

func TestPictureIsXML(t *testing.T) {
	for _, s := range samples() {
		svg, err := s.make().SVG()
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "script" || e.Name.Local == "img") {
				t.Errorf("%s: <%s> in the picture", s.name, e.Name.Local)
			}
		}
	}
}

// TestEscape: text from data ends neither the script nor the attribute that it stands in, and is never code.
func TestEscape(t *testing.T) {
	for _, s := range samples() {
		html := s.make().MIMEBundle()[mimeHTML].(string)
		if n := strings.Count(html, "</script"); n != 1 {
			t.Errorf("%s: %d script ends", s.name, n)
		}
		if strings.Contains(html, "<img src=x") {
			t.Errorf("%s: markup from data in the page", s.name)
		}
	}
	js := Chart(pie()).draw().option.js()
	if !strings.Contains(js, `"formatter":function(p)`) {
		t.Errorf("the user's function is no function: %s", js)
	}
	if !strings.Contains(js, "__f__window.hacked=2__f__") {
		t.Errorf("text of the data became code: %s", js)
	}
}

func TestBadInput(t *testing.T) {
	nan := math.NaN()
	var nilTensor *tensors.Tensor
	var nilTraining *training
	var nilLine *charts.Line
	broken := dataframe.New(series.Ints([]int{1}), series.Ints([]int{1, 2}))
	tests := map[string]*Figure{
		"nil":                       Line(nil),
		"empty":                     Line([]float64{}),
		"no lines":                  Line([][]float64{}),
		"empty line":                Line([][]float64{{}}),
		"text":                      Line("x"),
		"texts":                     Line([]string{"a"}),
		"nil tensor":                Line(nilTensor),
		"nil history":               Line(nilTraining),
		"deep tensor":               Line(tensors.FromValue([][][]float32{{{1}}})),
		"broken dataframe":          Line(broken),
		"short X":                   Line([]int{1, 2, 3}, X([]int{1})),
		"odd X":                     Line([]int{1}, X(3)),
		"too many names":            Line([]int{1}, Names("a", "b")),
		"text series":               Line(series.Strings([]string{"a"})),
		"history of nothing":        History([]float64{}),
		"scatter lengths":           Scatter([]int{1, 2}, []int{1}),
		"scatter nil":               Scatter(nil, nil),
		"scatter NaN":               Scatter([]float64{nan}, []float64{1}),
		"scatter groups":            Scatter([]int{1}, []int{1}, Groups([]string{"a", "b"})),
		"scatter two":               Scatter([][]int{{1}, {2}}, []int{1}),
		"bar lengths":               Bar([]string{"a"}, []int{1, 2}),
		"bar nothing":               Bar([]string{}, []int{}),
		"bar NaN":                   Bar([]string{"a"}, []float64{nan}),
		"bar many":                  Bar(make([]string, 9999), make([]int, 9999)),
		"bar labels":                Bar(nil, []int{1}),
		"hist NaN":                  Hist([]float64{nan, math.Inf(1)}),
		"hist nothing":              Hist([]float64{}),
		"hist bins":                 Hist([]float64{1, 2}, Bins(1e9)),
		"heat ragged":               Heatmap([][]float64{{1, 2}, {3}}),
		"heat nothing":              Heatmap([][]float64{{}}),
		"heat NaN":                  Heatmap([][]float64{{nan}}),
		"heat large":                Heatmap(make1000()),
		"heat names":                Heatmap([][]float64{{1}}, Names("a", "b")),
		"confusion ragged":          Confusion([][]int{{1, 2}, {3}}),
		"confusion names":           Confusion([][]int{{1}}, Names("a", "b")),
		"confusion nil":             Confusion(nil),
		"confusion labels":          Confusion(confusion{counts: [][]int{{1}}, labels: []string{"a", "b"}}),
		"chart nil":                 Chart(nil),
		"chart typed nil":           Chart(nilLine),
		"chart of another kind":     Chart(3),
		"chart NaN":                 Chart(nanChart()),
		"chart with broken code":    Chart(codeChart("function(")),
		"chart with failing code":   Chart(renderItem("function(){throw new Error('no')}")),
		"chart with an unknown map": Chart(charts.NewBar3D()),
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			err := f.Err()
			if err == nil {
				t.Fatal("no error")
			}
			b := f.MIMEBundle()
			text, _ := b[mimeText].(string)
			if !strings.Contains(text, err.Error()) || b[mimeHTML] == nil {
				t.Errorf("displayed as %q", text)
			}
			t.Log(err)
		})
	}
}

// TestOddInput: what looks odd and still is a chart.
func TestOddInput(t *testing.T) {
	inf := math.Inf(1)
	for name, f := range map[string]*Figure{
		"one point":      Line([]float64{1}),
		"all NaN":        Line([]float64{math.NaN(), math.NaN()}),
		"infinite":       Line([]float64{1, inf, 3}),
		"log of zero":    Line([]float64{0, -1}, LogY()),
		"ragged":         Line([][]float64{{1, 2, 3}, {1}}),
		"huge":           Line([]float64{math.MaxFloat64, -math.MaxFloat64}),
		"tiny":           Line([]float64{5e-324, 0}),
		"bools":          Line([]bool{true, false}),
		"array":          Line([2]int{1, 2}),
		"X with NaN":     Line([]int{1, 2}, X([]float64{math.NaN(), 1})),
		"constant":       Heatmap([][]float64{{3}}),
		"zeros":          Confusion([][]int{{0, 0}, {0, 0}}),
		"negative":       Heatmap([][]float64{{-3, -2}}),
		"tiny heat":      Heatmap([][]float64{{1e-300, 2e-300}}),
		"huge hist":      Hist([]float64{-math.MaxFloat64, math.MaxFloat64}),
		"wide hist":      Hist([]float64{0, 1e300, 1}),
		"tiny hist":      Hist([]float64{1, math.Nextafter(1, 2)}),
		"negative bins":  Hist([]float64{1, 2, 3}, Bins(-4)),
		"size":           Line([]int{1, 2}, Size(-1, 1<<40)),
		"nil option":     Line([]int{1, 2}, nil),
		"empty chart":    Chart(charts.NewLine()),
		"dataframe":      Line(dataframe.New(series.New([]int{1, 2}, series.Int, "n"), series.New([]string{"a", "b"}, series.String, "s"))),
		"tensor":         Line(tensors.FromValue([][]float32{{1, 2}, {3, 4}})),
		"tensor heat":    Heatmap(tensors.FromValue([][]int32{{1, 2}, {3, 4}})),
		"dataframe heat": Heatmap(dataframe.New(series.New([]int{1, 2}, series.Int, "n"))),
	} {
		t.Run(name, func(t *testing.T) {
			if err := f.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func make1000() [][]float64 {
	rows := make([][]float64, 1000)
	for i := range rows {
		rows[i] = make([]float64, 1000)
	}
	return rows
}

func nanChart() *charts.Line {
	c := charts.NewLine()
	c.AddSeries("a", []opts.LineData{{Value: math.NaN()}})
	return c
}

func codeChart(code string) *charts.Line {
	c := charts.NewLine()
	c.SetGlobalOptions(charts.WithTooltipOpts(opts.Tooltip{Formatter: opts.FuncOpts(code)}))
	return c
}

func renderItem(code string) *charts.Custom {
	c := charts.NewCustom()
	c.AddSeries("a", []opts.CustomData{{Value: []int{1, 2}}}, charts.WithCustomChartOpts(opts.CustomChart{RenderItem: opts.FuncOpts(code)}))
	return c
}

// TestWithoutECharts: a chart says what to run and shows its data.
func TestWithoutECharts(t *testing.T) {
	t.Setenv("GOLAB_HOME", t.TempDir())
	ssr.Unload()
	defer ssr.Unload()
	f := Line([]float64{1, 2.5}, Title("Loss<b>"))
	if err := f.Err(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("error %v", err)
	}
	b := f.MIMEBundle()
	for _, content := range []any{b[mimeHTML], b[mimeText]} {
		s := content.(string)
		if !strings.Contains(s, "go run ./install lab") || !strings.Contains(s, "2.5") {
			t.Errorf("displayed as %s", s)
		}
	}
	if strings.Contains(b[mimeHTML].(string), "<b>") {
		t.Error("not escaped")
	}
}

func BenchmarkLine(b *testing.B) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = math.Sin(float64(i) / 50)
	}
	for b.Loop() {
		Line(values, Title("Loss")).MIMEBundle()
	}
}

func BenchmarkHistory(b *testing.B) {
	for b.Loop() {
		History(training{}).MIMEBundle()
	}
}

func BenchmarkConfusion(b *testing.B) {
	for b.Loop() {
		Confusion(tenClasses()).MIMEBundle()
	}
}

// BenchmarkFirst is the first chart of a process, which loads ECharts.
func BenchmarkFirst(b *testing.B) {
	for b.Loop() {
		ssr.Unload()
		Line([]int{1, 2, 3}).MIMEBundle()
	}
}
