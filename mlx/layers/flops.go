package layers

import "github.com/gomlx/gomlx/core/graph"

// flops is the key of a graph's count of operations, int64.
type flops struct{}

// FLOPs is how many floating-point operations the products of matrices and convolutions of this package need that were built into a
// graph so far, going forward: two for each number multiplied and added. What is done number by number isn't counted.
func FLOPs(g *graph.Graph) int64 {
	n, _ := g.State(flops{}).(int64)
	return n
}

// count counts multiplications with an addition each.
func count(g *graph.Graph, factors ...int) {
	n := int64(2)
	for _, f := range factors {
		n *= int64(f)
	}
	g.AttachState(flops{}, FLOPs(g)+n)
}
