package session

import (
	"context"
	_ "embed"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/output"
	"golab/kernel/nb"
)

const (
	// gonbTarget is the comm that gonb_comm.js opens. It ends here, not in the worker: the programs' side of it is GoNB's
	// named pipes.
	gonbTarget = "gonb_comm"
	// gonbScripts begins the identifier of the display in which gonbui runs Javascript, one for a whole process.
	gonbScripts = "gonb_transient_js_"
	// maxGonbWaiting is how many values for the browser are kept until there is one.
	maxGonbWaiting = 1000
)

//go:embed gonb_comm.js
var gonbJavascript string

// gonbComm connects programs that use GoNB's gonbui/comms and gonbui/widgets with the Javascript that these run in the
// browser. The two talk of values at addresses; see https://github.com/janpfeifer/gonb/blob/main/docs/FrontEndCommunication.md.
type gonbComm struct {
	kernel string
	sink   func() engine.Sink

	mu      sync.Mutex
	back    *gob.Encoder
	pages   map[string]bool   // the comms of the pages that are connected
	wanted  map[string]bool   // addresses that the program listens to; it would hang at a value for any other
	waiting []json.RawMessage // for the first page
	cell    engine.Sink       // where gonbui was used last
	cells   int               // how many there were
	script  string            // identifier of the display that holds gonb_comm.js; empty when it was removed
}

func newGonbComm(sink func() engine.Sink, back *gob.Encoder, kernel string) *gonbComm {
	return &gonbComm{kernel: kernel, sink: sink, back: back, pages: map[string]bool{}, wanted: map[string]bool{}}
}

// program takes what a program sent, if that is not something to display.
func (g *gonbComm) program(d protocol.DisplayData) bool {
	if v, ok := d.Data[protocol.MIMECommValue]; ok {
		if v, ok := v.(protocol.CommValue); ok {
			g.value(v)
		}
		return true
	}
	if v, ok := d.Data[protocol.MIMECommSubscribe]; ok {
		if v, ok := v.(protocol.CommSubscription); ok {
			g.mu.Lock()
			g.wanted[v.Address] = !v.Unsubscribe
			g.mu.Unlock()
			if !v.Unsubscribe {
				g.install()
			}
		}
		return true
	}
	return false
}

// value takes a value for the browser, or a question.
func (g *gonbComm) value(v protocol.CommValue) {
	switch {
	case v.Address == protocol.GonbuiSyncAddress:
		g.answer(protocol.GonbuiSyncAckAddress, v.Value)
		return
	case v.Address == protocol.GonbuiStartAddress:
		g.install()
		return
	}
	g.install()
	content := map[string]any{"address": v.Address, "value": v.Value}
	if v.Request {
		content = map[string]any{"address": v.Address, "read_request": true}
	}
	data, err := output.Marshal(content)
	if err != nil { // NaN
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.pages) == 0 {
		if len(g.waiting) < maxGonbWaiting {
			g.waiting = append(g.waiting, data)
		}
		return
	}
	for id := range g.pages {
		g.sink().Comm(nb.CommMessage{Type: "comm_msg", ID: id, Data: data})
	}
}

// answer sends a value to the program.
func (g *gonbComm) answer(address string, value any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.back.Encode(&protocol.CommValue{Address: address, Value: value})
}

// inCell is the identifier of a display of scripts, another one for each cell: an update would run the script where an
// earlier cell showed one, if that is still there, and there too.
func (g *gonbComm) inCell(id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.enter(g.sink())
	return fmt.Sprintf("%s_%d", id, g.cells)
}

// enter reports whether this is the first use of gonbui in the cell of out.
func (g *gonbComm) enter(out engine.Sink) bool {
	if g.cell == out {
		return false
	}
	g.cell = out
	g.cells++
	return true
}

