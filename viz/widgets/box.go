package widgets

import (
	"encoding/json"
	"errors"
	"slices"
)

// box is a widget that holds others.
type box struct {
	*model
	children *prop[[]Widget]
}

func newBox(name string, children []Widget) box {
	m := newModel(name, name+"View", "")
	texts(m, "box_style")
	b := box{m, newProp(m, "children", []Widget(nil))}
	b.children.fix = func(list []Widget) []Widget {
		return slices.DeleteFunc(slices.Clone(list), func(w Widget) bool { return w == nil || w.self() == nil || w.self() == m })
	}
	b.children.out = func(list []Widget) any {
		refs := []any{}
		for _, w := range list {
			if r := w.self().reference(); r != nil {
				refs = append(refs, r)
			}
		}
		return refs
	}
	b.children.in = func(json.RawMessage) ([]Widget, error) { return nil, errors.New("the program sets the children") }
	b.children.put(children)
	return b
}

// Children is the widgets inside.
func (b box) Children() []Widget { return slices.Clone(b.children.get()) }

// SetChildren puts other widgets inside.
func (b box) SetChildren(children ...Widget) { b.children.set(children) }

// HBox shows widgets side by side.
type HBox struct{ box }

// NewHBox makes a row of widgets.
func NewHBox(children ...Widget) *HBox {
	b := &HBox{newBox("HBox", children)}
	b.open(nil)
	return b
}

// VBox shows widgets one below the other.
type VBox struct{ box }

// NewVBox makes a column of widgets.
func NewVBox(children ...Widget) *VBox {
	b := &VBox{newBox("VBox", children)}
	b.open(nil)
	return b
}

// Box shows widgets as its [Layout] says.
type Box struct{ box }

// NewBox makes a box.
func NewBox(children ...Widget) *Box {
	b := &Box{newBox("Box", children)}
	b.open(nil)
	return b
}

// GridBox shows widgets in a grid, whose columns its [Layout] says.
type GridBox struct{ box }

// NewGridBox makes a grid.
func NewGridBox(children ...Widget) *GridBox {
	b := &GridBox{newBox("GridBox", children)}
	b.open(nil)
	return b
}

// pages is a box of which one child is seen at a time.
type pages struct {
	box
	selected *prop[int]
}

func newPages(name string, children []Widget, selected int) pages {
	p := pages{box: newBox(name, children)}
	newProp(p.model, "titles", []string{})
	p.selected = newProp(p.model, "selected_index", selected)
	p.selected.out = func(i int) any {
		if i < 0 {
			return nil
		}
		return i
	}
	p.selected.in = func(raw json.RawMessage) (int, error) {
		if string(raw) == "null" {
			return -1, nil
		}
		return whole[int](raw)
	}
	p.selected.fix = func(i int) int { return min(max(i, -1), len(p.children.value)-1) }
	p.selected.put(selected)
	return p
}

// Selected is the place of the child that is seen; -1 if none is.
func (p pages) Selected() int { return p.selected.get() }

// Select shows the child at a place, none at -1.
func (p pages) Select(i int) { p.selected.set(i) }

// OnChange has f called when another child is seen.
func (p pages) OnChange(f func(old, new int)) { p.selected.observe(f) }

// Accordion shows the titles of widgets, and opens one below its title. [Titles] sets those.
type Accordion struct{ pages }

// NewAccordion makes one, closed.
func NewAccordion(children ...Widget) *Accordion {
	a := &Accordion{newPages("Accordion", children, -1)}
	a.open(nil)
	return a
}

// Tab shows one of several widgets, each with a tab. [Titles] sets their texts.
type Tab struct{ pages }

// NewTab makes one that shows its first child.
func NewTab(children ...Widget) *Tab {
	t := &Tab{newPages("Tab", children, 0)}
	t.open(nil)
	return t
}

// Stack shows the one of several widgets that the program selects.
type Stack struct{ pages }

// NewStack makes one that shows its first child.
func NewStack(children ...Widget) *Stack {
	s := &Stack{newPages("Stack", children, 0)}
	s.open(nil)
	return s
}
