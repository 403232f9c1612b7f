package widgets

import "encoding/json"

// Output shows what is printed and displayed while [Output.Run] runs, in a place of its own.
type Output struct{ *model }

// NewOutput makes an empty place.
func NewOutput(options ...Option) *Output {
	m := bare("Output", outputs, outputsVersion, "OutputView")
	texts(m, "msg_id")
	list := newProp(m, "outputs", []json.RawMessage{})
	list.silent = true // the kernel has told all clients
	m.open(options)
	return &Output{m}
}

// Run calls f, and what is printed and displayed meanwhile goes to the widget, below what is there: what f prints, and also
// what others print at the same time, since a process has one standard output. A panic of f is shown there and goes no
// further. Outside a notebook, Run calls f.
func (o *Output) Run(f func()) {
	if comm := o.comm.Load(); comm != nil {
		comm.Capture(f)
	} else {
		f()
	}
}

// Clear empties the widget, at once or (wait) when something else is shown in it or Run returns, which avoids flicker.
func (o *Output) Clear(wait bool) {
	if comm := o.comm.Load(); comm != nil {
		comm.ClearCaptured(wait)
	}
}
