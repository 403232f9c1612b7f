// Package widgets has the interactive controls of Jupyter, with callbacks in Go: sliders, buttons, texts, menus, boxes to
// arrange them, and [Interact], which makes controls for a function.
//
//	n := widgets.NewIntSlider(0, 100, 50, widgets.Description("n"))
//	n.OnChange(func(old, new int) { fmt.Println(new) })
//	n
//
// They are the widgets of ipywidgets, with its names and its protocol, so that they look and work the same in JupyterLab,
// Notebook 7, VS Code and whatever else shows those. A widget is shown as the last expression of a cell or with viz.Show; the
// same widget may be shown many times, and all its views change together. It lives as long as the worker.
//
// # Callbacks
//
// OnChange is called when the value has changed, whether a person or the program changed it. What the program changes is
// called for at once, by the goroutine that does. For what people change, callbacks run on goroutines of their own, also while
// no cell runs: for one widget one after another, for several at the same time, and at the same time as a cell. Code that
// shares variables with them must guard them as in any Go program. When changes come faster than a callback returns, it is
// called for the latest and not for those between; no click of a button is left out.
//
// What a callback prints or displays is shown below the cell that ran last, unless it happens inside [Output.Run]. Panics are
// reported there and end nothing. The interrupt button stops callbacks that run.
//
// # Outside a notebook
//
// Widgets can be made and changed in any program; there is only nobody who sees them.
package widgets