// install runs gonb_comm.js in the browser, once in each cell: the page may be another one by now. It does nothing there if it
// runs already.
func (g *gonbComm) install() {
	out := g.sink()
	g.mu.Lock()
	id := ""
	if g.enter(out) || g.script == "" && len(g.pages) == 0 {
		id = fmt.Sprintf("golab_gonb_comm_%d", g.cells)
		g.script = id
	}
	g.mu.Unlock()
	if id != "" {
		out.Display(gonbScript(g.kernel, id))
	}
}

// gonbWidgets is %widgets.
func gonbWidgets(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	w, err := s.ensureWorker()
	if err != nil {
		return s.failed(err)
	}
	w.pump.gonbComm.install()
	return nil
}

// gonbHeartbeat is %widgets_hb.
func gonbHeartbeat(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	w, err := s.ensureWorker()
	if err != nil {
		return s.failed(err)
	}
	g := w.pump.gonbComm
	g.mu.Lock()
	connected := len(g.pages) > 0
	g.mu.Unlock()
	if !connected {
		return c.failf("no page is connected: it does not run scripts, or its server is not a Jupyter server\nhint: %%widgets connects it")
	}
	c.r.out.Stream("stdout", "the page's gonb_comm is connected\n")
	return nil
}

// gonbScript shows gonb_comm.js, which is seen by nobody and runs.
func gonbScript(kernel, id string) nb.Output {
	settings, err := json.Marshal(map[string]string{"kernel": kernel, "target": gonbTarget})
	if err != nil {
		panic(err)
	}
	js := strings.Replace(gonbJavascript, "SETTINGS", string(settings), 1)
	return nb.Output{ID: id, Data: nb.Bundle{"text/html": "<script>" + js + "</script>"}}
}

// opened takes a page that has connected.
func (g *gonbComm) opened(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pages[id] = true
	g.greet(id)
}

// greet tells a page that it is heard, and removes the script, which must not run from a saved notebook. g.mu is held.
func (g *gonbComm) greet(id string) {
	out := g.sink()
	for _, data := range append([]json.RawMessage{json.RawMessage(`{"address":"#golab/heard"}`)}, g.waiting...) {
		out.Comm(nb.CommMessage{Type: "comm_msg", ID: id, Data: data})
	}
	g.waiting = nil
	if g.script != "" {
		out.Display(nb.Output{ID: g.script, Update: true, Data: nb.Bundle{"text/html": ""}})
		g.script = ""
	}
}

// is reports whether a comm is that of a page.
func (g *gonbComm) is(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pages[id]
}

// take takes a message of a page.
func (g *gonbComm) take(m nb.CommMessage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.Type == "comm_close" {
		delete(g.pages, m.ID)
		return
	}
	var content struct {
		Address string
		Value   any
	}
	if json.Unmarshal(m.Data, &content) != nil {
		return
	}
	switch {
	case content.Address == "#golab/here":
		g.greet(m.ID)
	case g.wanted[content.Address]:
		if v := gonbValue(content.Value); v != nil {
			g.back.Encode(&protocol.CommValue{Address: content.Address, Value: v})
		}
	}
}

// gonbValue is a value of the browser in a type that programs know how to decode, see [protocol.CommValueTypes]; nil if there
// is none.
func gonbValue(v any) any {
	switch v := v.(type) {
	case string, float64:
		return v
	case bool: // not one of those types; a number is
		if v {
			return 1.0
		}
		return 0.0
	case []any:
		if list, ok := listOf[string](v); ok {
			return list
		}
		if list, ok := listOf[float64](v); ok {
			return list
		}
	case map[string]any:
		if m, ok := mapOf[string](v); ok {
			return m
		}
		if m, ok := mapOf[float64](v); ok {
			return m
		}
	}
	return nil
}

func listOf[T any](list []any) (out []T, ok bool) {
	for _, v := range list {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

func mapOf[T any](m map[string]any) (map[string]T, bool) {
	out := map[string]T{}
	for k, v := range m {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		out[k] = t
	}
	return out, true
}
