package layers

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/shape"
)

// Graph is nodes and how they are connected, for [GraphConv] and [GraphNodes].
type Graph struct {
	nodes      int
	normalized []float32 // D^-½·(A+I)·D^-½, row by row
	err        error
}

// NewGraph makes a graph of an adjacency matrix, nodes × nodes: at [i][j] how strongly j is connected to i, 0 for not at all. It keeps the
// matrix of Kipf and Welling (2016), https://arxiv.org/abs/1609.02907: D^-½·(A+I)·D^-½, every node connected with itself, D the sums of
// the rows of A+I. A matrix that isn't square, or has numbers below 0 or NaN, is reported by the model that the graph is used in.
func NewGraph(adjacency [][]float32) *Graph {
	n := len(adjacency)
	g := &Graph{nodes: n, normalized: make([]float32, n*n)}
	if n == 0 {
		g.err = errors.New("its graph has no nodes")
	}
	degree := make([]float64, n)
	for i, row := range adjacency {
		if len(row) != n {
			g.err = fmt.Errorf("row %d of its graph's adjacency matrix has %d numbers, but there are %d rows", i, len(row), n)
			return g
		}
		degree[i] = 1
		for j, a := range row {
			if !(a >= 0) || math.IsInf(float64(a), 0) {
				g.err = fmt.Errorf("its graph's adjacency matrix has %v in row %d, column %d; it takes numbers from 0 up", a, i, j)
				return g
			}
			degree[i] += float64(a)
		}
	}
	for i, row := range adjacency {
		for j, a := range row {
			v := float64(a)
			if i == j {
				v++
			}
			g.normalized[i*n+j] = float32(v / math.Sqrt(degree[i]*degree[j]))
		}
	}
	return g
}

// NewGraphOfEdges makes a graph of some nodes of undirected edges, pairs of nodes counted from 0.
func NewGraphOfEdges(nodes int, edges [][2]int) *Graph {
	adjacency := make([][]float32, nodes)
	for i := range adjacency {
		adjacency[i] = make([]float32, nodes)
	}
	for i, e := range edges {
		if min(e[0], e[1]) < 0 || max(e[0], e[1]) >= nodes {
			return &Graph{err: fmt.Errorf("edge %d of its graph joins %d and %d; there are nodes 0 to %d", i, e[0], e[1], nodes-1)}
		}
		adjacency[e[0]][e[1]], adjacency[e[1]][e[0]] = 1, 1
	}
	return NewGraph(adjacency)
}

// GraphConv mixes every node with its neighbours, then multiplies by a matrix, adds a bias and applies the activations: [batch, nodes, features]
// becomes [batch, nodes, units]. It is the layer of graph convolutional networks: Kipf and Welling (2016),
// https://arxiv.org/abs/1609.02907. An example is one set of features of all nodes, such as what all sensors say at a time;
// for models of single nodes see [GraphNodes].
//
// Variables: weights and bias as [Dense]; not trained, adjacency [nodes, nodes], the graph's normalized matrix.
func GraphConv(units int, g *Graph, activation ...Activation) Layer {
	return graphConv{units, g, activation}
}

type graphConv struct {
	units      int
	graph      *Graph
	activation []Activation
}

func (l graphConv) Kind() string { return "graph_conv" }

func (graphConv) PerExample() bool { return true }

func (l graphConv) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if l.graph == nil {
		panic(errors.New("its graph is nil"))
	}
	if l.graph.err != nil {
		panic(l.graph.err)
	}
	n := l.graph.nodes
	if x.Rank() != 3 || x.Shape().Dim(1) != n {
		panic(fmt.Errorf("its graph has %d nodes, so it takes %s, not %s", n, "[batch, "+fmt.Sprint(n)+", features]", shape.Of(x)))
	}
	adjacency := weight(scope, "adjacency", func(_ draws, values []float32) { copy(values, l.graph.normalized) }, n, n).SetTrainable(false).NodeValue(x.Graph())
	g, in := x.Graph(), x.Shape().Dim(2)
	if l.units < 1 {
		panic(fmt.Errorf("it has %d units; it needs 1 or more", l.units))
	}
	weights := weight(scope, "weights", drawFor(in, l.units, l.activation), in, l.units).NodeValue(g)
	mixed := func(x *graph.Node) *graph.Node { // [nodes, nodes] × [batch, nodes, …]
		count(g, n, x.Shape().Size())
		return graph.TransposeAllAxes(graph.DotGeneral(adjacency, []int{1}, nil, x, []int{1}, nil), 1, 0, 2)
	}
	multiplied := func(x *graph.Node) *graph.Node {
		count(g, x.Shape().Size(), l.units)
		return graph.Reshape(graph.MatMul(graph.Reshape(x, -1, in), weights), -1, n, l.units)
	}
	if in < l.units { // both orders give the same; what is narrower is mixed
		x = multiplied(mixed(x))
	} else {
		x = mixed(multiplied(x))
	}
	x = graph.Add(x, wide(weight(scope, "bias", zeros, l.units).NodeValue(g), 3))
	for _, a := range l.activation {
		x = a.Apply(scope, x)
	}
	return x
}

// GraphNodes is for models of the nodes of one graph: an example is a node, by its number. The layers, such as [GraphConv] of that graph,
// are given the features of all nodes, [1, nodes, features]; what they make of the nodes of the batch is the result: [batch] or
// [batch, 1] of numbers becomes [batch, units]. So nodes can be split into those to train on and those to judge by, as rows of data.
//
//	layers.GraphNodes(features, layers.GraphConv(16, g, layers.ReLU), layers.Dropout(0.5), layers.GraphConv(2, g))
//
// Variables: those of the layers; not trained, features [nodes, features].
func GraphNodes(features [][]float32, stack ...Layer) Layer {
	return graphNodes{features, Composed{"stack", stack}}
}

type graphNodes struct {
	features [][]float32
	stack    Composed
}

func (graphNodes) Kind() string { return "graph_nodes" }

// PerExample holds whatever the layers do: they are given all nodes, whatever the batch.
func (graphNodes) PerExample() bool { return true }

func (l graphNodes) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	if x.Rank() > 2 || x.Rank() == 2 && x.Shape().Dim(1) != 1 {
		panic(fmt.Errorf("it takes [batch, 1], numbers of nodes, not %s", shape.Of(x)))
	}
	n := len(l.features)
	if n == 0 || len(l.features[0]) == 0 {
		panic(errors.New("it has no features of nodes"))
	}
	for i, row := range l.features {
		if len(row) != len(l.features[0]) {
			panic(fmt.Errorf("node %d has %d features, node 0 has %d", i, len(row), len(l.features[0])))
		}
	}
	width := len(l.features[0])
	features := weight(scope, "features", func(_ draws, values []float32) {
		for i, row := range l.features {
			copy(values[i*width:], row)
		}
	}, n, width).SetTrainable(false).NodeValue(x.Graph())
	before := FLOPs(x.Graph())
	y := l.stack.Apply(scope, graph.ExpandAxes(features, 0))
	if batch := x.Shape().Dim(0); batch > 1 { // an example by itself needs as many
		count(x.Graph(), int(FLOPs(x.Graph())-before)/2, batch-1)
	}
	if y.Rank() < 2 || y.Shape().Dim(1) != n {
		panic(fmt.Errorf("its layers give %v of %d nodes; the nodes must stay the second axis", y.Shape().Dimensions, n))
	}
	return graph.Gather(graph.Squeeze(y, 0), graph.Reshape(whole(x, n), -1, 1))
}
