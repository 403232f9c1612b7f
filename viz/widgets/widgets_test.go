package widgets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golab/kernel/nb"
	"golab/viz/widgets"
)

// page is a notebook with one client, which keeps models as ipywidgets' manager does.
type page struct {
	t *testing.T

	mu     sync.Mutex
	news   sync.Cond
	models map[string]map[string]any // states by comm
	log    []nb.CommMessage
	shown  []string // text of displays
}

func newPage(t *testing.T) *page {
	p := &page{t: t, models: map[string]map[string]any{}}
	p.news.L = &p.mu
	nb.Attach(p)
	t.Cleanup(func() { nb.Attach(nil) })
	return p
}

// update is the data of a message about the state of a model.
type update struct {
	Method      string         `json:"method"`
	State       map[string]any `json:"state"`
	BufferPaths [][]any        `json:"buffer_paths"`
}

func (p *page) Comm(m nb.CommMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.news.Broadcast()
	p.log = append(p.log, m)
	var data update
	if err := json.Unmarshal(m.Data, &data); err != nil {
		p.t.Errorf("%s: %v", m.Data, err)
	}
	if len(data.BufferPaths) != len(m.Buffers) {
		p.t.Errorf("%d paths of %d buffers", len(data.BufferPaths), len(m.Buffers))
	}
	for i, path := range data.BufferPaths {
		if len(path) == 1 {
			data.State[path[0].(string)] = m.Buffers[i]
		}
	}
	switch m.Type {
	case "comm_open":
		if m.Target != "jupyter.widget" || m.Metadata["version"] != "2.1.0" {
			p.t.Errorf("opened to %s with %v", m.Target, m.Metadata)
		}
		p.models[m.ID] = data.State
		for name, v := range data.State {
			for _, ref := range references(v) {
				if p.models[ref] == nil {
					p.t.Errorf("%s refers to %s before that is there", name, ref)
				}
			}
		}
	case "comm_msg":
		if p.models[m.ID] == nil {
			p.t.Errorf("message on %s, which is not open", m.ID)
			return
		}
		maps.Copy(p.models[m.ID], data.State)
	case "comm_close":
		delete(p.models, m.ID)
	}
}

// references is the models that a value names.
func references(v any) (ids []string) {
	switch v := v.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, "IPY_MODEL_"); ok {
			ids = append(ids, id)
		}
	case []any:
		for _, x := range v {
			ids = append(ids, references(x)...)
		}
	}
	return ids
}

func (p *page) Display(o nb.Output) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, fmt.Sprint(o.Data["text/plain"]))
	p.news.Broadcast()
}
func (p *page) Render(v any) nb.Bundle { return nb.Bundle{"text/plain": fmt.Sprint(v)} }
func (p *page) Go(f func()) {
	go func() {
		defer func() { recover() }()
		f()
	}()
}
func (p *page) Capture(_ string, f func())                          { f() }
func (p *page) ClearCaptured(string, bool)                          {}
func (p *page) Clear(bool)                                          {}
func (p *page) Context() context.Context                            { return context.Background() }
func (p *page) Input(context.Context, string, bool) (string, error) { return "", nil }

// model is the identifier of a widget's model, which a page that shows it looks for.
func model(t *testing.T, w widgets.Widget) string {
	t.Helper()
	view, ok := w.MIMEBundle()["application/vnd.jupyter.widget-view+json"].(map[string]any)
	if !ok || view["version_major"] != 2 {
		t.Fatalf("%v shows itself as %v", w, w.MIMEBundle())
	}
	return view["model_id"].(string)
}

// trait is a trait as the page has it.
func (p *page) trait(w widgets.Widget, name string) any {
	id := model(p.t, w)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.models[id][name]
}

// send is what the manager sends when a person does something. It returns the parent that answers have.
func (p *page) send(w widgets.Widget, data string, buffers ...[]byte) string {
	parent := fmt.Sprintf(`{"msg_id":%q}`, time.Now())
	nb.DeliverComm(nb.CommMessage{Type: "comm_msg", ID: model(p.t, w), Data: json.RawMessage(data), Buffers: buffers, Parent: json.RawMessage(parent)})
	return parent
}

// wait waits until cond holds, which is looked at whenever something came.
func (p *page) wait(cond func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !cond() {
		p.news.Wait()
	}
}

