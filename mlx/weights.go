package mlx

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// weights are copies of a model's variables, without the optimizer's state.
type weights struct {
	paths  []string
	shapes []shapes.Shape
	values [][]float32
}

// keep copies the weights.
func (m *Model) keep() (*weights, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.alive(); err != nil {
		return nil, err
	}
	w := &weights{}
	for v := range m.store.IterVariables() {
		if !ofModel(v) {
			continue
		}
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("mlx: %w", err)
		}
		flat, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return nil, fmt.Errorf("mlx: %w", err)
		}
		w.paths, w.shapes, w.values = append(w.paths, v.Path()), append(w.shapes, v.Shape()), append(w.values, flat)
	}
	return w, nil
}

// restore gives the model weights that were kept; nil changes nothing.
func (m *Model) restore(w *weights) error {
	if w == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.alive(); err != nil {
		return err
	}
	for i, path := range w.paths {
		v := m.store.GetVariable(path)
		if v == nil {
			return fmt.Errorf("mlx: the weights are of another model: this one has no variable %s", path)
		}
		if !v.Shape().Equal(w.shapes[i]) {
			return fmt.Errorf("mlx: the weights are of another model: its %s has shape %v, here it is %v", path, w.shapes[i].Dimensions, v.Shape().Dimensions)
		}
	}
	for i, path := range w.paths {
		t := tensors.FromFlatDataAndDimensions(slices.Clone(w.values[i]), w.shapes[i].Dimensions...)
		if err := m.store.GetVariable(path).SetValue(t); err != nil {
			return fmt.Errorf("mlx: %w", err)
		}
	}
	return nil
}

// towards moves each weight by a share of the way to another.
func (w *weights) towards(other *weights, share float64) {
	for i, values := range w.values {
		for j, v := range values {
			values[j] = float32(float64(v) + share*(float64(other.values[i][j])-float64(v)))
		}
	}
}
