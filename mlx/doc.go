// Package mlx builds, trains and judges models, on GoMLX, at a notebook's pace.
//
//	train := mlx.FromDataFrame(trainFrame, "label")
//	test := mlx.FromDataFrame(testFrame, "label")
//
//	model := mlx.Sequential(
//		mlx.Dense(64, mlx.ReLU),
//		mlx.Dropout(0.2),
//		mlx.Dense(10),
//	)
//	history, err := mlx.Fit(model, train, mlx.FitOptions{Epochs: 20, Validation: test})
//	evaluation, err := mlx.Evaluate(model, test)
//
// # Models live on
//
// A [Model] keeps its weights, the state of its optimizer and what was compiled for it from call to call: [Fit] goes on
// from where the last call stopped, and two calls of five epochs end with the same weights as one of ten. Every call says
// all its settings in [FitOptions], so that the next one may change any of them: learning rate, batch size, optimizer.
// An interrupt stops the training between two steps, weights kept.
//
// # No ceiling
//
// A [Layer] is anything with a function from a GoMLX node to a node; [Func] makes one of a function, so that everything
// in GoMLX and everything written for it fits into a model. [Model.Store] gives the variables.
//
// # Numbers
//
// Weights and data are float32. The same seed on the same backend gives the same result to the bit: weights are drawn and rows shuffled
// on the host, dropout by counters, none of it depending on the backend; so two backends agree up to the rounding of
// their sums. Class models end in logits, without softmax: the losses and [Predict] apply it.
//
// # Errors
//
// What describes ([Sequential], [FromDataFrame], layers) returns no error but keeps it; what acts ([Fit], [Evaluate],
// [Predict], …) returns it, as lower-case text that names layer, row or column. Nothing panics on bad data.
//
// # Backends
//
// The first thing that computes chooses where, and says so once: an NVIDIA GPU when GoLab's CUDA plugin is installed and
// works, else XLA on the CPU when its plugin is, else pure Go. [UseBackend] and $GOLAB_BACKEND choose otherwise.
package mlx
