package layers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// Stack makes one layer of several that feed one another, for a branch of [Sum] or [Concat], or to build a block once and use it again:
// each use has weights of its own.
func Stack(layers ...Layer) Composed { return Composed{"stack", layers} }

// Residual adds what it is given to what the layers make of it, x + f(x): He et al. (2015), https://arxiv.org/abs/1512.03385. The
// layers must keep the shape; where they don't, use [Sum] with a projection as the other branch.
func Residual(layers ...Layer) Composed { return Composed{"residual", layers} }

// Sum gives the same input to every branch and adds up what they make of it. The residual block that halves an image is
//
//	layers.Sum(
//		layers.Stack(layers.Conv2D(32, 3, layers.ReLU).Stride(2).Same(), layers.Conv2D(32, 3).Same()),
//		layers.Conv2D(32, 1).Stride(2).Same(),
//	)
func Sum(branches ...Layer) Composed { return Composed{"sum", branches} }

// Concat gives the same input to every branch and puts what they make of it side by side along the last axis, as in Szegedy et al.
// (2014), https://arxiv.org/abs/1409.4842. The other axes must be the same.
func Concat(branches ...Layer) Composed { return Composed{"concat", branches} }

// Multiply gives the same input to every branch and multiplies what they make of it, number by number: a gate, or attention over
// channels. Their shapes must be the same.
func Multiply(branches ...Layer) Composed { return Composed{"multiply", branches} }

// Identity gives what it is given: the branch of a [Sum] or [Concat] that keeps the input.
func Identity() Layer { return identity{} }

type identity struct{}

func (identity) Kind() string { return "identity" }

func (identity) PerExample() bool { return true }

func (identity) Apply(_ *model.Scope, x *graph.Node) *graph.Node { return x }

// Composed is layers in a layer, made by [Stack], [Residual], [Sum], [Multiply] or [Concat]. Of several inputs, the latter three give each branch one,
// and without branches join the inputs themselves: mlx.Merge(layers.Concat(), a, b).
type Composed struct {
	kind   string
	layers []Layer
}

// Kind is the name of the function that made it, in lower case.
func (l Composed) Kind() string { return l.kind }

// PerExample says that none of the layers mixes examples.
func (l Composed) PerExample() bool {
	return !slices.ContainsFunc(l.layers, func(l Layer) bool {
		p, ok := l.(interface{ PerExample() bool })
		return !ok || !p.PerExample()
	})
}

// Apply gives every branch the same input.
func (l Composed) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if len(l.layers) == 0 || slices.Contains(l.layers, nil) {
		panic(errors.New("it needs one layer or more, none of them nil"))
	}
	out := x
	var branches []*graph.Node
	names := partNames(l.layers)
	for i, part := range l.layers {
		in := x
		if l.kind == "stack" || l.kind == "residual" {
			in = out
		}
		out = within(scope, names[i], part, in)
		branches = append(branches, out)
	}
	switch l.kind {
	case "stack":
		return out
	case "residual":
		branches = []*graph.Node{x, out}
	}
	return l.join(branches)
}

// ApplyAll gives each branch an input of its own, in order; without branches it joins the inputs as they are.
func (l Composed) ApplyAll(scope *model.Scope, xs ...*graph.Node) *graph.Node {
	if l.kind == "stack" || l.kind == "residual" {
		panic(fmt.Errorf("a %s takes one input, not %d", l.kind, len(xs)))
	}
	if len(l.layers) > 0 && len(l.layers) != len(xs) || slices.Contains(l.layers, nil) {
		panic(fmt.Errorf("it has %d branches for %d inputs; it needs one for each, none of them nil, or none at all", len(l.layers), len(xs)))
	}
	branches := slices.Clone(xs)
	for i, name := range partNames(l.layers) {
		branches[i] = within(scope, name, l.layers[i], xs[i])
	}
	return l.join(branches)
}

// join puts together what the branches give.
func (l Composed) join(branches []*graph.Node) *graph.Node {
	out := branches[0]
	if l.kind == "concat" {
		for _, b := range branches[1:] {
			if b.Rank() != out.Rank() || !slices.Equal(b.Shape().Dimensions[:b.Rank()-1], out.Shape().Dimensions[:b.Rank()-1]) {
				panic(fmt.Errorf("its branches give %s and %s; they must have the same shape, but for the last axis", shape.Of(out), shape.Of(b)))
			}
		}
		return graph.Concatenate(branches, -1)
	}
	for _, b := range branches[1:] {
		if !slices.Equal(b.Shape().Dimensions, branches[0].Shape().Dimensions) {
			what := "its branches give"
			if l.kind == "residual" {
				what = "it adds what its layers give to what they are given, but these are"
			}
			panic(fmt.Errorf("%s %s and %s; they must have the same shape", what, shape.Of(branches[0]), shape.Of(b)))
		}
		if l.kind == "multiply" {
			out = graph.Mul(out, b)
		} else {
			out = graph.Add(out, b)
		}
	}
	return out
}

// partNames names the layers in a layer: dense_1, dense_2, …
func partNames(parts []Layer) []string {
	count := map[string]int{}
	names := make([]string, len(parts))
	for i, l := range parts {
		count[l.Kind()]++
		names[i] = fmt.Sprintf("%s_%d", l.Kind(), count[l.Kind()])
	}
	return names
}

// within applies a layer that is part of another, under its name there. What it panics with says which it was.
func within(scope *model.Scope, name string, l Layer, x *graph.Node) *graph.Node {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			panic(fmt.Errorf("its %s, given %s: %w", name, shape.Of(x), r))
		default:
			panic(fmt.Errorf("its %s, given %s: %v", name, shape.Of(x), r))
		}
	}()
	y := l.Apply(scope.In("%s", name), x)
	if y == nil || y.Rank() < 1 || y.Shape().Dim(0) != x.Shape().Dim(0) {
		panic(errors.New("it returned something without the batch as its first axis"))
	}
	return y
}
