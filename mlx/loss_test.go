package mlx

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"golab/mlx/internal/random"
)

// reference is what PyTorch gives; testdata/reference.py makes it.
type reference struct {
	Losses []struct {
		Name              string
		Outputs, Gradient json.RawMessage
		Labels            json.RawMessage
		Each              []float64
	}
	Optimizers map[string][][]float64
	Schedules  map[string][]float64
}

func readReference(t *testing.T) (r reference) {
	b, err := os.ReadFile("testdata/reference.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tensorOf reads a nested list.
func tensorOf(t *testing.T, raw json.RawMessage) *tensors.Tensor {
	var classes []int32
	if json.Unmarshal(raw, &classes) == nil {
		return tensors.FromValue(classes)
	}
	var two [][]float32
	if json.Unmarshal(raw, &two) == nil {
		return tensors.FromValue(two)
	}
	var three [][][]float32
	if err := json.Unmarshal(raw, &three); err != nil {
		t.Fatal(err)
	}
	return tensors.FromValue(three)
}

// losses as testdata/reference.py names them.
var referenceLosses = map[string]Loss{
	"cross-entropy":                CrossEntropy,
	"smoothing 0.1":                CategoricalCrossEntropy{Smoothing: 0.1},
	"weights":                      CategoricalCrossEntropy{Weights: Weights(1, 0.5, 2)},
	"smoothing 0.1, weights":       CategoricalCrossEntropy{Smoothing: 0.1, Weights: Weights(1, 0.5, 2)},
	"soft":                         CategoricalCrossEntropy{},
	"soft, smoothing 0.2, weights": CategoricalCrossEntropy{Smoothing: 0.2, Weights: Weights(1, 0.5, 2)},
	"binary":                       BinaryCrossEntropy,
	"binary, positive 3":           WeightedBinaryCrossEntropy{PosWeight: 3},
	"binary values, positive 3":    WeightedBinaryCrossEntropy{PosWeight: 3},
	"focal":                        Focal{},
	"focal, alpha 0.25, gamma 1.5": Focal{Alpha: 0.25, Gamma: 1.5},
	"focal, classes":               Focal{},
	"hinge, classes":               Hinge,
	"hinge":                        Hinge,
	"kl":                           KLDivergence,
	"mse":                          MSE,
	"mae":                          MAE,
	"huber":                        Huber{},
	"huber 2":                      Huber{Delta: 2},
	"cosine":                       CosineDistance,
	"iou":                          IoU,
	"giou":                         GIoU,
	"contrastive 1":                Contrastive{},
	"contrastive 4":                Contrastive{Margin: 4},
	"triplet 0.5":                  Triplet{Margin: 0.5},
	"ctc":                          CTC{},
	"ctc, long":                    CTC{},
	"ctc, short":                   CTC{},
}

func TestLossesArePyTorchs(t *testing.T) {
	r := readReference(t)
	if len(r.Losses) != len(referenceLosses) {
		t.Errorf("%d losses in the file, %d here", len(r.Losses), len(referenceLosses))
	}
	OnEach(t, func(t *testing.T) {
		for _, c := range r.Losses {
			loss, ok := referenceLosses[c.Name]
			if !ok {
				t.Fatalf("no loss %q", c.Name)
			}
			dev, _ := currentDevice()
			exec := graph.MustNewExec(dev.Backend, func(labels, outputs *graph.Node) []*graph.Node {
				each := loss.Each(labels, outputs)
				return append(graph.Gradient(graph.ReduceAllSum(each), outputs), each)
			})
			out, err := exec.Call(tensorOf(t, c.Labels), tensorOf(t, c.Outputs))
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			tolerance := 1e-5
			if strings.HasPrefix(c.Name, "ctc, long") { // logarithms up to 200 in float32
				tolerance = 1e-4
			}
			within(t, c.Name, tolerance, tensors.MustCopyFlatData[float32](out[1]), c.Each...)
			var want []float64
			for _, v := range tensors.MustCopyFlatData[float32](tensorOf(t, c.Gradient)) {
				want = append(want, float64(v))
			}
			within(t, "gradient of "+c.Name, tolerance, tensors.MustCopyFlatData[float32](out[0]), want...)
		}
	})
}

// What the differences of the loss say; where they are far from kinks.
func TestLossGradientsAgain(t *testing.T) {
	r := readReference(t)
	OnEach(t, func(t *testing.T) {
		for _, c := range r.Losses {
			switch {
			case strings.HasPrefix(c.Name, "ctc, "), c.Name == "cross-entropy":
				continue // long; in TestLossGradients
			}
			labels := tensorOf(t, c.Labels)
			x := tensorOf(t, c.Outputs)
			tensors.MustMutableFlatData(x, func(flat []float32) {
				rng := random.Generator(3, c.Name)
				for i := range flat {
					flat[i] = float32(math.Tanh(float64(flat[i])) + 0.2*random.Uniform(rng)) // none extreme, none on a kink
				}
			})
			t.Run(c.Name, func(t *testing.T) {
				checkGradients(t, x, func(_ *model.Scope, x *graph.Node) *graph.Node {
					return referenceLosses[c.Name].Each(graph.ConstTensor(x.Graph(), labels), x)
				})
			})
		}
	})
}

// within compares with values of the same order of magnitude as 1, or relatively.
func within(t *testing.T, what string, tolerance float64, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) <= tolerance*(1+math.Abs(want[i]))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}
