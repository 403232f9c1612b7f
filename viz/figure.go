package viz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-echarts/go-echarts/v2/charts"

	"golab/kernel/nb"
	"golab/viz/internal/page"
	"golab/viz/internal/ssr"
)

func init() { nb.RegisterRenderer(renderChart) }

// renderChart shows the charts of go-echarts.
func renderChart(v any) nb.Bundle {
	c, ok := v.(echart)
	if !ok {
		return nil
	}
	return Chart(c).MIMEBundle()
}

// echart is what every chart of go-echarts is, as a pointer.
type echart interface {
	Type() string
	Validate()
	JSON() map[string]any
	FillDefaultValues()
}

// Figure is a chart as a notebook shows it. It is not safe for concurrent use.
type Figure struct {
	chart         echart
	base          *charts.BaseConfiguration
	width, height int
	text          string // plain text, where there is a better one than what the data says
	err           error

	drawn *drawing
}

// drawing is the outcome of drawing a figure.
type drawing struct {
	option option
	svg    string
	err    error
}

// Chart makes a figure of a go-echarts chart, such as *charts.Line, with the size of its own initialization options.
func Chart(chart any) *Figure {
	c, ok := chart.(echart)
	if !ok {
		return failed("Chart", fmt.Errorf("a %T is no go-echarts chart (a pointer such as *charts.Line is)", chart))
	}
	v := reflect.ValueOf(chart)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return failed("Chart", fmt.Errorf("the %T is nil", chart))
	}
	f := &Figure{chart: c, base: baseOf(v), width: 900, height: 500}
	if f.base != nil {
		f.width = pixels(f.base.Initialization.Width, f.width)
		f.height = pixels(f.base.Initialization.Height, f.height)
	}
	return f
}

// baseOf is the configuration that go-echarts embeds in each of its chart types.
func baseOf(v reflect.Value) *charts.BaseConfiguration {
	field := v.Elem()
	if field.Kind() == reflect.Struct {
		field = field.FieldByName("BaseConfiguration")
	}
	if field.IsValid() && field.CanAddr() {
		if base, ok := field.Addr().Interface().(*charts.BaseConfiguration); ok {
			return base
		}
	}
	return nil
}

func pixels(size string, otherwise int) int {
	n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(size), "px"), 64)
	if err != nil || n < 40 || n > 8000 {
		return otherwise
	}
	return int(n)
}

// failed is a figure that shows an error.
func failed(call string, err error) *Figure {
	return &Figure{err: fmt.Errorf("viz.%s: %w", call, err)}
}

// Set changes the figure with go-echarts' global options (charts.WithTitleOpts and the like) and returns it.
func (f *Figure) Set(options ...charts.GlobalOpts) (same *Figure) {
	if f.err != nil || f.base == nil {
		return f
	}
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("viz: setting an option: %v", p)
		}
	}()
	f.drawn = nil
	for _, o := range options {
		o(f.base)
	}
	return f
}

// ECharts is the go-echarts chart behind the figure, nil if there is an error. A change to it shows if it comes before
// the figure is first displayed.
func (f *Figure) ECharts() any {
	if f.chart == nil {
		return nil
	}
	return f.chart
}

// Err says why the figure shows no chart: bad data, an option that ECharts refuses, or ECharts not being installed (then
// it is an [fs.ErrNotExist]). It is nil if there is a chart.
func (f *Figure) Err() error {
	if f.err != nil {
		return f.err
	}
	return f.draw().err
}

// SVG is the static picture.
func (f *Figure) SVG() (string, error) {
	if err := f.Err(); err != nil {
		return "", err
	}
	return f.draw().svg, nil
}

// Save writes the static picture to an SVG file.
func (f *Figure) Save(name string) error {
	svg, err := f.SVG()
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(svg), 0o666)
}

// String says in words what the chart shows.
func (f *Figure) String() string {
	if f.err != nil {
		return f.err.Error()
	}
	if f.text != "" {
		return f.text
	}
	return f.draw().option.summary(f.chart.Type())
}

