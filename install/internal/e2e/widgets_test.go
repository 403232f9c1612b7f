package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// widgetCells is the notebook that a person plays with.
var widgetCells = []string{`n := widgets.NewIntSlider(0, 100, 50, widgets.Description("n"))
seen := widgets.NewLabel("nothing yet")
n.OnChange(func(old, new int) { seen.SetValue(fmt.Sprintf("from %d to %d", old, new)) })
widgets.NewVBox(n, seen)`,
	`clicks := 0
out := widgets.NewOutput(widgets.Layout{Border: "1px solid gray"})
b := widgets.NewButton("Count", widgets.ButtonStyle("primary"), widgets.Icon("check"))
b.OnClick(func() {
	clicks++
	out.Run(func() { fmt.Println("clicked", clicks); if clicks == 3 { panic("three") } })
})
widgets.NewVBox(b, out)`,
	`widgets.Interact(func(x int, name string, loud bool) string {
	fmt.Println("printing", x)
	if loud { name = strings.ToUpper(name) }
	return fmt.Sprint(name, " ", x*x)
}, widgets.Between(0, 10), []string{"square", "Quadrat"}, true)`,
	`img := image.NewRGBA(image.Rect(0, 0, 40, 40))
for x := range 40 { for y := range 40 { img.Set(x, y, color.RGBA{uint8(x * 6), uint8(y * 6), 128, 255}) } }
pic, _ := widgets.NewImage(img)
up := widgets.NewFileUpload()
got := widgets.NewLabel("no file")
up.OnUpload(func(f []widgets.File) { got.SetValue(f[0].Name + ": " + string(f[0].Content)) })
play, ps := widgets.NewPlay(0, 100, 0), widgets.NewIntSlider(0, 100, 0)
widgets.JSLink(play, "value", ps, "value")
ip := widgets.NewIntProgress(0, 10, widgets.BarStyle("success")); ip.SetValue(7)
fp := widgets.NewFloatProgress(0, 1, widgets.Style{BarColor: "orange"}); fp.SetValue(0.4)
tab := widgets.NewTab(widgets.NewLabel("one $x^2$"), widgets.NewHTML("<b>two</b>")); tab.Set(widgets.Titles("One", "Two"))
acc := widgets.NewAccordion(widgets.NewText("inside")); acc.Set(widgets.Titles("Open me"))
acc.Select(0)
left := widgets.NewVBox(widgets.NewFloatSlider(0, 1, 0.3, widgets.Description("float")), widgets.NewFloatLogSlider(10, -5, 2, 0.1, widgets.Description("log")),
	widgets.NewIntRangeSlider(0, 10, 2, 5), widgets.NewFloatRangeSlider(0, 1, 0.2, 0.5), ip, fp,
	widgets.NewDropdown([]string{"a", "b"}), widgets.NewRadioButtons([]string{"r1", "r2"}), widgets.NewSelect([]string{"s1", "s2"}), widgets.NewSelectMultiple([]string{"m1", "m2"}),
	widgets.NewToggleButtons([]string{"t1", "t2"}), widgets.NewSelectionSlider([]string{"x", "y"}))
right := widgets.NewVBox(widgets.NewText("text"), widgets.NewTextarea("area", widgets.Rows(3)), widgets.NewPassword(), widgets.NewCombobox("", []string{"c1"}),
	widgets.NewIntText(3), widgets.NewFloatText(2.5), widgets.NewBoundedIntText(0, 5, 9), widgets.NewBoundedFloatText(0, 5, 1),
	widgets.NewCheckbox(true, widgets.Description("check")), widgets.NewToggleButton("toggle", true), widgets.NewValid(true), widgets.NewHTMLMath("<i>$y$</i>"), pic,
	widgets.NewDatePicker(time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)), widgets.NewColorPicker("#ff0000"), up, got)
widgets.NewVBox(widgets.NewHBox(left, right), widgets.NewHBox(play, ps), tab, acc, widgets.NewStack(widgets.NewLabel("stacked")), widgets.NewBox(widgets.NewLabel("boxed")))`,
	`import (
	"github.com/janpfeifer/gonb/gonbui/dom"
	gonb "github.com/janpfeifer/gonb/gonbui/widgets"
)
root := dom.CreateTransientDiv()
slider := gonb.Slider(0, 100, 50).AppendTo(root).Done()
choice := gonb.Select([]string{"ab", "cd", "ef"}).AppendTo(root).Done()
button := gonb.Button("GoNB's").AppendTo(root).Done()
dom.Append(root, "<span id='heard'>nothing</span>")
sliderChan, choiceChan, buttonChan := slider.Listen(), choice.Listen(), button.Listen()
go func() {
	for {
		select {
		case v := <-sliderChan.C:
			dom.SetInnerText("heard", fmt.Sprint("slider at ", v))
			if v == 30 { slider.SetValue(0) }
		case v := <-choiceChan.C:
			dom.SetInnerText("heard", fmt.Sprint("choice ", v))
		case v := <-buttonChan.C:
			dom.SetInnerText("heard", fmt.Sprint("click ", v))
		}
	}
}()`,
}

