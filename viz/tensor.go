package viz

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/gomlx/gomlx/core/tensors"

	"golab/kernel/nb"
	"golab/viz/internal/table"
)

func init() { nb.RegisterRenderer(renderTensor) }

// renderTensor shows a tensor's shape and type, and its first and last values as a table: of one with more than two
// axes, the first matrix.
func renderTensor(v any) nb.Bundle {
	t, ok := v.(*tensors.Tensor)
	if !ok || t == nil {
		return nil
	}
	return guard(v, func() nb.Bundle {
		var b nb.Bundle
		err := readTensor(t, func(at func(int) reflect.Value) { b = tensorBundle(t, at) })
		if err != nil {
			return failure(err)
		}
		return b
	})
}

// readTensor gives f access to t's values, in row-major order, for as long as f runs.
func readTensor(t *tensors.Tensor, f func(at func(int) reflect.Value)) error {
	if err := t.CheckValid(); err != nil {
		return errors.New("this tensor holds no values any more: it was finalized, or donated to a computation")
	}
	wasLocal := t.HasLocal()
	err := t.ConstFlatData(func(flat any) {
		if t.DType().IsPacked() {
			packed := flat.([]uint8)
			f(func(i int) reflect.Value { return reflect.ValueOf(tensors.UnpackSubByteAt(packed, t.DType(), i)) })
			return
		}
		values := reflect.ValueOf(flat)
		f(func(i int) reflect.Value { return values.Index(i) })
	})
	if !wasLocal && t.IsOnAnyDevice() {
		t.FinalizeLocal() // the copy from the device was for showing it
	}
	if err != nil {
		return fmt.Errorf("reading the tensor: %w", err)
	}
	return nil
}

func tensorBundle(t *tensors.Tensor, at func(int) reflect.Value) nb.Bundle {
	shape := t.Shape()
	dims := shape.Dimensions
	head := fmt.Sprintf("Tensor %s %v", shape.DType, dims)
	if len(dims) == 0 {
		head = fmt.Sprintf("Tensor %s scalar: %s", shape.DType, element(at(0)))
		return nb.Bundle{mimeText: head}
	}
	if shape.Size() == 0 {
		return nb.Bundle{mimeText: head + ", no values"}
	}
	rows, cols := 1, dims[len(dims)-1]
	if len(dims) > 1 {
		rows = dims[len(dims)-2]
	}
	if len(dims) > 2 {
		head += fmt.Sprintf(", the first %d × %d of %d", rows, cols, shape.Size()/(rows*cols))
	}
	tab := table.Table{Rows: rows, Caption: head, NoShape: true}
	for c := range cols {
		column := table.Column{Name: strconv.Itoa(c)}
		if _, ok := float(at(0)); ok {
			column.Float = func(r int) float64 { f, _ := float(at(r*cols + c)); return f }
		} else {
			column.Text = func(r int) (string, bool) { return element(at(r*cols + c)), true }
		}
		tab.Columns = append(tab.Columns, column)
	}
	return tableBundle(tab)
}

// float is v as a number with a fraction; 16-bit floats convert themselves.
func float(v reflect.Value) (float64, bool) {
	if v.CanFloat() {
		return v.Float(), true
	}
	if f, ok := v.Interface().(interface{ Float32() float32 }); ok {
		return float64(f.Float32()), true
	}
	return math.NaN(), false
}

func element(v reflect.Value) string {
	if f, ok := float(v); ok {
		return strconv.FormatFloat(f, 'g', 6, 64)
	}
	return fmt.Sprint(v.Interface())
}
