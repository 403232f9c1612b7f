package mlx

import (
	"fmt"
	"strings"

	"golab/mlx/internal/shape"
)

// Summary describes a model layer by layer.
type Summary struct {
	Layers    []LayerSummary
	Trainable int // numbers that training changes
	Frozen    int // numbers kept otherwise, such as moving means
	// FLOPs is how many floating-point operations the products and convolutions of one example need, going forward: two for each
	// number multiplied and added, as far as layers of golab/mlx/layers do them.
	FLOPs int64
	built bool
	err   error
}

// LayerSummary describes one layer.
type LayerSummary struct {
	Name       string
	Output     []int // shape of what it gives, without the batch
	Parameters int   // numbers that it keeps, trained or not
	FLOPs      int64 // as in [Summary]
}

// Summary describes the model: layers, the shapes of what they give, numbers of parameters. Before the model is built
// (by [Model.Build], an [Input] or the first Fit) it knows the names only.
func (m *Model) Summary() Summary {
	if m == nil {
		return Summary{err: m.Err()}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Summary{built: m.inDims != nil, err: m.err}
	for i, p := range m.layers {
		l := LayerSummary{Name: p.name}
		if s.built {
			l.Output, l.Parameters = m.outDims[i], m.sizes[i]+m.frozen[i]
			l.FLOPs = m.flops[i]
			s.FLOPs += l.FLOPs
			s.Trainable += m.sizes[i]
			s.Frozen += m.frozen[i]
		}
		s.Layers = append(s.Layers, l)
	}
	return s
}

// String is the model's summary.
func (m *Model) String() string { return m.Summary().String() }

// String is a table.
func (s Summary) String() string {
	if s.err != nil {
		return s.err.Error()
	}
	var b strings.Builder
	if !s.built {
		b.WriteString("model, not built yet: shapes and weights follow from the data")
		for _, l := range s.Layers {
			b.WriteString("\n  " + l.Name)
		}
		return b.String()
	}
	width := len("layer")
	for _, l := range s.Layers {
		width = max(width, len(l.Name))
	}
	fmt.Fprintf(&b, "%-*s  %-20s  %12s", width, "layer", "output", "parameters")
	for _, l := range s.Layers {
		fmt.Fprintf(&b, "\n%-*s  %-20s  %12d", width, l.Name, shape.Text(l.Output), l.Parameters)
	}
	fmt.Fprintf(&b, "\n%-*s  %-20s  %12d", width, "total", "", s.Trainable+s.Frozen)
	if s.Frozen > 0 {
		fmt.Fprintf(&b, "\n%-*s  %-20s  %12d", width, "trained", "", s.Trainable)
	}
	return b.String()
}