// step is something that a person does, and what is to be seen then in the output of the cell; see widgets.mjs.
type step struct {
	Do     string   `json:"do"`
	Cell   int      `json:"cell"`
	Target string   `json:"target,omitempty"`
	Keys   []string `json:"keys,omitempty"`
	Text   string   `json:"text,omitempty"`
	Name   string   `json:"name,omitempty"`
	Until  string   `json:"until"` // a regular expression
}

var widgetSteps = []step{
	{Do: "press", Cell: 0, Target: ".noUi-handle", Keys: []string{"ArrowRight", "ArrowRight", "ArrowRight"}, Until: "to 53"},
	{Do: "click", Cell: 1, Target: "button", Until: "clicked 1"},
	{Do: "click", Cell: 1, Target: "button", Until: "clicked 1\nclicked 2"},
	{Do: "click", Cell: 1, Target: "button", Until: "clicked 3\\s+panic: three"},
	{Do: "press", Cell: 2, Target: ".noUi-handle", Keys: []string{"ArrowRight"}, Until: `printing 6\n+.*SQUARE 36`},
	{Do: "choose", Cell: 2, Target: "select", Text: "Quadrat", Until: "QUADRAT 36"},
	{Do: "click", Cell: 2, Target: "input[type=checkbox]", Until: "Quadrat 36"},
	{Do: "upload", Cell: 3, Target: ".widget-upload", Name: "f.txt", Text: "hello file", Until: "f.txt: hello file"},
	{Do: "set", Cell: 4, Target: "input[type=range]", Text: "42", Until: "slider at 42"},
	{Do: "choose", Cell: 4, Target: "select", Text: "ef", Until: "choice 2"},
	{Do: "click", Cell: 4, Target: "button", Until: "click 1"},
	{Do: "click", Cell: 4, Target: "button", Until: "click 2"},
	{Do: "set", Cell: 4, Target: "input[type=range]", Text: "30", Until: "slider at 30"}, // and the program sets it to 0
	{Do: "reload", Cell: 0, Until: "to 53"},
	{Do: "press", Cell: 0, Target: ".noUi-handle", Keys: []string{"ArrowLeft"}, Until: "from 53 to 52"},
	{Do: "look", Cell: 1, Until: "clicked 3\\s+panic: three"},
	{Do: "click", Cell: 1, Target: "button", Until: "clicked 4"},
}

// sawWidgets is what widgets.mjs saw.
type sawWidgets struct {
	Console, Cells, Steps []string
}

func TestWidgetsInJupyterLab(t *testing.T) {
	findBrowser(t)
	root := installed(t)
	dir := t.TempDir()
	var cells []any
	for _, source := range widgetCells {
		cells = append(cells, map[string]any{"cell_type": "code", "metadata": map[string]any{}, "execution_count": nil, "outputs": []any{}, "source": source})
	}
	spec := map[string]any{"kernelspec": map[string]any{"name": "golab", "display_name": "Go (GoLab)", "language": "go"}}
	b, err := json.Marshal(map[string]any{"nbformat": 4, "nbformat_minor": 4, "cells": cells, "metadata": spec})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "widgets.ipynb"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	var saw sawWidgets
	inBrowser(t, root, dir, "widgets.mjs", map[string]any{"notebook": "widgets.ipynb", "shots": artifacts(t, root, "widgets"), "steps": widgetSteps}, &saw)
	for i, s := range widgetSteps {
		if i >= len(saw.Steps) || !regexp.MustCompile(s.Until).MatchString(saw.Steps[i]) {
			t.Fatalf("step %d, %+v: the output of the cell is\n%s\ncells:\n%q", i+1, s, saw.Steps[min(i, len(saw.Steps)-1)], saw.Cells)
		}
	}
	for _, line := range saw.Console {
		t.Errorf("browser console: %s", line)
	}
}
