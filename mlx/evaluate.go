package mlx

import (
	"errors"
	"fmt"
	"math"
)

// Evaluation is how well a model does on labelled data.
type Evaluation struct {
	Examples int
	Loss     float64 // mean over the examples
	Accuracy float64 // share of the classes that were right, 0 to 1; NaN for values
	MAE      float64 // mean absolute error; NaN for classes, and for labels that are no targets of the outputs
}

// String says it in one line.
func (e Evaluation) String() string {
	if math.IsNaN(e.Accuracy) && math.IsNaN(e.MAE) {
		return fmt.Sprintf("loss %.4f (%d examples)", e.Loss, e.Examples)
	}
	if math.IsNaN(e.Accuracy) {
		return fmt.Sprintf("loss %.4f, mean absolute error %.4f (%d examples)", e.Loss, e.MAE, e.Examples)
	}
	return fmt.Sprintf("loss %.4f, accuracy %.2f %% (%d examples)", e.Loss, 100*e.Accuracy, e.Examples)
}

// Evaluate judges a model by labelled data, as it is after training: without dropout, with the moving means of batch
// normalization. The loss is that of the last [Fit]; before any, the one that Fit would take by itself.
//
// Errors: the data has no labels, or other inputs or classes than the model was trained on.
func Evaluate(m *Model, data *Data) (Evaluation, error) {
	p, err := m.ready(data, true)
	if err != nil {
		return Evaluation{}, err
	}
	m.mu.Lock()
	loss := m.loss
	if loss == nil {
		loss = m.lossFor(p)
	}
	m.mu.Unlock()
	s, err := m.judge(p, loss)
	if err != nil {
		return Evaluation{}, err
	}
	e := Evaluation{Examples: p.n, Loss: s.loss, Accuracy: math.NaN(), MAE: math.NaN()}
	switch counted(p, loss) {
	case "accuracy":
		e.Accuracy = s.hits
	case "mae":
		e.MAE = s.hits
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
		return m.prepareLabels(d, m.loss, false)
	}
	return m.prepare(d, false)
}

type score struct{ loss, hits float64 }

// judge gives the mean loss and hits over data. The model's lock is held for a batch at a time.
func (m *Model) judge(p *prepared, loss Loss) (s score, err error) {
	err = p.chunks(func(rows []int, size int) error {
		w := shares(len(rows), size)
		rows = padded(rows, size)
		x, y := p.inputs(rows), p.targets(rows)
		m.mu.Lock()
		defer m.mu.Unlock()
		if err := m.alive(); err != nil {
			return err
		}
		exec, err := m.evalStep(loss, size)
		if err != nil {
			return err
		}
		out, err := call(exec, x, y, w)
		if err != nil {
			return err
		}
		s.loss += float64(out[0])
		s.hits += float64(out[1])
		return nil
	})
	s.loss /= float64(p.n)
	s.hits /= float64(p.n)
	return s, err
}

// alive checks, with the lock held, that the model can compute still.
func (m *Model) alive() error {
	if m.inDims == nil {
		return errors.New("mlx: the model was reset in the meantime")
	}
	return m.move()
}