// answers waits for n messages with a parent, and returns their data.
func (p *page) answers(parent string, n int) (all []update) {
	p.wait(func() bool {
		all = nil
		for _, m := range p.log {
			if string(m.Parent) == parent {
				var u update
				json.Unmarshal(m.Data, &u)
				all = append(all, u)
			}
		}
		return len(all) >= n
	})
	return all
}

// every is one widget of each kind.
func every() map[string]widgets.Widget {
	list := []string{"a"}
	return map[string]widgets.Widget{
		"Button": widgets.NewButton(""), "Checkbox": widgets.NewCheckbox(false), "ToggleButton": widgets.NewToggleButton("", false), "Valid": widgets.NewValid(false),
		"IntSlider": widgets.NewIntSlider(0, 100, 0), "FloatSlider": widgets.NewFloatSlider(0, 100, 0), "FloatLogSlider": widgets.NewFloatLogSlider(10, 0, 4, 1),
		"IntRangeSlider": widgets.NewIntRangeSlider(0, 100, 25, 75), "FloatRangeSlider": widgets.NewFloatRangeSlider(0, 100, 25, 75),
		"IntProgress": widgets.NewIntProgress(0, 100), "FloatProgress": widgets.NewFloatProgress(0, 100), "Play": widgets.NewPlay(0, 100, 0),
		"IntText": widgets.NewIntText(0), "FloatText": widgets.NewFloatText(0), "BoundedIntText": widgets.NewBoundedIntText(0, 100, 0),
		"BoundedFloatText": widgets.NewBoundedFloatText(0, 100, 0),
		"Text":             widgets.NewText(""), "Textarea": widgets.NewTextarea(""), "Password": widgets.NewPassword(), "Combobox": widgets.NewCombobox("", nil),
		"Label": widgets.NewLabel(""), "HTML": widgets.NewHTML(""), "HTMLMath": widgets.NewHTMLMath(""), "Image": widgets.NewImageFile([]byte("x"), "png"),
		"Dropdown": widgets.NewDropdown(nil), "RadioButtons": widgets.NewRadioButtons(nil), "Select": widgets.NewSelect(nil),
		"ToggleButtons": widgets.NewToggleButtons(nil), "SelectionSlider": widgets.NewSelectionSlider(list), "SelectMultiple": widgets.NewSelectMultiple(nil),
		"HBox": widgets.NewHBox(), "VBox": widgets.NewVBox(), "Box": widgets.NewBox(), "GridBox": widgets.NewGridBox(),
		"Accordion": widgets.NewAccordion(), "Tab": widgets.NewTab(), "Stack": widgets.NewStack(),
		"Output": widgets.NewOutput(), "DatePicker": widgets.NewDatePicker(time.Time{}), "ColorPicker": widgets.NewColorPicker("black"), "FileUpload": widgets.NewFileUpload(),
	}
}

