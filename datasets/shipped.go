package datasets

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
)

//go:embed data/digits.csv.gz
var digitsGz []byte

//go:embed data/iris.csv
var irisCSV []byte

// Digits is the test part of the Optical Recognition of Handwritten Digits data: 1,797 images of 8×8 pixels, written by
// 13 people.
//
// Columns: pixel_0_0, pixel_0_1, … pixel_7_7 (row by row, int, 0 is paper and 16 is ink) and label (int, 0 to 9). Each
// digit has 174 to 183 images. Nothing is missing.
//
// Source: Alpaydin and Kaynak (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0;
// see data/SOURCES.md.
func Digits() dataframe.DataFrame {
	names := make([]string, 0, 65)
	for y := range 8 {
		for x := range 8 {
			names = append(names, fmt.Sprintf("pixel_%d_%d", y, x))
		}
	}
	names = append(names, "label")
	columns := make([][]int, len(names))
	for _, record := range records(gunzip(digitsGz)) {
		for i, field := range record {
			columns[i] = append(columns[i], must(strconv.Atoi(field)))
		}
	}
	all := make([]series.Series, len(names))
	for i, name := range names {
		all[i] = series.New(columns[i], series.Int, name)
	}
	return dataframe.New(all...)
}

// Iris is Fisher's data: 150 flowers, 50 of each of three species of iris.
//
// Columns: sepal_length, sepal_width, petal_length, petal_width (float, cm) and species (string: setosa, versicolor,
// virginica). The rows are sorted by species. Nothing is missing.
//
// Source: Fisher (1936), https://doi.org/10.24432/C56C76, CC BY 4.0; the values are those of the paper. See data/SOURCES.md.
func Iris() dataframe.DataFrame {
	rows := records(bytes.NewReader(irisCSV))
	species := rows[0][2:]
	names := []string{"sepal_length", "sepal_width", "petal_length", "petal_width"}
	columns := make([][]float64, len(names))
	var kinds []string
	for _, record := range rows[1:] {
		for i := range names {
			columns[i] = append(columns[i], must(strconv.ParseFloat(record[i], 64)))
		}
		kinds = append(kinds, species[must(strconv.Atoi(record[4]))])
	}
	var all []series.Series
	for i, name := range names {
		all = append(all, series.New(columns[i], series.Float, name))
	}
	return dataframe.New(append(all, series.New(kinds, series.String, "species"))...)
}

// Except lists the columns of df, in order, without those given: what is left to learn from when the label is set aside.
// A name that df does not have is left out of nothing; the step that uses the list sees to it.
func Except(df dataframe.DataFrame, columns ...string) []string {
	without := make(map[string]bool, len(columns))
	for _, c := range columns {
		without[c] = true
	}
	var names []string
	for _, name := range df.Names() {
		if !without[name] {
			names = append(names, name)
		}
	}
	return names
}

// The shipped files are part of the program and checked by a test: an error in one is a bug, not bad input.

func gunzip(b []byte) io.Reader { return must(gzip.NewReader(bytes.NewReader(b))) }

func records(r io.Reader) [][]string {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	return must(c.ReadAll())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("datasets: shipped file: " + err.Error())
	}
	return v
}

// failed is a dataframe that carries an error, as gota's own functions return it.
func failed(format string, args ...any) dataframe.DataFrame {
	return dataframe.DataFrame{Err: fmt.Errorf("datasets: "+format, args...)}
}

// column finds a column by name, or says which there are.
func column(df dataframe.DataFrame, name string) (series.Series, error) {
	for _, n := range df.Names() {
		if n == name {
			return df.Col(name), nil
		}
	}
	return series.Series{}, fmt.Errorf("no column %q; the columns are %s", name, list(df.Names()))
}

// list writes names for an error: all when they are few, else the first and the last.
func list(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s, … %s (%d)", strings.Join(names[:4], ", "), names[len(names)-1], len(names))
	}
	return strings.Join(names, ", ")
}
