// Package viz shows values in a notebook: charts, tables, images, text and progress.
//
// # Showing
//
// The last expression of a cell shows itself: dataframes, tensors, matrices, images, and every chart of go-echarts or of
// this package. [Show] shows a value anywhere else. The same calls work under GoNB, and in an ordinary program, where
// they print the plain text form.
//
// # Charts
//
// Short calls draw what people who train models draw, and take [Option] values for the rest:
//
//	viz.Line(losses, viz.Title("Loss"), viz.XLabel("step"))
//	viz.Scatter(weight, length, viz.Groups(species))
//	viz.History(history)
//	viz.Confusion(counts, viz.Names("cat", "dog"))
//
// They return a [Figure], made with go-echarts, whose global options [Figure.Set] takes; [Chart] makes a Figure from any
// go-echarts chart.
//
// A figure is a picture first: ECharts itself draws it as SVG, within this process, so that a saved notebook, a
// code-hosting page and a printed one show it without running anything. In a notebook that runs scripts the picture
// becomes the interactive chart. The library for that is displayed once a session, before the first chart; nothing is
// ever loaded from the network.
//
// # Errors
//
// Nothing here panics on bad data. What can't be drawn is displayed as a sentence saying why; [Figure.Err] returns it.
package viz