// MIMEBundle implements the notebook's display: the chart as HTML, as SVG and in words; where it can't be drawn, the
// reason, and the data as a table.
func (f *Figure) MIMEBundle() map[string]any {
	if f == nil {
		return failure(errors.New("viz: the figure is nil"))
	}
	if f.err != nil {
		return failure(f.err)
	}
	d := f.draw()
	if d.err != nil {
		return d.option.bundle(f.String(), d.err)
	}
	carryLibrary()
	text := f.String()
	alt, _, _ := strings.Cut(text, "\n")
	return nb.Bundle{
		mimeHTML: page.Chart(d.svg, d.option.js(), alt, f.width, f.height),
		mimeSVG:  d.svg,
		mimeText: text,
	}
}

func (f *Figure) draw() *drawing {
	if f.drawn != nil {
		return f.drawn
	}
	d := &drawing{}
	f.drawn = d
	if d.option, d.err = optionOf(f.chart); d.err != nil {
		return d
	}
	d.svg, d.err = ssr.Render(d.option.js(), f.width, f.height)
	if errors.Is(d.err, fs.ErrNotExist) {
		d.err = missingLibrary{d.err}
	}
	return d
}

// missingLibrary says what to do about ECharts not being there.
type missingLibrary struct{ err error }

func (missingLibrary) Error() string {
	return "Charts need ECharts, which is not installed. Run in GoLab's folder:  go run ./install lab"
}

func (m missingLibrary) Unwrap() error { return m.err }

// StaticEnv names the environment variable that, when not empty, keeps ECharts out of notebooks: charts are pictures then,
// and the files small enough for version control. `kernel run --static` sets it.
const StaticEnv = "GOLAB_STATIC_CHARTS"

var library struct {
	sync.Mutex
	carried bool
}

// carryLibrary displays ECharts once a session, so that the charts of the notebook become live.
//
// Under GoNB each cell is a process of its own, which would carry it again and again: there, charts stay pictures. So they
// do where the environment sets [StaticEnv].
func carryLibrary() {
	library.Lock()
	defer library.Unlock()
	if library.carried || !nb.Live() || os.Getenv(StaticEnv) != "" {
		return
	}
	if html, err := page.Library(); err == nil {
		nb.Display(nb.Bundle{mimeHTML: html})
		library.carried = true
	}
}

// option is an ECharts option in JSON, where functions are strings between marks as go-echarts has them.
type option []byte

// function finds the functions of an option. Only these keys may hold one: text of the user's data never becomes code.
var function = regexp.MustCompile(`"(?:\w*[fF]ormatter|position|renderItem|animation\w+|symbolSize|onclick)":("__f__(?:[^"\\]|\\.)*__f__")`)

func optionOf(c echart) (o option, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("go-echarts: %v", p)
		}
	}()
	c.Validate()
	o, err = json.Marshal(c.JSON()) // escapes <, > and &, in strings all of them
	var unsupported *json.UnsupportedValueError
	if errors.As(err, &unsupported) {
		return nil, fmt.Errorf("the chart's data holds %s; ECharts takes \"-\" where a value is missing", unsupported.Str)
	}
	if err != nil {
		return nil, err
	}
	for _, gl := range [][]byte{[]byte(`"xAxis3D"`), []byte(`"grid3D"`), []byte(`"liquidFill"`), []byte(`"wordCloud"`)} {
		if bytes.Contains(o, gl) {
			return o, fmt.Errorf("%s charts need an extension of ECharts that GoLab does not carry", c.Type())
		}
	}
	return o, nil
}

// js is the option as a JavaScript expression that may stand in a <script>.
func (o option) js() string {
	return function.ReplaceAllStringFunc(string(o), func(field string) string {
		key, quoted, _ := strings.Cut(field, ":")
		var code string
		if err := json.Unmarshal([]byte(quoted), &code); err != nil {
			return field
		}
		code = strings.TrimSuffix(strings.TrimPrefix(code, "__f__"), "__f__")
		// Only within a string of that code can these stand; there the backslash changes nothing.
		return key + ":" + strings.NewReplacer("</", `<\/`, "<!--", `<\!--`).Replace(code)
	})
}
