// Package shape writes the shapes of batches, for errors and summaries.
package shape

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
)

// Text writes the shape of a batch without its size: [batch, 8, 8, 1].
func Text(dims []int) string {
	var b strings.Builder
	b.WriteString("[batch")
	for _, d := range dims {
		fmt.Fprintf(&b, ", %d", d)
	}
	return b.String() + "]"
}

// Of is the Text of a node, whose first axis is the batch.
func Of(x *graph.Node) string { return Text(x.Shape().Dimensions[1:]) }
