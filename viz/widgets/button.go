package widgets

import (
	"encoding/json"
	"sync"
)

// onCustom has f called for messages of one event, beside what was called for it before.
func (m *model) onCustom(event string, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.custom
	m.custom = func(content json.RawMessage) {
		if before != nil {
			before(content)
		}
		var c struct{ Event string }
		if json.Unmarshal(content, &c) == nil && c.Event == event {
			f()
		}
	}
}

// Button is a button.
type Button struct {
	*model
	mu      sync.Mutex
	onClick []func()
}

// NewButton makes a button with a text on it.
func NewButton(text string, options ...Option) *Button {
	m := newModel("Button", "ButtonView", "ButtonStyle")
	newProp(m, "description", text)
	texts(m, "button_style", "icon")
	lies(m, "disabled")
	b := &Button{model: m}
	m.onCustom("click", b.Click)
	m.open(options)
	return b
}

// OnClick has f called at each click.
func (b *Button) OnClick(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onClick = append(b.onClick, f)
}

// Click does what a click of the button does.
func (b *Button) Click() {
	b.mu.Lock()
	all := b.onClick[:len(b.onClick):len(b.onClick)]
	b.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// Checkbox is a box to tick.
type Checkbox struct{ holder[bool] }

// NewCheckbox makes one; its [Description] is the text beside it.
func NewCheckbox(value bool, options ...Option) *Checkbox {
	m := newModel("Checkbox", "CheckboxView", "CheckboxStyle")
	described(m)
	truths(m, "indent")
	c := &Checkbox{holder[bool]{m, newProp(m, "value", value)}}
	m.open(options)
	return c
}

// ToggleButton is a button that stays pressed until it is clicked again.
type ToggleButton struct{ holder[bool] }

// NewToggleButton makes a button with a text on it.
func NewToggleButton(text string, value bool, options ...Option) *ToggleButton {
	m := newModel("ToggleButton", "ToggleButtonView", "ToggleButtonStyle")
	described(m)
	with("description", text).apply(m)
	texts(m, "button_style", "icon")
	t := &ToggleButton{holder[bool]{m, newProp(m, "value", value)}}
	m.open(options)
	return t
}

// Valid shows whether something holds.
type Valid struct{ holder[bool] }

// NewValid makes the sign.
func NewValid(value bool, options ...Option) *Valid {
	m := newModel("Valid", "ValidView", "DescriptionStyle")
	described(m)
	newProp(m, "readout", "Invalid")
	v := &Valid{holder[bool]{m, newProp(m, "value", value)}}
	m.open(options)
	return v
}
