package mlx

import (
	"slices"
)

// FromSequences makes data of sequences of different lengths, such as the ids of words, with a label each; y may be nil: no labels. Shorter
// ones are filled up with pad at the end: give layers.Embedding the same number with Padding, so that it is never read. A model
// that takes them takes any length; see [Data.PadTo] and [Data.Bucketed].
func FromSequences[X Number, Y Label](x [][]X, y []Y, pad X) *Data {
	if len(x) == 0 {
		return badData("no sequences")
	}
	s := sequences{pad: float32(pad), x: make([][]float32, len(x))}
	longest := 0
	for i, one := range x {
		if len(one) == 0 {
			return badData("sequence %d is empty; leave it out, or give it one element that means nothing", i)
		}
		s.x[i] = convert(one)
		if j := notFinite(s.x[i]); j >= 0 {
			return badData("sequence %d is %v at place %d", i, s.x[i][j], j)
		}
		longest = max(longest, len(one))
	}
	d := &Data{n: len(x), inputs: []input{{dims: []int{longest}, reader: s, buckets: []int{longest}}}}
	if y == nil {
		return d
	}
	return withLabels(d, y)
}

// sequences are examples of different lengths.
type sequences struct {
	x   [][]float32
	pad float32
}

func (s sequences) read(row int, x []float32) error {
	for i := copy(x, s.x[row]); i < len(x); i++ {
		x[i] = s.pad
	}
	return nil
}

func (s sequences) pick(rows []int) reader {
	out := sequences{pad: s.pad}
	for _, r := range rows {
		out.x = append(out.x, s.x[r])
	}
	return out
}

func (sequences) slow() bool { return false }

// PadTo makes all sequences as long as length: shorter ones are filled up, of longer ones the beginning is kept. A model that needs one
// length, as with Flatten, takes this.
func (d *Data) PadTo(length int) *Data {
	return d.lengths("PadTo", func(in *input) { in.dims, in.buckets = []int{length}, nil }, length)
}

// Bucketed makes every batch of sequences of similar length, padded to one of these lengths only: less work than padding all to
// the longest. Of sequences longer than the last the beginning is kept. Each length is compiled once.
func (d *Data) Bucketed(lengths ...int) *Data {
	lengths = slices.Compact(slices.Sorted(slices.Values(lengths)))
	return d.lengths("Bucketed", func(in *input) { in.dims, in.buckets = []int{lengths[len(lengths)-1]}, lengths }, lengths...)
}

func (d *Data) lengths(what string, set func(*input), lengths ...int) *Data {
	return d.change(func(c *Data) *Data {
		if len(lengths) == 0 || lengths[0] < 1 {
			return badData("%s: lengths %v; they must be 1 or more", what, lengths)
		}
		found := false
		for i := range c.inputs {
			if _, ok := c.inputs[i].reader.(sequences); ok {
				set(&c.inputs[i])
				found = true
			}
		}
		if !found {
			return badData("%s: the data has no sequences; FromSequences makes them", what)
		}
		return c
	})
}

// bucket is the index of the length that a row is padded to.
func (in input) bucket(row int) int {
	s, ok := in.reader.(sequences)
	if !ok || len(in.buckets) < 2 {
		return 0
	}
	b, _ := slices.BinarySearch(in.buckets, len(s.x[row]))
	return min(b, len(in.buckets)-1)
}
