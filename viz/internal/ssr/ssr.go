// Package ssr draws charts as SVG with ECharts' own server-side rendering, run by goja: no browser, no cgo.
//
// ECharts is loaded at the first chart (about 0.3 s) and kept: later charts take some 10 ms each.
package ssr

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"

	"golab/kernel/home"
)

// limit ends the drawing of one chart whose own JavaScript does not.
const limit = 30 * time.Second

var (
	mu   sync.Mutex // goja runs one script at a time
	draw goja.Callable
	vm   *goja.Runtime
)

// Unload forgets ECharts; the next chart loads it anew.
func Unload() {
	mu.Lock()
	defer mu.Unlock()
	vm, draw = nil, nil
}

// Render draws option, a JavaScript expression, as SVG of the given size in pixels. The error of a missing library is
// one of [io/fs.ErrNotExist].
func Render(option string, width, height int) (svg string, err error) {
	mu.Lock()
	defer mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			vm, draw = nil, nil // in an unknown state
			err = fmt.Errorf("drawing the chart: %v", p)
		}
	}()
	if vm == nil {
		if err := load(); err != nil {
			return "", err
		}
	}
	timer := time.AfterFunc(limit, func() { vm.Interrupt("the chart's own functions took more than " + limit.String()) })
	defer func() {
		timer.Stop()
		if vm != nil {
			vm.ClearInterrupt()
		}
	}()
	fn, err := vm.RunString("(function(){return (" + option + ")})")
	if err != nil {
		return "", fmt.Errorf("the chart's option is no JavaScript: %w", err)
	}
	v, err := draw(goja.Undefined(), fn, vm.ToValue(width), vm.ToValue(height))
	if err != nil {
		return "", fmt.Errorf("ECharts: %w", err)
	}
	return tidy(v.String()), nil
}

// drawScript is what remains of a page: ECharts schedules nothing that a static picture needs, so timers do nothing.
const drawScript = `(function(option, width, height) {
	var c = echarts.init(null, null, {renderer: 'svg', ssr: true, width: width, height: height});
	try {
		var o = option();
		o.animation = false;
		if (!o.backgroundColor) o.backgroundColor = '#fff';
		c.setOption(o);
		return c.renderToSVGString();
	} finally {
		c.dispose();
	}
})`

func load() error {
	src, err := os.ReadFile(home.ECharts())
	if err != nil {
		return err
	}
	rt := goja.New()
	nop := func(goja.FunctionCall) goja.Value { return rt.ToValue(0) }
	for _, name := range []string{"setTimeout", "clearTimeout", "setInterval", "clearInterval"} {
		if err := rt.Set(name, nop); err != nil {
			return err
		}
	}
	if _, err := rt.RunScript("echarts.min.js", string(src)); err != nil {
		return fmt.Errorf("loading %s: %w", home.ECharts(), err)
	}
	v, err := rt.RunString(drawScript)
	if err != nil {
		return err
	}
	fn, ok := goja.AssertFunction(v)
	if !ok {
		return fmt.Errorf("loading %s: no function", home.ECharts())
	}
	vm, draw = rt, fn
	return nil
}

const (
	circle = `<path d="M1 0A1 1 0 1 1 1 -0\.\d+A1 1 0 0 1 1 0" transform="matrix\(([\d.]+),0,0,[\d.]+,([-\d.]+),([-\d.]+)\)"( fill="[^"]*"(?: fill-opacity="[^"]*")?)></path>`
	family = "font-family:sans-serif;"
	size   = "font-size:12px;"
)

var (
	ids     = regexp.MustCompile(`\bzr\d+-`)
	dropped = regexp.MustCompile(`(?s)<style\s*>.*?</style>| class="zr-cls-\d+"| ecmeta_\w+="[^"]*"| pointer-events="visible"`)
	circles = regexp.MustCompile(circle)
	places  = regexp.MustCompile(`(<text dominant-baseline="central" text-anchor="\w+"(?: style="[^"]*")?) transform="translate\(([-\d.]+) ([-\d.]+)\)"`)
	stops   = regexp.MustCompile(`<stop offset="\d*[1-9](?:\.\d+)?%"[^>]*></stop>`) // all but those at 0, 10, 20 … %
	blank   = regexp.MustCompile(`>\s+<`)
)

// tidy makes the picture the same however many were drawn before, drops what serves a page's scripts only, and says
// shorter what a chart says a thousand times: a point takes 45 bytes instead of 120.
func tidy(svg string) string {
	svg = ids.ReplaceAllString(svg, "zr-")
	svg = dropped.ReplaceAllString(svg, "")
	svg = circles.ReplaceAllString(svg, `<circle cx="$2" cy="$3" r="$1"$4/>`)
	svg = stops.ReplaceAllString(svg, "")
	svg = strings.ReplaceAll(svg, family, "")
	svg = strings.ReplaceAll(svg, ` style="`+size+`"`, "")
	svg = places.ReplaceAllString(svg, `$1 x="$2" y="$3"`)
	svg = strings.ReplaceAll(strings.ReplaceAll(svg, "></path>", "/>"), "></stop>", "/>")
	svg = strings.Replace(svg, "<svg ", `<svg style="`+size+family+`" `, 1)
	return strings.TrimSpace(blank.ReplaceAllString(svg, "><"))
}
