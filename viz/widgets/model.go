package widgets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golab/kernel/nb"
)

const (
	// target is the comm under which clients make models of widgets, and protocolVersion what both speak on it; see
	// https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md.
	target          = "jupyter.widget"
	protocolVersion = "2.1.0"

	mimeView = "application/vnd.jupyter.widget-view+json"

	base, baseVersion         = "@jupyter-widgets/base", "2.0.0"
	controls, controlsVersion = "@jupyter-widgets/controls", "2.0.0"
	outputs, outputsVersion   = "@jupyter-widgets/output", "1.0.0"
)

// Widget is anything of this package that can be shown: as the last expression of a cell, with viz.Show, or in a box.
type Widget interface {
	MIMEBundle() map[string]any
	// Set changes what the options say.
	Set(options ...Option)
	// Close removes the widget from the page. It is of no use after that.
	Close()

	self() *model
}

// model is what all widgets are made of: traits that the page and the program share, each with a value at either side, and
// the comm on which changes go to and fro. It is safe for concurrent use.
type model struct {
	name   string         // such as "IntSlider"
	static map[string]any // traits that do not change
	layout *model
	style  *model
	comm   atomic.Pointer[nb.Comm] // nil until it is open, and outside a notebook

	mu     sync.Mutex
	traits map[string]trait
	custom func(content json.RawMessage) // takes messages that are no changes of traits
	events []func()                      // callbacks that wait; the first is running if busy is set
	busy   bool
}

// trait is a named part of a model's state. Its methods are called with the model's mu held.
type trait interface {
	// encode is the value as JSON holds it, binary data being []byte.
	encode() any
	// take sets the value to what a client sent, or to the nearest that is allowed. exact says that it is what was sent.
	take(raw json.RawMessage) (exact bool, err error)
	// assign sets the value to v if it has the trait's type.
	assign(v any) bool
	// changed says whether the value is another since the last call, and what to call then, at leisure.
	changed() (notify func(), ok bool)
	// settle makes the value the one that it begins with.
	settle()
	// echoes reports whether other clients are told at once of what one of them sent.
	echoes() bool
}

// newModel makes a widget of the controls of ipywidgets, without its traits.
func newModel(name, view, style string) *model {
	m := bare(name, controls, controlsVersion, view)
	if style != "" {
		m.style = styleModel(style)
	}
	return m
}

func bare(name, module, version, view string) *model {
	m := &model{name: name, traits: map[string]trait{}, layout: layoutModel(), static: map[string]any{
		"_model_module": module, "_model_module_version": version, "_model_name": name + "Model",
		"_view_module": module, "_view_module_version": version, "_view_name": view,
		"_view_count": nil, "_dom_classes": []string{}, "tabbable": nil,
	}}
	optional(m, "tooltip")
	return m
}

func (m *model) self() *model { return m }

// open shows the model to the clients, with its layout and style, after all of its traits are there. It is called once.
func (m *model) open(options []Option) {
	for _, o := range options {
		if o != nil {
			o.apply(m)
		}
	}
	m.mu.Lock()
	for _, t := range m.traits {
		t.settle()
	}
	m.mu.Unlock()
	if !nb.Live() {
		return
	}
	for _, part := range []*model{m.layout, m.style} {
		if part != nil {
			part.open(nil)
		}
	}
	m.mu.Lock()
	state := m.state()
	m.mu.Unlock()
	paths, buffers := split(state)
	comm, err := nb.OpenComm(target, map[string]any{"state": state, "buffer_paths": paths}, map[string]any{"version": protocolVersion}, buffers...)
	if err != nil {
		fmt.Fprintf(os.Stderr, "golab: the widget %s can't be shown: %v\n", m.name, err)
		return
	}
	m.comm.Store(comm)
	register(comm.ID(), m)
	comm.OnMessage(m.receive)
	comm.OnClose(func(nb.CommMessage) { forget(comm.ID()) })
}

// state is all traits. m.mu is held.
func (m *model) state() map[string]any {
	s := maps.Clone(m.static)
	for name, t := range m.traits {
		s[name] = t.encode()
	}
	if m.layout != nil {
		s["layout"] = m.layout.reference()
	}
	if m.style != nil {
		s["style"] = m.style.reference()
	}
	return s
}

// reference is how other models name this one.
func (m *model) reference() any {
	if comm := m.comm.Load(); comm != nil {
		return "IPY_MODEL_" + comm.ID()
	}
	return nil
}

// Close removes the widget from the page. It is of no use after that.
func (m *model) Close() {
	for _, part := range []*model{m, m.layout, m.style} {
		if part == nil {
			continue
		}
		if comm := part.comm.Load(); comm != nil {
			forget(comm.ID())
			comm.Close()
		}
	}
}

// Set changes what the options say; those that do not apply to the widget are ignored.
func (m *model) Set(options ...Option) {
	m.change(func() {
		for _, o := range options {
			if o != nil {
				o.apply(m)
			}
		}
	})
}

// change runs f, which assigns traits, tells the clients what it changed, and calls those who observe that.
func (m *model) change(f func()) {
	m.mu.Lock()
	f()
	var notify []func()
	state := map[string]any{}
	for name, t := range m.traits {
		if n, ok := t.changed(); ok {
			state[name] = t.encode()
			notify = append(notify, n)
		}
	}
	if len(state) > 0 {
		m.tell(nil, "update", state)
	}
	m.mu.Unlock()
	for _, n := range notify {
		n()
	}
}

