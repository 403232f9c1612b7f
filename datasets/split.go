package datasets

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/go-gota/gota/dataframe"
)

// SplitOptions is how [Split] chooses rows. The zero value chooses at random with seed 0.
type SplitOptions struct {
	// Stratify names a column whose values both parts hold in the proportions of the whole, at least one row of each.
	// Empty: rows are chosen without looking at them.
	Stratify string
	// Seed chooses the rows: the same seed gives the same split, everywhere.
	Seed uint64
}

// Split deals the rows of df out to a training part and a test part. The test part gets the given fraction of the rows,
// between 0 and 1, rounded to a whole number. Both parts come in random order; no row is in both, none is lost.
//
// On an error both parts carry it in Err: df is empty or carries an error itself, test is out of range or leaves a part
// empty, the column to stratify by is missing, has a missing value, or has a value on one row only.
func Split(df dataframe.DataFrame, test float64, o SplitOptions) (training, testing dataframe.DataFrame) {
	fail := func(format string, args ...any) (a, b dataframe.DataFrame) {
		f := failed("split: "+format, args...)
		return f, f
	}
	if df.Err != nil {
		return fail("%w", df.Err)
	}
	n := df.Nrow()
	if n == 0 {
		return fail("the dataframe has no rows")
	}
	if !(test > 0 && test < 1) {
		return fail("test fraction is %v; it must lie between 0 and 1, such as 0.2", test)
	}
	want := int(math.Round(test * float64(n)))
	if want == 0 || want == n {
		return fail("a test fraction of %v of %d rows leaves one part empty", test, n)
	}

	groups := [][]int{make([]int, n)}
	for i := range n {
		groups[0][i] = i
	}
	shares := []int{want}
	if o.Stratify != "" {
		var values []string
		var err error
		if groups, values, err = group(df, o.Stratify); err != nil {
			return fail("%w", err)
		}
		if shares, err = apportion(groups, values, want, n, o.Stratify); err != nil {
			return fail("%w", err)
		}
	}

	rng := rand.NewPCG(o.Seed, 0x676f6c6162) // "golab": a stream of its own
	var first, second []int
	for i, rows := range groups {
		shuffle(rng, rows)
		second = append(second, rows[:shares[i]]...)
		first = append(first, rows[shares[i]:]...)
	}
	shuffle(rng, first)
	shuffle(rng, second)
	return df.Subset(first), df.Subset(second)
}

// group gathers the rows that share a value of a column; groups are in the order in which their values first appear.
func group(df dataframe.DataFrame, name string) (groups [][]int, values []string, err error) {
	col, err := column(df, name)
	if err != nil {
		return nil, nil, err
	}
	missing := col.IsNaN()
	index := map[string]int{}
	for row, value := range col.Records() {
		if missing[row] {
			return nil, nil, fmt.Errorf("column %q has a missing value in row %d", name, row)
		}
		i, ok := index[value]
		if !ok {
			i = len(groups)
			index[value] = i
			groups, values = append(groups, nil), append(values, value)
		}
		groups[i] = append(groups[i], row)
	}
	return groups, values, nil
}

// apportion says how many rows of each group go to the test part, want in all of n: in proportion, by largest remainder
// (Hamilton's method), with at least one row of each group on either side. Ties go to the earlier group.
func apportion(groups [][]int, values []string, want, n int, name string) ([]int, error) {
	shares := make([]int, len(groups))
	left := want
	for i, rows := range groups {
		if len(rows) < 2 {
			return nil, fmt.Errorf("column %q has the value %q only once (row %d): it can't be in both parts", name, values[i], rows[0])
		}
		shares[i] = min(max(want*len(rows)/n, 1), len(rows)-1)
		left -= shares[i]
	}
	if want < len(groups) || n-want < len(groups) {
		return nil, fmt.Errorf("column %q has %d values: parts of %d and %d rows can't both hold each of them", name, len(groups), n-want, want)
	}
	// What is left is dealt out one by one to the group that is furthest from its exact share and may still change.
	for left != 0 {
		step := 1
		if left < 0 {
			step = -1
		}
		best, gap := -1, 0
		for i, rows := range groups {
			next := shares[i] + step
			if next < 1 || next > len(rows)-1 {
				continue
			}
			if d := step * (want*len(rows) - shares[i]*n); best < 0 || d > gap {
				best, gap = i, d
			}
		}
		shares[best] += step
		left -= step
	}
	return shares, nil
}

// shuffle is Fisher and Yates's, on a generator whose numbers Go promises to keep; rand.Shuffle's use of them may change.
func shuffle(rng *rand.PCG, rows []int) {
	for i := len(rows) - 1; i > 0; i-- {
		j := below(rng, uint64(i+1))
		rows[i], rows[j] = rows[j], rows[i]
	}
}

// below draws a number from 0 to n-1, without bias: Lemire (2019), Fast random integer generation in an interval,
// https://doi.org/10.1145/3230636.
func below(rng *rand.PCG, n uint64) uint64 {
	hi, lo := bits.Mul64(rng.Uint64(), n)
	for threshold := -n % n; lo < threshold; {
		hi, lo = bits.Mul64(rng.Uint64(), n)
	}
	return hi
}
