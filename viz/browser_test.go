package viz

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golab/viz/internal/page"
)

// findings is what the page reports of itself, in an element that the browser's dump of the page holds.
type findings struct {
	Errors   []string // uncaught ones, and what was written to the console
	Charts   int      // elements of charts
	Pictures int      // static pictures that loaded
	Live     int      // canvases with something on them
	Blank    int      // canvases with nothing on them
	Hidden   int      // pictures below a live chart
	Loaded   []string // what was fetched
	Defined  int      // calls of the page's own define
	Global   bool     // ECharts became a global of the page
	Hacked   any
	Dark     int // live charts drawn for a dark page
}

const watch = `<script>
var errors = [];
addEventListener('error', e => errors.push(String(e.message || e.target && e.target.outerHTML)), true);
addEventListener('unhandledrejection', e => errors.push(String(e.reason)));
for (const k of ['error', 'warn']) { const f = console[k]; console[k] = (...a) => { errors.push(a.map(String).join(' ')); f.apply(console, a) } }
</script>`

const report = `<script>
setTimeout(function () {
  var f = {Errors: errors, Charts: 0, Pictures: 0, Live: 0, Blank: 0, Hidden: 0, Dark: 0, Defined: window.defined || 0,
    Global: 'echarts' in window || 'golabExports' in window, Hacked: window.hacked || null,
    Loaded: performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))};
  document.querySelectorAll('.golab-chart').forEach(function (el) {
    f.Charts++;
    var img = el.querySelector('img');
    if (img.complete && img.naturalWidth > 0) f.Pictures++;
    if (img.style.visibility === 'hidden') f.Hidden++;
  });
  document.querySelectorAll('.golab-chart canvas').forEach(function (c) {
    var px = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, drawn = 0, light = 0;
    for (var i = 0; i < px.length; i += 4) if (px[i + 3] > 0) { drawn++; if (px[i] > 170 && px[i + 1] > 170 && px[i + 2] > 170) light++ }
    if (drawn > 500) f.Live++; else f.Blank++;
    if (light > 100) f.Dark++;
  });
  fetch('/findings', {method: 'POST', body: JSON.stringify(f)});
}, 3500);
</script>`

// chromium is the browser's path; the test is skipped where there is none.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed")
	return ""
}

// open shows body in a browser that reaches nothing but this test, and returns what the page found. A picture of it goes
// to $GOLAB_SCREENSHOTS, where that is set.
func open(t *testing.T, body string) findings {
	t.Helper()
	browser := chromium(t)
	found := make(chan findings, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><body>", watch, body, report)
	})
	mux.HandleFunc("POST /findings", func(_ http.ResponseWriter, r *http.Request) {
		var f findings
		if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
			f.Errors = append(f.Errors, err.Error())
		}
		select {
		case found <- f:
		default:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, browser, slices.Concat([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
			"--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--user-data-dir=" + t.TempDir(),
			"--window-size=1360,3500"}, args, []string{server.URL})...)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		return cmd
	}
	if shots := os.Getenv("GOLAB_SCREENSHOTS"); shots != "" {
		name := strings.ReplaceAll(t.Name(), "/", "-") + ".png"
		if out, err := run("--virtual-time-budget=12000", "--screenshot="+filepath.Join(shots, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		<-found
	}
	cmd := run("--remote-debugging-port=0") // which keeps it from ending once the page is there
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var f findings
	select {
	case f = <-found:
	case <-ctx.Done():
		t.Error("the page did not report")
	}
	cancel()
	_ = cmd.Wait() // interrupted
	for _, e := range f.Errors {
		t.Errorf("in the page: %s", e)
	}
	if len(f.Loaded) > 0 {
		t.Errorf("the page loaded %q", f.Loaded)
	}
	if f.Hacked != nil {
		t.Errorf("text from data ran as code: %v", f.Hacked)
	}
	if f.Global {
		t.Error("the page's globals changed")
	}
	return f
}

func gallery(t *testing.T) (body string, n int) {
	var b strings.Builder
	for _, s := range samples() {
		f := s.make()
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, `<div style="display:inline-block;vertical-align:top;width:660px;margin:5px">%s</div>`, f.MIMEBundle()[mimeHTML])
		n++
	}
	return b.String(), n
}