// tell sends part of the state to the clients. m.mu is held, so that changes arrive in their order.
func (m *model) tell(to *nb.CommMessage, method string, state map[string]any) {
	comm := m.comm.Load()
	if comm == nil {
		return
	}
	paths, buffers := split(state)
	data := map[string]any{"method": method, "state": state, "buffer_paths": paths}
	var err error
	if to != nil {
		err = comm.Reply(*to, data, buffers...)
	} else {
		err = comm.Send(data, buffers...)
	}
	if err != nil && err != nb.ErrCommClosed {
		fmt.Fprintf(os.Stderr, "golab: a change of the widget %s can't be shown: %v\n", m.name, err)
	}
}

// receive takes a message of a client. What is not allowed is not done, and the client is told the value that stays.
func (m *model) receive(msg nb.CommMessage) {
	var data struct {
		Method      string
		State       map[string]json.RawMessage
		BufferPaths [][]any `json:"buffer_paths"`
		Content     json.RawMessage
	}
	if json.Unmarshal(msg.Data, &data) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch data.Method {
	case "request_state":
		m.tell(&msg, "update", m.state())
	case "custom":
		if f := m.custom; f != nil {
			m.later(func() { f(data.Content) })
		}
	case "update":
		join(data.State, data.BufferPaths, msg.Buffers)
		echo, other := map[string]any{}, map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(data.State)) {
			t := m.traits[name]
			if t == nil {
				continue
			}
			exact, err := t.take(data.State[name])
			if err == nil && t.echoes() {
				echo[name] = data.State[name]
			}
			if err != nil || !exact {
				other[name] = t.encode()
			}
		}
		// A value may have moved others: a smaller maximum takes the value with it.
		for name, t := range m.traits {
			notify, ok := t.changed()
			if !ok {
				continue
			}
			if _, sent := data.State[name]; !sent {
				other[name] = t.encode()
			}
			m.later(notify)
		}
		if len(echo) > 0 {
			m.tell(&msg, "echo_update", echo)
		}
		if len(other) > 0 {
			m.tell(&msg, "update", other)
		}
	}
}

// later calls f when those that wait before it have returned. m.mu is held.
func (m *model) later(f func()) {
	m.events = append(m.events, f)
	m.next()
}

func (m *model) next() {
	if m.busy || len(m.events) == 0 {
		return
	}
	f := m.events[0]
	m.events = m.events[1:]
	m.busy = true
	nb.Go(func() {
		defer func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.busy = false
			m.next()
		}()
		f()
	})
}

// MIMEBundle implements the notebook's display.
func (m *model) MIMEBundle() map[string]any {
	b := map[string]any{"text/plain": m.String()}
	if comm := m.comm.Load(); comm != nil {
		b[mimeView] = map[string]any{"version_major": 2, "version_minor": 0, "model_id": comm.ID()}
	}
	return b
}

// String is the widget's kind and what it holds, for places that show no widgets.
func (m *model) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var parts []string
	for _, name := range []string{"value", "index", "min", "max", "options", "description"} {
		if t := m.traits[name]; t != nil {
			v := t.encode()
			if s, ok := v.(string); ok {
				if v = strconv.Quote(s); s == "" && name != "value" {
					continue
				}
			}
			if raw, ok := v.([]byte); ok {
				v = fmt.Sprintf("%d bytes", len(raw))
			}
			parts = append(parts, fmt.Sprintf("%s=%v", name, v))
		}
	}
	return m.name + "(" + strings.Join(parts, ", ") + ")"
}

// split takes binary data out of state: JSON has none, so it travels beside it, with the path of each piece.
func split(state map[string]any) (paths [][]any, buffers [][]byte) {
	paths = [][]any{}
	var walk func(v any, path []any) (any, bool)
	walk = func(v any, path []any) (any, bool) {
		switch v := v.(type) {
		case []byte:
			paths, buffers = append(paths, slices.Clone(path)), append(buffers, v)
			return nil, true
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				if _, cut := walk(v[k], append(path, k)); cut {
					delete(v, k)
				}
			}
		case []any:
			for i := range v {
				if _, cut := walk(v[i], append(path, i)); cut {
					v[i] = nil
				}
			}
		}
		return v, false
	}
	walk(state, nil)
	return paths, buffers
}

// join puts binary data back to where split took it from, as encoding/json writes []byte. Paths that lead nowhere are ignored.
func join(state map[string]json.RawMessage, paths [][]any, buffers [][]byte) {
	for i, path := range paths {
		if i >= len(buffers) || len(path) == 0 {
			return
		}
		name, _ := path[0].(string)
		if len(path) == 1 {
			state[name], _ = json.Marshal(buffers[i])
			continue
		}
		var tree any
		dec := json.NewDecoder(bytes.NewReader(state[name]))
		dec.UseNumber()
		if dec.Decode(&tree) != nil {
			continue
		}
		at := tree
		for depth, step := range path[1:] {
			last := depth == len(path)-2
			switch node := at.(type) {
			case map[string]any:
				key, _ := step.(string)
				if last {
					node[key] = buffers[i]
				}
				at = node[key]
			case []any:
				n, ok := step.(float64)
				if !ok || n < 0 || int(n) >= len(node) {
					at = nil
					continue
				}
				if last {
					node[int(n)] = buffers[i]
				}
				at = node[int(n)]
			}
		}
		if raw, err := json.Marshal(tree); err == nil {
			state[name] = raw
		}
	}
}
