package viz

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/gomlx/core/tensors"

	"golab/kernel/nb"
)

func text(t *testing.T, v any) string {
	t.Helper()
	s, ok := bundle(v)[mimeText].(string)
	if !ok {
		t.Fatalf("no text for a %T", v)
	}
	return s
}

func TestDataframe(t *testing.T) {
	df := dataframe.ReadCSV(strings.NewReader("name,age,ok,height\nann,3,true,1.5\nbob,NA,false,NaN\n王小明,4,true,2.25\n"))
	want := `   name    age     ok  height
0  ann       3   true    1.50
1  bob       –  false       –
2  王小明    4   true    2.25
3 rows × 4 columns`
	if got := text(t, df); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := text(t, &df); got != want {
		t.Error("a pointer shows something else")
	}
	html := bundle(df)[mimeHTML].(string)
	for _, part := range []string{">string</th>", ">float</th>", `title="missing">–</td>`, "3 rows × 4 columns", `<td style="text-align:left">ann</td>`, "<td>2.25</td>"} {
		if !strings.Contains(html, part) {
			t.Errorf("no %s in %s", part, html)
		}
	}
}

func TestLongWide(t *testing.T) {
	var cols []series.Series
	for c := range 65 {
		values := make([]int, 1797)
		for r := range values {
			values[r] = r * c
		}
		cols = append(cols, series.New(values, series.Int, fmt.Sprintf("p%d", c)))
	}
	df := dataframe.New(cols...)
	html := bundle(df)[mimeHTML].(string)
	for part, n := range map[string]int{"<tr>": 2 + 11, "⋮": 22, ">p9<": 1, ">p10<": 0, ">p55<": 1, "1,797 rows × 65 columns": 1, "<th>1796</th>": 1} {
		if got := strings.Count(html, part); got != n {
			t.Errorf("%q %d times, want %d", part, got, n)
		}
	}
	if len(html) > 12_000 {
		t.Errorf("%d bytes", len(html))
	}
}

func TestTableEscape(t *testing.T) {
	evil := `<img src=x onerror="alert(1)">&'`
	df := dataframe.New(series.New([]string{evil, "NaN", strings.Repeat("语", 500), "\xff\x00"}, series.String, evil))
	for _, v := range []any{df, df.Col(evil), fmt.Errorf("%s", evil)} {
		if html := bundle(v)[mimeHTML].(string); strings.Contains(html, "<img") || strings.Contains(html, "onerror=\"") {
			t.Errorf("%T: %s", v, html)
		}
	}
}

func TestTensor(t *testing.T) {
	gone := tensors.FromValue([]float32{1, 2})
	gone.MustFinalizeAll()
	big := make([]float32, 1797*64)
	for i := range big {
		big[i] = float32(i % 17)
	}
	for want, v := range map[string]any{
		"Tensor Float32 scalar: 2.5":                 tensors.FromScalar(float32(2.5)),
		"   0  1\n0  1  2\nTensor Int32 [2]":         tensors.FromValue([]int32{1, 2}),
		"      0\n0   true\n1  false\nTensor Bool":   tensors.FromValue([][]bool{{true}, {false}}),
		"Tensor Float64 [2 2 2], the first 2 × 2 of": tensors.FromValue([][][]float64{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}),
		"Tensor Float32 [1797 64]":                   tensors.FromFlatDataAndDimensions(big, 1797, 64),
		"no values":                                  tensors.FromFlatDataAndDimensions([]float32{}, 0, 3),
		"finalized":                                  gone,
		"(1+2i)":                                     tensors.FromValue([]complex64{1 + 2i}),
	} {
		if got := text(t, v); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

type dense struct{ rows, cols int }

func (d dense) Dims() (int, int)        { return d.rows, d.cols }
func (d dense) At(row, col int) float64 { return float64(row) / float64(col) }

type lying struct{ dense }

func (lying) At(int, int) float64 { panic("out of range") }

func TestMatrices(t *testing.T) {
	for want, v := range map[string]any{
		"       0      1\n0    NaN": nil,
		"2 rows × 2 columns":        dense{2, 2},
		"out of range":              lying{dense{2, 2}},
		"1  3  –":                   [][]float64{{1, 2}, {3}},
		"[][]int · 0 rows":          [][]int{},
		"0  0.5":                    [][]float32{{0.5}},
		"arguments have different":  dataframe.New(series.Ints([]int{1}), series.Ints([]int{1, 2})),
		"[1 2]":                     []int{1, 2},
		"[[1 2]]":                   [][]byte{{1, 2}},
	} {
		if v == nil {
			continue
		}
		if got := text(t, v); !strings.Contains(got, want) {
			t.Errorf("%T: got\n%s\nwant\n%s", v, got, want)
		}
	}
}

// TestRenderNothing: renderers leave alone what they do not know, nil pointers of their types among it.
func TestRenderNothing(t *testing.T) {
	var df *dataframe.DataFrame
	var s *series.Series
	var tensor *tensors.Tensor
	for _, v := range []any{nil, 3, "x", []string{"a"}, struct{}{}, df, s, tensor, map[string]int{}, []any{nil}, func() {}} {
		for _, render := range nb.Renderers() {
			if b := render(v); b != nil {
				t.Errorf("%T shows as %v", v, b)
			}
		}
	}
}

func million() dataframe.DataFrame {
	const n = 1_000_000
	r := rand.New(rand.NewPCG(1, 2))
	var cols []series.Series
	for c := range 8 {
		values := make([]float64, n)
		for i := range values {
			values[i] = r.NormFloat64()
		}
		values[3] = math.NaN()
		cols = append(cols, series.New(values, series.Float, fmt.Sprint("c", c)))
	}
	return dataframe.New(cols...)
}

func BenchmarkMillionRows(b *testing.B) {
	df := million()
	for b.Loop() {
		bundle(df)
	}
}
