package widgets

import "reflect"

// Option says how a widget looks or behaves, when it is made or, with Set, later. One that does not apply is ignored.
type Option interface{ apply(*model) }

type option func(*model)

func (o option) apply(m *model) { o(m) }

// with assigns a trait, if the widget has it.
func with(name string, v any) Option {
	return option(func(m *model) {
		if t := m.traits[name]; t != nil {
			t.assign(v)
		}
	})
}

// Description is the label beside a control, or the text of a button.
func Description(text string) Option { return with("description", text) }

// DescriptionHTML is Description with HTML in it; its author escapes what comes from data.
func DescriptionHTML(html string) Option {
	return option(func(m *model) {
		with("description", html).apply(m)
		with("description_allow_html", true).apply(m)
	})
}

// Tooltip is shown when the mouse rests on the widget.
func Tooltip(text string) Option { return with("tooltip", text) }

// Disabled keeps people from changing the widget.
func Disabled(yes bool) Option { return with("disabled", yes) }

// Step is how far a number moves at a time.
func Step(step float64) Option {
	return option(func(m *model) {
		if t := m.traits["step"]; t != nil && !t.assign(step) {
			t.assign(int(step))
		}
	})
}

// Vertical stands a slider, a progress bar or radio buttons upright, or lays them with false.
func Vertical(yes bool) Option {
	if yes {
		return with("orientation", "vertical")
	}
	return with("orientation", "horizontal")
}

// Readout shows the number beside a slider.
func Readout(yes bool) Option { return with("readout", yes) }

// ReadoutFormat is how that number is written, as d3-format says: ".2f", "d", ".3g".
func ReadoutFormat(format string) Option { return with("readout_format", format) }

// ContinuousUpdate makes values change while a slider is dragged or a text is typed, not only after it.
func ContinuousUpdate(yes bool) Option { return with("continuous_update", yes) }

// Placeholder is shown in an empty text.
func Placeholder(text string) Option { return with("placeholder", text) }

// Rows is the height of a text area or of a list.
func Rows(n int) Option { return with("rows", n) }

// Icon is the name of a Font Awesome icon on a button, such as "check".
func Icon(name string) Option { return with("icon", name) }

// ButtonStyle is the look of a button: "primary", "success", "info", "warning", "danger" or "".
func ButtonStyle(look string) Option { return with("button_style", look) }

// BarStyle is the look of a progress bar: "success", "info", "warning", "danger" or "".
func BarStyle(look string) Option { return with("bar_style", look) }

// Accept is what files [FileUpload] offers: ".csv", "image/*".
func Accept(what string) Option { return with("accept", what) }

// Multiple lets [FileUpload] take several files.
func Multiple(yes bool) Option { return with("multiple", yes) }

// Interval is the milliseconds between two values of [Play].
func Interval(milliseconds int) Option { return with("interval", milliseconds) }

// Titles are the headings of the children of [Accordion] and [Tab].
func Titles(titles ...string) Option { return with("titles", titles) }

// Layout places a widget on the page. Its fields are the properties of CSS, empty ones are left alone.
type Layout struct {
	Width, Height, MinWidth, MinHeight, MaxWidth, MaxHeight       string
	Margin, Padding, Border, BorderTop, BorderRight, BorderBottom string
	BorderLeft, Overflow, Display, Visibility                     string
	Flex, FlexFlow, Order, AlignContent, AlignItems, AlignSelf    string
	JustifyContent, JustifyItems, Top, Right, Bottom, Left        string
	GridArea, GridColumn, GridRow, GridGap, GridTemplateColumns   string
	GridTemplateRows, GridTemplateAreas, GridAutoColumns          string
	GridAutoRows, GridAutoFlow, ObjectFit, ObjectPosition         string
}

func (l Layout) apply(m *model) {
	if m.layout != nil {
		put(m.layout, l)
	}
}

// Style is how the parts of a widget look: colours and lengths as in CSS. Each kind of widget has some of them; those that it
// has not are ignored, and empty fields are left alone.
type Style struct {
	DescriptionWidth, HandleColor, BarColor, ButtonColor, ButtonWidth, TextColor, Background string
	FontSize, FontFamily, FontWeight, FontStyle, FontVariant, TextDecoration                 string
}

func (s Style) apply(m *model) {
	if m.style != nil {
		put(m.style, s)
	}
}

// put assigns the fields that are not empty to the traits of their names.
func put(m *model, fields any) {
	v := reflect.ValueOf(fields)
	m.change(func() {
		for i := range v.NumField() {
			if text := v.Field(i).String(); text != "" {
				name := snake(v.Type().Field(i).Name)
				for _, name := range sides(name) {
					if t := m.traits[name]; t != nil {
						t.assign(text)
					}
				}
			}
		}
	})
}

// sides is the traits of a field: "border" is short for four.
func sides(name string) []string {
	if name == "border" {
		return []string{"border_top", "border_right", "border_bottom", "border_left"}
	}
	return []string{name}
}

// snake is a name as Python writes it: "MinWidth" is "min_width".
func snake(name string) string {
	var b []byte
	for i, c := range []byte(name) {
		if 'A' <= c && c <= 'Z' {
			if i > 0 {
				b = append(b, '_')
			}
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b)
}

func layoutModel() *model {
	m := &model{name: "Layout", traits: map[string]trait{}, static: map[string]any{
		"_model_module": base, "_model_module_version": baseVersion, "_model_name": "LayoutModel",
		"_view_module": base, "_view_module_version": baseVersion, "_view_name": "LayoutView", "_view_count": nil,
	}}
	for f := range fieldNames[Layout] {
		if f != "Border" {
			optional(m, snake(f))
		}
	}
	return m
}

// styles has the traits of each kind of style: those that begin empty, and those that begin null.
var styles = map[string][2][]string{
	"ButtonStyle":        {nil, {"button_color", "font_family", "font_size", "font_style", "font_variant", "font_weight", "text_color", "text_decoration"}},
	"SliderStyle":        {{"description_width"}, {"handle_color"}},
	"ProgressStyle":      {{"description_width"}, {"bar_color"}},
	"DescriptionStyle":   {{"description_width"}, nil},
	"ToggleButtonsStyle": {{"description_width", "button_width", "font_weight"}, nil},
	"TextStyle":          {{"description_width"}, {"background", "font_size", "text_color"}},
	"CheckboxStyle":      {{"description_width"}, {"background"}},
	"ToggleButtonStyle":  {{"description_width"}, {"font_family", "font_size", "font_style", "font_variant", "font_weight", "text_color", "text_decoration"}},
	"LabelStyle": {{"description_width"}, {"background", "font_family", "font_size", "font_style", "font_variant", "font_weight", "text_color",
		"text_decoration"}},
	"HTMLStyle":     {{"description_width"}, {"background", "font_size", "text_color"}},
	"HTMLMathStyle": {{"description_width"}, {"background", "font_size", "text_color"}},
}

func styleModel(name string) *model {
	m := &model{name: name, traits: map[string]trait{}, static: map[string]any{
		"_model_module": controls, "_model_module_version": controlsVersion, "_model_name": name + "Model",
		"_view_module": base, "_view_module_version": baseVersion, "_view_name": "StyleView", "_view_count": nil,
	}}
	texts(m, styles[name][0]...)
	optional(m, styles[name][1]...)
	return m
}

func fieldNames[T any](yield func(string) bool) {
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		if !yield(t.Field(i).Name) {
			return
		}
	}
}
