package mlx

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Evaluation is how well a model does on labelled data.
type Evaluation struct {
	Examples int
	Loss     float64 // mean over the examples
	Accuracy float64 // share of the classes that were right, 0 to 1; NaN for values
	MAE      float64 // mean absolute error; NaN for classes, and for labels that are no targets of the outputs
	// Outputs is the same of each output that the data has labels for, for a model of several; Accuracy and MAE above are then NaN.
	Outputs []OutputEvaluation
}

// OutputEvaluation is how well a model's output does.
type OutputEvaluation struct {
	Name                string
	Loss, Accuracy, MAE float64
}

// String says it in one line.
func (e Evaluation) String() string {
	if len(e.Outputs) > 0 {
		s := fmt.Sprintf("loss %.4f (%d examples)", e.Loss, e.Examples)
		for _, o := range e.Outputs {
			s += fmt.Sprintf("\n%s: loss %.4f", o.Name, o.Loss)
			if !math.IsNaN(o.Accuracy) {
				s += fmt.Sprintf(", accuracy %.2f %%", 100*o.Accuracy)
			}
			if !math.IsNaN(o.MAE) {
				s += fmt.Sprintf(", mean absolute error %.4f", o.MAE)
			}
		}
		return s
	}
	if math.IsNaN(e.Accuracy) && math.IsNaN(e.MAE) {
		return fmt.Sprintf("loss %.4f (%d examples)", e.Loss, e.Examples)
	}
	if math.IsNaN(e.Accuracy) {
		return fmt.Sprintf("loss %.4f, mean absolute error %.4f (%d examples)", e.Loss, e.MAE, e.Examples)
	}
	return fmt.Sprintf("loss %.4f, accuracy %.2f %% (%d examples)", e.Loss, 100*e.Accuracy, e.Examples)
}

// Evaluate judges a model by labelled data, as it is after training: without dropout, with the moving means of batch
// normalization. The loss is that of the last [Fit]; before any, the one that Fit would take by itself. Of a model of several outputs it is the sum of theirs.
//
// Errors: the data has no labels, or other inputs or classes than the model was trained on.
func Evaluate(m *Model, data *Data) (Evaluation, error) {
	p, err := m.ready(data, true)
	if err != nil {
		return Evaluation{}, err
	}
	o, err := m.lastObjectives(p)
	if err != nil {
		return Evaluation{}, err
	}
	s, err := m.judge(p, o)
	if err != nil {
		return Evaluation{}, err
	}
	e := Evaluation{Examples: p.n, Loss: s.total, Accuracy: math.NaN(), MAE: math.NaN()}
	for i, name := range m.counted(p, o) {
		one := OutputEvaluation{Name: m.outputs[p.out[i].output].name, Loss: s.each[i].loss, Accuracy: math.NaN(), MAE: math.NaN()}
		switch name {
		case "accuracy":
			one.Accuracy = s.each[i].hits
		case "mae":
			one.MAE = s.each[i].hits
		}
		if len(m.outputs) > 1 {
			e.Outputs = append(e.Outputs, one)
		} else {
			e.Accuracy, e.MAE = one.Accuracy, one.MAE
		}
	}
	return e, nil
}

// ready prepares data for a model that is only asked.
func (m *Model) ready(d *Data, withLabels bool) (*prepared, error) {
	if m == nil {
		return nil, m.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if withLabels {
		return m.prepareLabels(d, m.lossesUsed(), false)
	}
	return m.prepare(d, false)
}

// lastObjectives are those of the last Fit; before any, those that Fit would take by itself. Every output weighs 1.
func (m *Model) lastObjectives(p *prepared) (objectives, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objectives(p, m.lossesUsed(), nil)
}

// judge gives the means of what is judged over data. The model's lock is held for a batch at a time.
func (m *Model) judge(p *prepared, o objectives) (tally, error) {
	var sum tally
	err := p.chunks(func(r run) error {
		out, err := m.compute(p, r, true, func() (*model.Exec, error) { return m.evalStep(o, r.size) }, shares(len(r.rows), r.size.batch))
		if err != nil {
			return err
		}
		sum.add(out[0], 1)
		return nil
	})
	return sum.over(p.n), err
}

// compute runs a program on a run of data: its inputs, its labels if they are asked for, then what else is given.
func (m *Model) compute(p *prepared, r run, labels bool, program func() (*model.Exec, error), more ...*tensors.Tensor) ([][]float32, error) {
	x, y, err := p.tensors(r, labels)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.alive(); err != nil {
		return nil, err
	}
	exec, err := program()
	if err != nil {
		return nil, err
	}
	return call(exec, append(append(x, y...), more...)...)
}

// alive checks, with the lock held, that the model can compute still.
func (m *Model) alive() error {
	if m.inDims == nil {
		return errors.New("mlx: the model was reset in the meantime")
	}
	return m.move()
}
