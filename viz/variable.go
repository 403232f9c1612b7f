package viz

import (
	"fmt"
	"image"
	"reflect"
	"strings"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/kernel/nb"
)

func init() { nb.RegisterSummary(summarize) }

// summarize says in a line what a list of variables shows of tensors, dataframes, series, matrices and images.
func summarize(v any, busy bool) (s *nb.Summary) {
	defer func() {
		if recover() != nil {
			s = nil
		}
	}()
	switch v := v.(type) {
	case *tensors.Tensor:
		if v != nil {
			return tensorSummary(v, busy)
		}
		return nil
	case *dataframe.DataFrame:
		if v != nil {
			return dataframeSummary(*v)
		}
		return nil
	case dataframe.DataFrame:
		return dataframeSummary(v)
	case *series.Series:
		if v != nil {
			return seriesSummary(*v)
		}
		return nil
	case series.Series:
		return seriesSummary(v)
	}
	if busy { // others may take locks, and types of cells implement these interfaces, too
		return nil
	}
	if t := reflect.TypeOf(v); t == nil || t.Kind() != reflect.Pointer || t.Elem().PkgPath() == "nb" || reflect.ValueOf(v).IsNil() {
		return nil
	}
	switch v := v.(type) {
	case matrix:
		rows, cols := v.Dims()
		return &nb.Summary{Shape: fmt.Sprintf("%d×%d", rows, cols), Value: strings.TrimPrefix(fmt.Sprintf("%T", v), "*") + " " + matrixStart(v, rows, cols)}
	case image.Image:
		size := v.Bounds().Size()
		return &nb.Summary{Shape: fmt.Sprintf("%d×%d", size.X, size.Y), Value: fmt.Sprintf("image of %d × %d pixels", size.X, size.Y)}
	}
	return nil
}

// previewed is how many values of a whole are shown in a line.
const previewed = 6

// tensorSummary says where the values of a tensor are and which are the first, if they are in the computer's memory: those of
// a device are not fetched for a list.
func tensorSummary(t *tensors.Tensor, busy bool) *nb.Summary {
	shape := t.Shape()
	s := &nb.Summary{Shape: "scalar"}
	if dims := shape.Dimensions; len(dims) > 0 {
		s.Shape = strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", "×")
	}
	s.Value = shape.DType.String()
	if busy { // what computes with it holds its lock
		return s
	}
	if t.CheckValid() != nil {
		s.Value += ", finalized"
		return s
	}
	s.Size = shape.ByteSize()
	local, device := t.HasLocal(), t.IsOnAnyDevice()
	switch {
	case local && device && !t.IsShared():
		s.Value += ", local and on device"
	case device && !local, t.IsShared():
		s.Value += ", on device"
	default:
		s.Value += ", local"
	}
	if !local || shape.Size() == 0 {
		return s
	}
	_ = readTensor(t, func(at func(int) reflect.Value) {
		s.Value += ": " + start(shape.Size(), func(i int) string { return element(at(i)) })
	})
	return s
}

// start writes the first of n values.
func start(n int, text func(i int) string) string {
	var parts []string
	for i := range min(n, previewed) {
		parts = append(parts, text(i))
	}
	if n > previewed {
		parts = append(parts, "…")
	}
	return strings.Join(parts, " ")
}

func matrixStart(m matrix, rows, cols int) string {
	if rows <= 0 || cols <= 0 {
		return ""
	}
	return start(rows*cols, func(i int) string { return element(reflect.ValueOf(m.At(i/cols, i%cols))) })
}

func dataframeSummary(df dataframe.DataFrame) *nb.Summary {
	if df.Err != nil {
		return &nb.Summary{Value: "no data, an error: " + df.Err.Error()}
	}
	rows, cols := df.Dims()
	names, types := df.Names(), df.Types()
	var columns []string
	var size int64
	for i, n := range names {
		columns = append(columns, fmt.Sprintf("%s %s", n, types[i]))
		size += int64(rows) * elementSize(types[i])
	}
	return &nb.Summary{Shape: fmt.Sprintf("%d×%d", rows, cols), Value: strings.Join(columns, ", "), Size: size}
}

func seriesSummary(s series.Series) *nb.Summary {
	if s.Err != nil {
		return &nb.Summary{Value: "no data, an error: " + s.Err.Error()}
	}
	items := fmt.Sprintf("%d items", s.Len())
	if s.Len() == 1 {
		items = "1 item"
	}
	values := start(s.Len(), func(i int) string { return s.Elem(i).String() })
	return &nb.Summary{Shape: items, Value: fmt.Sprintf("%s %s: %s", s.Name, s.Type(), values), Size: int64(s.Len()) * elementSize(s.Type())}
}

// elementSize is what gota keeps for an element, without the bytes of strings: the value, and whether there is one.
func elementSize(t series.Type) int64 {
	switch t {
	case series.String:
		return 24
	case series.Bool:
		return 2
	}
	return 16
}
