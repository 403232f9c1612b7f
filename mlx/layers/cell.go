package layers

import "github.com/gomlx/gomlx/core/graph"

// lstmCell has the gates i, f, g, o in PyTorch's order (Keras's i, f, c, o): c ← f·c + i·g, h ← o·tanh c. Of a step it keeps the
// gates, c before and tanh c after.
type lstmCell struct{}

func (lstmCell) blocks() int      { return 4 }
func (lstmCell) states() int      { return 2 }
func (lstmCell) kept() int        { return 6 }
func (lstmCell) extras() []string { return nil }

func (lstmCell) forward(z, product *graph.Node, _, states []*graph.Node) (next, kept []*graph.Node) {
	p := graph.Split(graph.Add(z, product), -1, 4)
	i, f, g, o := graph.Sigmoid(p[0]), graph.Sigmoid(p[1]), graph.Tanh(p[2]), graph.Sigmoid(p[3])
	c := graph.Add(graph.Mul(f, states[1]), graph.Mul(i, g))
	tanh := graph.Tanh(c)
	return []*graph.Node{graph.Mul(o, tanh), c}, []*graph.Node{i, f, g, o, states[1], tanh}
}

func (lstmCell) backward(kept, d []*graph.Node) (dz, dproduct *graph.Node, before []*graph.Node) {
	i, f, g, o, c, tanh := kept[0], kept[1], kept[2], kept[3], kept[4], kept[5]
	dc := graph.Add(d[1], graph.Mul(graph.Mul(d[0], o), tanhSlope(tanh)))
	dz = graph.Concatenate([]*graph.Node{
		graph.Mul(graph.Mul(dc, g), sigmoidSlope(i)),
		graph.Mul(graph.Mul(dc, c), sigmoidSlope(f)),
		graph.Mul(graph.Mul(dc, i), tanhSlope(g)),
		graph.Mul(graph.Mul(d[0], tanh), sigmoidSlope(o)),
	}, -1)
	return dz, dz, []*graph.Node{nil, graph.Mul(dc, f)}
}

func (lstmCell) gradients(dz, _ []*graph.Node) (*graph.Node, []*graph.Node) {
	return graph.Concatenate(dz, -1), nil
}

// gruCell has the gates r, z, n in PyTorch's order (Keras's reset_after, in the order z, r, h): n = tanh(zₙ + r·(productₙ + bias)),
// h ← (1-z)·n + z·h. Of a step it keeps the gates, productₙ + bias and h before.
type gruCell struct{}

func (gruCell) blocks() int      { return 3 }
func (gruCell) states() int      { return 1 }
func (gruCell) kept() int        { return 5 }
func (gruCell) extras() []string { return []string{"recurrent_bias"} }

func (gruCell) forward(z, product *graph.Node, extra, states []*graph.Node) (next, kept []*graph.Node) {
	a, b := graph.Split(z, -1, 3), graph.Split(product, -1, 3)
	r, u := graph.Sigmoid(graph.Add(a[0], b[0])), graph.Sigmoid(graph.Add(a[1], b[1]))
	inner := graph.Add(b[2], graph.ExpandAxes(extra[0], 0))
	n := graph.Tanh(graph.Add(a[2], graph.Mul(r, inner)))
	return []*graph.Node{blend(u, states[0], n)}, []*graph.Node{r, u, n, inner, states[0]}
}

func (gruCell) backward(kept, d []*graph.Node) (dz, dproduct *graph.Node, before []*graph.Node) {
	r, u, n, inner, h := kept[0], kept[1], kept[2], kept[3], kept[4]
	dn := graph.Mul(graph.Mul(d[0], oneMinus(u)), tanhSlope(n))
	du := graph.Mul(graph.Mul(d[0], graph.Sub(h, n)), sigmoidSlope(u))
	dr := graph.Mul(graph.Mul(dn, inner), sigmoidSlope(r))
	dz = graph.Concatenate([]*graph.Node{dr, du, dn}, -1)
	dproduct = graph.Concatenate([]*graph.Node{dr, du, graph.Mul(dn, r)}, -1)
	return dz, dproduct, []*graph.Node{graph.Mul(d[0], u)}
}

func (gruCell) gradients(dz, kept []*graph.Node) (*graph.Node, []*graph.Node) {
	dinner := graph.Mul(dz[2], kept[0])
	return graph.Concatenate([]*graph.Node{dz[0], dz[1], dinner}, -1), []*graph.Node{graph.ReduceSum(dinner, 0)}
}

// rnnCell is h ← tanh(z + product). Of a step it keeps h after.
type rnnCell struct{}

func (rnnCell) blocks() int      { return 1 }
func (rnnCell) states() int      { return 1 }
func (rnnCell) kept() int        { return 1 }
func (rnnCell) extras() []string { return nil }

func (rnnCell) forward(z, product *graph.Node, _, _ []*graph.Node) (next, kept []*graph.Node) {
	h := graph.Tanh(graph.Add(z, product))
	return []*graph.Node{h}, []*graph.Node{h}
}

func (rnnCell) backward(kept, d []*graph.Node) (dz, dproduct *graph.Node, before []*graph.Node) {
	dz = graph.Mul(d[0], tanhSlope(kept[0]))
	return dz, dz, []*graph.Node{nil}
}

func (rnnCell) gradients(dz, _ []*graph.Node) (*graph.Node, []*graph.Node) { return dz[0], nil }

// sigmoidSlope is the slope of σ where it is s.
func sigmoidSlope(s *graph.Node) *graph.Node { return graph.Mul(s, oneMinus(s)) }

// tanhSlope is the slope of tanh where it is t.
func tanhSlope(t *graph.Node) *graph.Node { return oneMinus(graph.Mul(t, t)) }
