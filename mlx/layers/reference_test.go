package layers_test

import (
	"encoding/json"
	"math"
	"os"
	"path"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/mlxtest"
	"golab/mlx/layers"
)

// across lets the first steps of its input look at the others.
type across struct {
	layer interface {
		ApplyTo(scope *model.Scope, x, memory *graph.Node) *graph.Node
	}
	first int
}

func (across) Kind() string { return "across" }

func (l across) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	own := graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, l.first))
	return l.layer.ApplyTo(scope, own, graph.Slice(x, graph.AxisRange(), graph.AxisRange(l.first)))
}

// padded is a layer after marking the steps that testdata/reference.py pads.
type padded struct{ layers.Layer }

func (l padded) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	return l.Layer.Apply(scope, pad(2, 4, 1).Apply(scope, x))
}

// What PyTorch and Keras make of the same inputs and weights; see testdata/reference.py.
func TestReference(t *testing.T) {
	made := map[string]layers.Layer{
		"conv2d dilated":              layers.Conv2D(3, 2).Dilation(2),
		"conv2d padded":               layers.Conv2D(2, 1).Size(3, 2).Stride(2, 1).Pad(1, 0),
		"conv2d groups":               layers.Conv2D(6, 3).Groups(2),
		"conv2d depthwise":            layers.Conv2D(6, 2).Groups(3),
		"conv_transpose2d padded":     layers.ConvTranspose2D(2, 4).Stride(2).Pad(1),
		"conv_transpose1d dilated":    layers.ConvTranspose1D(3, 3).Stride(2).Dilation(2),
		"conv2d same":                 layers.Conv2D(3, 3, layers.ReLU).Stride(2).Same(),
		"conv1d causal":               layers.Conv1D(2, 3).Dilation(2).Causal(),
		"conv1d causal strided":       layers.Conv1D(2, 3).Stride(2).Causal(),
		"conv_transpose2d same":       layers.ConvTranspose2D(2, 3).Stride(2).Same(),
		"conv_transpose1d same, gaps": layers.ConvTranspose1D(2, 2).Stride(3).Same(),
		"max_pool2d padded":           layers.MaxPool2D(3).Stride(2).Pad(1),
		"max_pool1d":                  layers.MaxPool1D(3),
		"max_pool2d same":             layers.MaxPool2D(3).Stride(2).Same(),
		"avg_pool2d same":             layers.AvgPool2D(3).Stride(2).Same(),
		"avg_pool2d padded":           layers.AvgPool2D(2).Pad(1),
		"up_sample2d":                 layers.UpSample2D(3),
		"up_sample2d linear":          layers.UpSample2D(3).Linear(),
		"layer_norm":                  layers.LayerNorm(),
		"rms_norm":                    layers.RMSNorm(),
		"group_norm":                  layers.GroupNorm(2),
		"lstm sequences":              layers.LSTM(2).Bidirectional().Stacked(2).Sequences(),
		"lstm last":                   layers.LSTM(2).Bidirectional().Stacked(2),
		"lstm padded sequences":       padded{layers.LSTM(2).Bidirectional().Stacked(2).Sequences()},
		"lstm padded last":            padded{layers.LSTM(2).Bidirectional().Stacked(2)},
		"gru sequences":               layers.GRU(2).Bidirectional().Stacked(2).Sequences(),
		"gru last":                    layers.GRU(2).Bidirectional().Stacked(2),
		"gru padded sequences":        padded{layers.GRU(2).Bidirectional().Stacked(2).Sequences()},
		"gru padded last":             padded{layers.GRU(2).Bidirectional().Stacked(2)},
		"simple_rnn sequences":        layers.SimpleRNN(2).Bidirectional().Stacked(2).Sequences(),
		"simple_rnn last":             layers.SimpleRNN(2).Bidirectional().Stacked(2),
		"simple_rnn padded sequences": padded{layers.SimpleRNN(2).Bidirectional().Stacked(2).Sequences()},
		"simple_rnn padded last":      padded{layers.SimpleRNN(2).Bidirectional().Stacked(2)},
		"attention":                   layers.MultiHeadAttention(2),
		"attention causal":            layers.MultiHeadAttention(2).Causal(),
		"attention padded":            padded{layers.MultiHeadAttention(2)},
		"attention across":            across{layers.MultiHeadAttention(2), 2},
		"encoder":                     padded{layers.TransformerEncoder(2, 5)},
		"encoder post-norm":           padded{layers.TransformerEncoder(2, 5).PostNorm()},
		"decoder":                     across{layers.TransformerDecoder(2, 5).Activation(layers.ReLU), 2},
	}
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name      string
		In, Out   []int
		Variables map[string]struct {
			Phase float64
			Dims  []int
		}
		Values []float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != len(made) {
		t.Errorf("%d cases, %d layers", len(cases), len(made))
	}
	waves := func(phase float64, dims []int) *tensors.Tensor {
		n := 1
		for _, d := range dims {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(0.5 * math.Sin(phase+1.3*float64(i)))
		}
		return tensors.FromFlatDataAndDimensions(values, dims...)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if made[c.Name] == nil {
				t.Fatal("no layer")
			}
			mlxtest.OnEach(t, func(t *testing.T, b compute.Backend) {
				store := model.NewStore()
				for p, v := range c.Variables {
					store.Scope(path.Join("/layer", path.Dir(p))).VariableWithValue(path.Base(p), waves(v.Phase, v.Dims))
				}
				exec := model.MustNewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
					return made[c.Name].Apply(scope.In("layer"), x)
				})
				out, err := exec.Call(waves(0.1, c.In))
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for range store.IterVariables() {
					n++
				}
				if n != len(c.Variables) {
					t.Errorf("it has %d variables, the reference %d", n, len(c.Variables))
				}
				near(t, c.Name, tensors.MustCopyFlatData[float32](out[0]), c.Values...)
				if got := out[0].Shape().Dimensions; !slices.Equal(got, c.Out) {
					t.Errorf("shape %v, want %v", got, c.Out)
				}
			})
		})
	}
}
