package widgets

import (
	"encoding/json"
	"fmt"
	"slices"
)

// choice is one of several texts, or none.
type choice struct {
	*model
	labels *prop[[]string]
	index  *prop[int] // -1 for none, which the protocol calls null
}

func newChoice(m *model, labels []string) choice {
	c := choice{m, newProp(m, "_options_labels", append([]string{}, labels...)), newProp(m, "index", 0)}
	c.index.out = func(i int) any {
		if i < 0 {
			return nil
		}
		return i
	}
	c.index.in = func(raw json.RawMessage) (int, error) {
		if string(raw) == "null" {
			return -1, nil
		}
		i, err := whole[int](raw)
		if err == nil && (i < 0 || i >= len(c.labels.value)) {
			err = fmt.Errorf("there is no option %d", i)
		}
		return i, err
	}
	c.index.fix = func(i int) int { return min(max(i, -1), len(c.labels.value)-1) }
	c.labels.in = func(json.RawMessage) ([]string, error) { return nil, fmt.Errorf("the program sets the options") }
	c.index.put(0)
	return c
}

// Value is the chosen text; empty if none is.
func (c choice) Value() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(c.index.value)
}

func (c choice) at(i int) string {
	if i < 0 || i >= len(c.labels.value) {
		return ""
	}
	return c.labels.value[i]
}

// Index is the place of the chosen text among the options; -1 if none is chosen.
func (c choice) Index() int { return c.index.get() }

// SetIndex chooses the option at a place, none at -1.
func (c choice) SetIndex(i int) { c.index.set(i) }

// SetValue chooses an option by its text.
func (c choice) SetValue(text string) error {
	i := slices.Index(c.labels.get(), text)
	if i < 0 {
		return fmt.Errorf("%q is not among the options of the %s", text, c.name)
	}
	c.index.set(i)
	return nil
}

// Options is the texts to choose from.
func (c choice) Options() []string { return slices.Clone(c.labels.get()) }

// SetOptions changes the texts to choose from. What was chosen stays so if it is among them; else the first is.
func (c choice) SetOptions(labels []string) {
	c.change(func() {
		was := c.at(c.index.value)
		c.labels.put(append([]string{}, labels...))
		c.index.put(max(slices.Index(labels, was), 0))
	})
}

// OnChange has f called when another text is chosen.
func (c choice) OnChange(f func(old, new string)) {
	if f == nil {
		return
	}
	c.index.observe(func(old, new int) {
		c.mu.Lock()
		was, is := c.at(old), c.at(new)
		c.mu.Unlock()
		f(was, is)
	})
}

// Dropdown is a menu of texts.
type Dropdown struct{ choice }

// NewDropdown makes a menu in which the first option is chosen.
func NewDropdown(labels []string, options ...Option) *Dropdown {
	m := newModel("Dropdown", "DropdownView", "DescriptionStyle")
	described(m)
	d := &Dropdown{newChoice(m, labels)}
	m.open(options)
	return d
}

// RadioButtons is a list of texts with a button before each.
type RadioButtons struct{ choice }

// NewRadioButtons makes a list in which the first option is chosen.
func NewRadioButtons(labels []string, options ...Option) *RadioButtons {
	m := newModel("RadioButtons", "RadioButtonsView", "DescriptionStyle")
	described(m)
	newProp(m, "orientation", "vertical")
	r := &RadioButtons{newChoice(m, labels)}
	m.open(options)
	return r
}

// Select is a list of texts of which one is chosen.
type Select struct{ choice }

// NewSelect makes a list in which the first option is chosen.
func NewSelect(labels []string, options ...Option) *Select {
	m := newModel("Select", "SelectView", "DescriptionStyle")
	described(m)
	numberProp(m, "rows", 5)
	s := &Select{newChoice(m, labels)}
	m.open(options)
	return s
}

// ToggleButtons is a row of buttons of which one is pressed.
type ToggleButtons struct{ choice }

// NewToggleButtons makes a row in which the first option is chosen.
func NewToggleButtons(labels []string, options ...Option) *ToggleButtons {
	m := newModel("ToggleButtons", "ToggleButtonsView", "ToggleButtonsStyle")
	described(m)
	texts(m, "button_style")
	newProp(m, "icons", []string{})
	newProp(m, "tooltips", []string{})
	t := &ToggleButtons{newChoice(m, labels)}
	m.open(options)
	return t
}

// SelectionSlider is a slider over texts.
type SelectionSlider struct{ choice }

// NewSelectionSlider makes a slider that stands at the first option. It needs one at least.
func NewSelectionSlider(labels []string, options ...Option) *SelectionSlider {
	m := slide(newModel("SelectionSlider", "SelectionSliderView", "DescriptionStyle"), "")
	s := &SelectionSlider{newChoice(m, labels)}
	m.open(options)
	return s
}

// SelectMultiple is a list of texts of which any number is chosen.
type SelectMultiple struct {
	*model
	labels *prop[[]string]
	index  *prop[[]int]
}

// NewSelectMultiple makes a list in which nothing is chosen.
func NewSelectMultiple(labels []string, options ...Option) *SelectMultiple {
	m := newModel("SelectMultiple", "SelectMultipleView", "DescriptionStyle")
	described(m)
	numberProp(m, "rows", 5)
	s := &SelectMultiple{m, newProp(m, "_options_labels", append([]string{}, labels...)), newProp(m, "index", []int{})}
	s.labels.in = func(json.RawMessage) ([]string, error) { return nil, fmt.Errorf("the program sets the options") }
	s.index.fix = func(list []int) []int {
		valid := []int{}
		for _, i := range list {
			if i >= 0 && i < len(s.labels.value) && !slices.Contains(valid, i) {
				valid = append(valid, i)
			}
		}
		return valid
	}
	m.open(options)
	return s
}

func (s *SelectMultiple) at(list []int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := []string{}
	for _, i := range list {
		if i < len(s.labels.value) {
			texts = append(texts, s.labels.value[i])
		}
	}
	return texts
}

// Value is the chosen texts.
func (s *SelectMultiple) Value() []string { return s.at(s.index.get()) }

// Index is the places of the chosen texts among the options.
func (s *SelectMultiple) Index() []int { return slices.Clone(s.index.get()) }

// SetIndex chooses the options at these places.
func (s *SelectMultiple) SetIndex(places ...int) { s.index.set(places) }

// OnChange has f called when other texts are chosen.
func (s *SelectMultiple) OnChange(f func(old, new []string)) {
	s.index.observe(func(old, new []int) { f(s.at(old), s.at(new)) })
}