// TestModels compares every model with what ipywidgets itself sends for the same widget: its state, and those of its layout
// and style. (The file was written by asking ipywidgets 8.1.9 for get_state() of each.)
func TestModels(t *testing.T) {
	raw, err := os.ReadFile("testdata/ipywidgets-8.1.9.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]any
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	p := newPage(t)
	all := every()
	widgets.JSLink(all["IntSlider"], "value", all["Play"], "value")
	widgets.JSDLink(all["IntSlider"], "value", all["Play"], "value")
	seen := map[string]bool{}
	for _, state := range p.models {
		name := state["_model_name"].(string)
		seen[name] = true
		for k := range want[name] {
			if _, ok := state[k]; !ok {
				t.Errorf("%s has no %s", name, k)
			}
		}
		for k, v := range state {
			w, ok := want[name][k]
			if b, is := v.([]byte); is {
				v = "(binary)"
				_ = b
			} else if len(references(v)) == 1 && k != "source" {
				v = "(model)"
			}
			switch {
			case !ok:
				t.Errorf("%s: ipywidgets has no %s", name, k)
			case k == "source" || k == "target", name == "FloatSliderModel" && k == "step", name == "FloatRangeSliderModel" && k == "step": // ours suit the limits
			case !reflect.DeepEqual(v, w):
				t.Errorf("%s: %s is %v, want %v", name, k, v, w)
			}
		}
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestPersonMovesASlider(t *testing.T) {
	p := newPage(t)
	s := widgets.NewIntSlider(0, 10, 5)
	changes := make(chan [2]int, 10)
	s.OnChange(func(old, new int) { changes <- [2]int{old, new} })
	parent := p.send(s, `{"method":"update","state":{"value":7},"buffer_paths":[]}`)
	if got := <-changes; got != [2]int{5, 7} || s.Value() != 7 {
		t.Errorf("%v, now %d", got, s.Value())
	}
	if got := p.answers(parent, 1); got[0].Method != "echo_update" || got[0].State["value"] != 7.0 {
		t.Errorf("answers %+v", got)
	}
	// What is too much is the most that is allowed, and the page is told.
	parent = p.send(s, `{"method":"update","state":{"value":70}}`)
	if got := <-changes; got != [2]int{7, 10} {
		t.Errorf("%v", got)
	}
	if got := p.answers(parent, 2); got[1].Method != "update" || got[1].State["value"] != 10.0 {
		t.Errorf("answers %+v", got)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	p := newPage(t)
	all := every()
	before := map[string]string{}
	for name, w := range all {
		before[name] = fmt.Sprint(w)
	}
	for _, w := range all {
		for _, data := range []string{
			`{"method":"update","state":{"value":{"a":[1]},"index":"x","children":[1,null],"outputs":3,"_options_labels":7,"min":"q","selected_index":[]}}`,
			`{"method":"update","state":{"value":[1,2,3],"index":1e300,"unknown":1}}`,
			`{"method":"update","state":null}`, `{"method":"update","state":{"value":[{}]},"buffer_paths":[["value",5,"content"],["value",0],["value"],[],[7]]}`,
			`{"method":"custom","content":5}`, `{"method":"custom"}`, `{"method":7}`, `[]`, `null`, `{}`, `"`,
		} {
			p.send(w, data, []byte("1"), []byte("2"))
		}
	}
	for name, w := range all { // answered behind the others
		got := p.answers(p.send(w, `{"method":"request_state"}`), 1)
		if got[len(got)-1].State["_model_name"] != name+"Model" {
			t.Errorf("%s answers %+v", name, got)
		}
		if now := fmt.Sprint(w); now != before[name] && name != "FileUpload" && name != "SelectMultiple" && name != "Image" {
			t.Errorf("%s became %s", before[name], now)
		}
	}
}

func TestEveryClickCounts(t *testing.T) {
	p := newPage(t)
	b := widgets.NewButton("go")
	var n int
	gate, done := make(chan bool), make(chan bool)
	b.OnClick(func() {
		<-gate
		if n++; n == 20 {
			close(done)
		}
	})
	for range 20 {
		p.send(b, `{"method":"custom","content":{"event":"click"}}`)
	}
	close(gate)
	<-done
}

func TestSlowCallbackGetsTheLatest(t *testing.T) {
	p := newPage(t)
	s := widgets.NewIntSlider(0, 1000, 0)
	gate, calls := make(chan bool), make(chan [2]int)
	s.OnChange(func(old, new int) {
		calls <- [2]int{old, new}
		<-gate
	})
	p.send(s, `{"method":"update","state":{"value":1}}`)
	<-calls
	var last string
	for v := 2; v <= 500; v++ {
		last = p.send(s, fmt.Sprintf(`{"method":"update","state":{"value":%d}}`, v))
	}
	p.answers(last, 1) // all have arrived
	close(gate)
	if got := <-calls; got != [2]int{1, 500} {
		t.Errorf("the second call is for %v", got)
	}
}

func TestPanicInACallbackEndsNothing(t *testing.T) {
	p := newPage(t)
	s := widgets.NewIntSlider(0, 10, 0)
	calls := make(chan int)
	s.OnChange(func(_, new int) {
		calls <- new
		if new == 1 {
			panic("one")
		}
	})
	p.send(s, `{"method":"update","state":{"value":1}}`)
	<-calls
	p.send(s, `{"method":"update","state":{"value":2}}`)
	if got := <-calls; got != 2 {
		t.Error(got)
	}
}

func TestProgramChangesWhatThePageShows(t *testing.T) {
	p := newPage(t)
	s := widgets.NewFloatSlider(0, 1, 0.5, widgets.Description("rate"), widgets.Layout{Width: "50%", Border: "1px solid"}, widgets.Style{HandleColor: "red"}, widgets.Vertical(true))
	if got := p.trait(s, "description"); got != "rate" || p.trait(s, "orientation") != "vertical" || p.trait(s, "step") != 0.01 {
		t.Error(got)
	}
	layout := p.models[references(p.trait(s, "layout"))[0]]
	if layout["width"] != "50%" || layout["border_left"] != "1px solid" || p.models[references(p.trait(s, "style"))[0]]["handle_color"] != "red" {
		t.Errorf("layout %v", layout)
	}
	s.SetValue(2)
	s.Set(widgets.Description("other"), widgets.Disabled(true), widgets.Rows(3), nil, widgets.Layout{Width: "20%"})
	if p.trait(s, "value") != 1.0 || p.trait(s, "description") != "other" || p.trait(s, "disabled") != true || layout["width"] != "20%" {
		t.Errorf("%v; %v", s, layout)
	}
	var nan float64
	s.SetValue(nan / nan)
	if s.Value() != 1 {
		t.Error(s.Value())
	}
	d := widgets.NewDropdown([]string{"a", "b"})
	d.SetIndex(1)
	d.SetOptions([]string{"x", "b", "y"})
	if p.trait(d, "index") != 1.0 || d.Value() != "b" {
		t.Error(d)
	}
	r := widgets.NewIntRangeSlider(0, 10, 8, 3)
	if from, to := r.Value(); from != 3 || to != 8 {
		t.Error(from, to)
	}
	s.Close()
	if len(p.models) != 6 { // the other two, with layouts and styles
		t.Errorf("%d models are left", len(p.models))
	}
}

func TestPageThatWasLoadedAnewAsksForAll(t *testing.T) {
	p := newPage(t)
	img, err := widgets.NewImage(image.NewGray(image.Rect(0, 0, 2, 2)))
	if err != nil {
		t.Fatal(err)
	}
	s := widgets.NewIntSlider(0, 10, 3)
	p.mu.Lock()
	p.models["control"] = map[string]any{} // the page opens it
	p.mu.Unlock()
	nb.DeliverComm(nb.CommMessage{Type: "comm_open", ID: "control", Target: "jupyter.widget.control", Data: json.RawMessage("{}")})
	nb.DeliverComm(nb.CommMessage{Type: "comm_msg", ID: "control", Data: json.RawMessage(`{"method":"request_states"}`)})
	var answer nb.CommMessage
	p.wait(func() bool {
		i := slices.IndexFunc(p.log, func(m nb.CommMessage) bool { return m.ID == "control" })
		if i >= 0 {
			answer = p.log[i]
		}
		return i >= 0
	})
	var data struct {
		Method string
		States map[string]struct {
			Name  string `json:"model_name"`
			State map[string]any
		}
		BufferPaths [][]any `json:"buffer_paths"`
	}
	if err := json.Unmarshal(answer.Data, &data); err != nil {
		t.Fatal(err)
	}
	if data.Method != "update_states" || data.States[model(t, s)].State["value"] != 3.0 || data.States[model(t, s)].Name != "IntSliderModel" {
		t.Errorf("%s", answer.Data)
	}
	i := slices.IndexFunc(data.BufferPaths, func(path []any) bool { return reflect.DeepEqual(path, []any{model(t, img), "state", "value"}) })
	if i < 0 || !strings.HasPrefix(string(answer.Buffers[i]), "\x89PNG") {
		t.Errorf("buffers at %v", data.BufferPaths)
	}
	nb.DeliverComm(nb.CommMessage{Type: "comm_close", ID: "control"})
}

func TestUpload(t *testing.T) {
	p := newPage(t)
	u := widgets.NewFileUpload(widgets.Multiple(true))
	got := make(chan []widgets.File, 1)
	u.OnUpload(func(files []widgets.File) { got <- files })
	p.send(u, `{"method":"update","state":{"value":[{"name":"a","type":"text/plain","size":2,"last_modified":5},{"name":"b","size":1}]},
		"buffer_paths":[["value",0,"content"],["value",1,"content"]]}`, []byte("xy"), []byte("z"))
	files := <-got
	if len(files) != 2 || string(files[0].Content) != "xy" || files[1].Name != "b" || string(files[1].Content) != "z" || files[0].Modified.UnixMilli() != 5 {
		t.Errorf("%+v", files)
	}
}

func TestInteract(t *testing.T) {
	p := newPage(t)
	type level int8
	var mu sync.Mutex
	var got []string
	i := widgets.Interact(func(n level, f float64, s string, b bool, pick time.Duration, w int) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%v %v %v %v %v %v", n, f, s, b, pick, w))
		return "returned", nil
	}, widgets.Named("n", 5), widgets.Between(0.0, 2.0), "text", true, map[string]time.Duration{"b": time.Hour, "a": time.Second}, widgets.NewIntText(9))
	if want := []string{"5 1 text true 1s 9"}; !slices.Equal(got, want) || !slices.Equal(p.shown, []string{"returned"}) {
		t.Errorf("%q, shown %q", got, p.shown)
	}
	children := i.Children()
	if p.trait(children[0], "min") != -5.0 || p.trait(children[0], "max") != 15.0 || p.trait(children[0], "description") != "n" {
		t.Errorf("%v", children[0])
	}
	p.send(children[4], `{"method":"update","state":{"index":1}}`)
	p.wait(func() bool { return len(p.shown) == 2 })
	p.send(children[5], `{"method":"update","state":{"value":10}}`)
	p.wait(func() bool { return len(p.shown) == 3 })
	mu.Lock()
	defer mu.Unlock()
	if got[2] != "5 1 text true 1h0m0s 10" {
		t.Errorf("%q", got)
	}
}

func TestInteractLastChangeWins(t *testing.T) {
	p := newPage(t)
	gate, calls := make(chan bool, 1), make(chan int)
	gate <- true
	go func() { <-calls }()
	i := widgets.Interact(func(n int) {
		calls <- n
		<-gate
	}, widgets.Between(0, 100))
	s := i.Children()[0]
	p.send(s, `{"method":"update","state":{"value":1}}`)
	<-calls
	var last string
	for v := 2; v <= 60; v++ {
		last = p.send(s, fmt.Sprintf(`{"method":"update","state":{"value":%d}}`, v))
	}
	p.answers(last, 1)
	close(gate)
	for n := range calls {
		if n == 60 {
			return
		}
		if n != 1 {
			t.Logf("called for %d", n)
		}
	}
}

func TestInteractSaysWhatIsWrong(t *testing.T) {
	newPage(t)
	for want, call := range map[string]func(){
		"int is not a function":             func() { widgets.Interact(5) },
		"<nil> is not a function":           func() { widgets.Interact(nil) },
		"2 arguments for 1 parameters":      func() { widgets.Interact(func(int) {}, 1, 2) },
		"argument 1: a string does not say": func() { widgets.Interact(func(int) {}, "x") },
		"argument 2: there is nothing":      func() { widgets.Interact(func(int, string) {}, 1, []string{}) },
		"variable number":                   func() { widgets.Interact(func(...int) {}) },
		"the value of a *widgets.Text":      func() { widgets.Interact(func(int) {}, widgets.NewText("")) },
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.Contains(r, want) {
					t.Errorf("%q, want %q", r, want)
				}
			}()
			call()
		}()
	}
}

func TestOutsideANotebook(t *testing.T) {
	nb.Attach(nil)
	s := widgets.NewIntSlider(0, 10, 5)
	n := 0
	s.OnChange(func(_, new int) { n = new })
	s.SetValue(8)
	out := widgets.NewOutput()
	out.Clear(false)
	out.Run(func() { n++ })
	widgets.NewVBox(s, out).Close()
	if n != 9 || s.MIMEBundle()["text/plain"] != "IntSlider(value=8, min=0, max=10)" || len(s.MIMEBundle()) != 1 {
		t.Error(n, s.MIMEBundle())
	}
}

func TestBoxHoldsNoNonsense(t *testing.T) {
	p := newPage(t)
	b := widgets.NewVBox(nil, widgets.NewLabel("x"))
	b.SetChildren(b, b.Children()[0], nil)
	if len(b.Children()) != 1 || len(references(p.trait(b, "children"))) != 1 {
		t.Error(b.Children())
	}
	b.Children()[0].Close()
	other := widgets.NewHBox(b)
	b.SetChildren(other) // in a circle: nothing hangs
}