func echartsHTML(t *testing.T) string {
	lib, err := page.Library()
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func (f findings) allLive(t *testing.T, n int) {
	t.Helper()
	if f.Charts != n || f.Pictures != n || f.Live != n || f.Blank != 0 || f.Hidden != n {
		t.Errorf("of %d charts: %+v", n, f)
	}
}

// TestBrowser draws every kind of chart in Chromium, as the pages do that show notebooks.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	chromium(t)
	charts, n := gallery(t)
	lib := echartsHTML(t)

	t.Run("static", func(t *testing.T) { // a saved notebook whose library is gone
		t.Parallel()
		f := open(t, charts)
		if f.Pictures != n || f.Live != 0 || f.Hidden != 0 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("live", func(t *testing.T) {
		t.Parallel()
		open(t, lib+charts).allLive(t, n)
	})
	t.Run("library below, twice", func(t *testing.T) {
		t.Parallel()
		open(t, charts+lib+lib).allLive(t, n)
	})
	t.Run("same chart twice", func(t *testing.T) {
		t.Parallel()
		one := Line([]int{1, 2, 3}).MIMEBundle()[mimeHTML].(string)
		open(t, one+lib+one).allLive(t, 2)
	})
	t.Run("require", func(t *testing.T) { // nbconvert's pages
		t.Parallel()
		globals := `<script>var define = function () { window.defined = (window.defined || 0) + 1 }; define.amd = {};
			var module = {exports: {}}, exports = module.exports;</script>`
		f := open(t, globals+lib+charts)
		f.allLive(t, n)
		if f.Defined != 0 {
			t.Error("ECharts went to the page's define")
		}
	})
	t.Run("inserted", func(t *testing.T) { // JupyterLab: built outside of the page, scripts run as it comes in; then run again
		t.Parallel()
		f := open(t, insert(t, lib, charts, charts))
		f.allLive(t, n)
	})
	t.Run("dark", func(t *testing.T) {
		t.Parallel()
		f := open(t, `<script>document.body.dataset.jpThemeLight = 'false'; document.body.style.background = '#111'</script>`+lib+charts)
		f.allLive(t, n)
		if f.Dark < n-2 {
			t.Errorf("%d of %d charts have light text", f.Dark, n)
		}
	})
	t.Run("dark static", func(t *testing.T) {
		t.Parallel()
		open(t, `<script>document.body.dataset.jpThemeLight = 'false'; document.body.style.background = '#111'</script>`+charts)
	})
	t.Run("theme changed", func(t *testing.T) { // as JupyterLab does it, all styles gone for a moment
		t.Parallel()
		f := open(t, `<div id=cell>`+lib+charts+`</div><script>setTimeout(function () {
			cell.style.display = 'none';
			document.body.dataset.jpThemeLight = 'false';
			setTimeout(() => cell.style.display = '');
		}, 1500)</script>`)
		f.allLive(t, n)
		if f.Dark < n-2 {
			t.Errorf("%d of %d charts have light text", f.Dark, n)
		}
	})
	t.Run("hidden first", func(t *testing.T) { // a collapsed cell, opened later
		t.Parallel()
		f := open(t, `<div id=cell style="display:none">`+lib+charts+`</div><script>setTimeout(() => cell.style.display = '', 1500)</script>`)
		f.allLive(t, n)
	})
}

// insert is a page that shows outputs the way JupyterLab does; the last one replaces the one before it.
func insert(t *testing.T, outputs ...string) string {
	list, err := json.Marshal(outputs) // escapes < and >
	if err != nil {
		t.Fatal(err)
	}
	return `<div id=notebook></div><script>
function output(html) {
  var host = document.createElement('div');
  host.innerHTML = html;
  host.querySelectorAll('script').forEach(function (s) {
    var clone = document.createElement('script');
    for (var a of s.attributes) clone.setAttribute(a.nodeName, a.nodeValue);
    clone.textContent = s.textContent;
    s.replaceWith(clone);
  });
  return host;
}
var outputs = ` + string(list) + `, last;
outputs.forEach(function (html, i) {
  setTimeout(function () {
    var host = output(html);
    if (i === outputs.length - 1) last.replaceWith(host); else notebook.appendChild(host);
    last = host;
  }, 600 * i);
});
</script>`
}
