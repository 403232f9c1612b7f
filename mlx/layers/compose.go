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
func Stack(layers ...Layer) Layer { return composed{"stack", layers} }

// Residual adds what it is given to what the layers make of it, x + f(x): He et al. (2015), https://arxiv.org/abs/1512.03385. The
// layers must keep the shape; where they don't, use [Sum] with a projection as the other branch.
func Residual(layers ...Layer) Layer { return composed{"residual", layers} }

// Sum gives the same input to every branch and adds up what they make of it. The residual block that halves an image is
//
//	layers.Sum(
//		layers.Stack(layers.Conv2D(32, 3, layers.ReLU).Stride(2).Same(), layers.Conv2D(32, 3).Same()),
//		layers.Conv2D(32, 1).Stride(2).Same(),
//	)
func Sum(branches ...Layer) Layer { return composed{"sum", branches} }

// Concat gives the same input to every branch and puts what they make of it side by side along the last axis, as in Szegedy et al.
// (2014), https://arxiv.org/abs/1409.4842. The other axes must be the same.
func Concat(branches ...Layer) Layer { return composed{"concat", branches} }

// Identity gives what it is given: the branch of a [Sum] or [Concat] that keeps the input.
func Identity() Layer { return identity{} }

type identity struct{}

func (identity) Kind() string { return "identity" }

func (identity) PerExample() bool { return true }

func (identity) Apply(_ *model.Scope, x *graph.Node) *graph.Node { return x }

// composed is layers in a layer.
type composed struct {
	kind   string
	layers []Layer
}

func (l composed) Kind() string { return l.kind }

// PerExample says that none of the layers mixes examples.
func (l composed) PerExample() bool {
	return !slices.ContainsFunc(l.layers, func(l Layer) bool {
		p, ok := l.(interface{ PerExample() bool })
		return !ok || !p.PerExample()
	})
}

func (l composed) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if len(l.layers) == 0 || slices.Contains(l.layers, nil) {
		panic(errors.New("it needs one layer or more, none of them nil"))
	}
	out := x
	var branches []*graph.Node
	count := map[string]int{}
	for _, part := range l.layers {
		count[part.Kind()]++
		in := x
		if l.kind == "stack" || l.kind == "residual" {
			in = out
		}
		out = within(scope, fmt.Sprintf("%s_%d", part.Kind(), count[part.Kind()]), part, in)
		branches = append(branches, out)
	}
	switch l.kind {
	case "residual":
		branches = []*graph.Node{x, out}
		fallthrough
	case "sum":
		out = branches[0]
		for _, b := range branches[1:] {
			if !slices.Equal(b.Shape().Dimensions, branches[0].Shape().Dimensions) {
				what := "its branches give"
				if l.kind == "residual" {
					what = "it adds what its layers give to what they are given, but these are"
				}
				panic(fmt.Errorf("%s %s and %s; they must have the same shape", what, shape.Of(branches[0]), shape.Of(b)))
			}
			out = graph.Add(out, b)
		}
	case "concat":
		for _, b := range branches[1:] {
			if first := branches[0]; b.Rank() != first.Rank() || !slices.Equal(b.Shape().Dimensions[:b.Rank()-1], first.Shape().Dimensions[:b.Rank()-1]) {
				panic(fmt.Errorf("its branches give %s and %s; they must have the same shape, but for the last axis", shape.Of(first), shape.Of(b)))
			}
		}
		out = graph.Concatenate(branches, -1)
	}
	return out
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
