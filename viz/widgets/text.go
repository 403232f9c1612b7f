package widgets

// holder is a widget that holds one value of any kind.
type holder[T any] struct {
	*model
	value *prop[T]
}

// Value is what the widget holds.
func (h holder[T]) Value() T { return h.value.get() }

// SetValue changes it.
func (h holder[T]) SetValue(v T) { h.value.set(v) }

// OnChange has f called when the value has changed.
func (h holder[T]) OnChange(f func(old, new T)) { h.value.observe(f) }

func written(name, view, value string) holder[string] {
	m := newModel(name, view, "TextStyle")
	described(m)
	truths(m, "continuous_update")
	newProp(m, "placeholder", "\u200b")
	return holder[string]{m, newProp(m, "value", value)}
}

// submitted is a line of text that may be ended.
type submitted struct{ holder[string] }

// OnSubmit has f called when the person at the page presses Enter.
func (s submitted) OnSubmit(f func(text string)) {
	s.onCustom("submit", func() { f(s.Value()) })
}

// Text is a line of text.
type Text struct{ submitted }

// NewText makes a line.
func NewText(value string, options ...Option) *Text {
	t := &Text{submitted{written("Text", "TextView", value)}}
	t.open(options)
	return t
}

// Password is a line of text that is not shown. (It is in the notebook's memory and messages as it is, like any value.)
type Password struct{ submitted }

// NewPassword makes a line.
func NewPassword(options ...Option) *Password {
	p := &Password{submitted{written("Password", "PasswordView", "")}}
	p.open(options)
	return p
}

// Textarea is a text of several lines.
type Textarea struct{ holder[string] }

// NewTextarea makes one.
func NewTextarea(value string, options ...Option) *Textarea {
	t := &Textarea{written("Textarea", "TextareaView", value)}
	newProp(t.model, "rows", 0).out = func(n int) any {
		if n <= 0 {
			return nil
		}
		return n
	}
	t.open(options)
	return t
}

// Combobox is a line of text that suggests what may be typed.
type Combobox struct{ submitted }

// NewCombobox makes one.
func NewCombobox(value string, suggestions []string, options ...Option) *Combobox {
	c := &Combobox{submitted{written("Combobox", "ComboboxView", value)}}
	newProp(c.model, "options", append([]string{}, suggestions...))
	lies(c.model, "ensure_option")
	c.open(options)
	return c
}

func shown(name, view, style, value string) holder[string] {
	m := newModel(name, view, style)
	texts(m, "description")
	lies(m, "description_allow_html")
	newProp(m, "placeholder", "\u200b")
	return holder[string]{m, newProp(m, "value", value)}
}

// Label is text that the program shows, with formulas between dollar signs.
type Label struct{ holder[string] }

// NewLabel makes one.
func NewLabel(text string, options ...Option) *Label {
	l := &Label{shown("Label", "LabelView", "LabelStyle", text)}
	l.open(options)
	return l
}

// HTML is HTML that the program shows; its author escapes what comes from data.
type HTML struct{ holder[string] }

// NewHTML makes one.
func NewHTML(html string, options ...Option) *HTML {
	h := &HTML{shown("HTML", "HTMLView", "HTMLStyle", html)}
	h.open(options)
	return h
}

// HTMLMath is HTML with formulas between dollar signs.
type HTMLMath struct{ holder[string] }

// NewHTMLMath makes one.
func NewHTMLMath(html string, options ...Option) *HTMLMath {
	h := &HTMLMath{shown("HTMLMath", "HTMLMathView", "HTMLMathStyle", html)}
	h.open(options)
	return h
}
