package metrics

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// EditDistance is how many insertions, deletions and replacements make b of a: Levenshtein (1966).
func EditDistance[T comparable](a, b []T) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := diagonal
			if x != y {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// WordErrorRate is the edit distance in words, split at white space, over all texts, as a share of the true words: 0 is perfect, and it may
// exceed 1.
func WordErrorRate(truth, predicted []string) (float64, error) {
	return errorRate(truth, predicted, strings.Fields)
}

// CharacterErrorRate is the same in characters (Unicode code points).
func CharacterErrorRate(truth, predicted []string) (float64, error) {
	return errorRate(truth, predicted, func(s string) []rune { return []rune(s) })
}

func errorRate[T comparable](truth, predicted []string, split func(string) []T) (float64, error) {
	if err := same(len(truth), len(predicted)); err != nil {
		return nan, err
	}
	errs, all := 0, 0
	for i, t := range truth {
		want := split(t)
		errs += EditDistance(want, split(predicted[i]))
		all += len(want)
	}
	if all == 0 {
		return nan, errors.New("metrics: all true texts are empty")
	}
	return float64(errs) / float64(all), nil
}

// Perplexity is e to the mean negative log likelihood of the tokens: the number of equally likely ones that a model hesitates between.
// logLikelihoods are natural logarithms of the probabilities that it gave to the true tokens.
func Perplexity[F Float](logLikelihoods []F) (float64, error) {
	if err := same(len(logLikelihoods), len(logLikelihoods)); err != nil {
		return nan, err
	}
	sum := 0.0
	for i, v := range logLikelihoods {
		if !(v <= 0) {
			return nan, fmt.Errorf("metrics: log likelihood %d is %v; the logarithm of a probability is at most 0", i, v)
		}
		sum -= float64(v)
	}
	return math.Exp(sum / float64(len(logLikelihoods))), nil
}

// BLEU compares translations with one or more references each, over the whole corpus: the geometric mean of the shares of 1- to 4-grams that
// occur in a reference, as often at most, times e^(1-r/c) if the translations, c words, are shorter than the closest references, r. From 0 to
// 1. Words are split at white space. Papineni et al. (2002), https://doi.org/10.3115/1073083.1073135, without smoothing.
func BLEU(references [][]string, predicted []string) (float64, error) {
	if err := same(len(references), len(predicted)); err != nil {
		return nan, err
	}
	const order = 4
	var matches, all [order]float64
	length, closest := 0, 0
	for i, p := range predicted {
		if len(references[i]) == 0 {
			return nan, fmt.Errorf("metrics: text %d has no reference", i)
		}
		words := strings.Fields(p)
		length += len(words)
		best := -1
		var refs [][]string
		for _, r := range references[i] {
			ref := strings.Fields(r)
			refs = append(refs, ref)
			d, have := abs(len(ref)-len(words)), abs(best-len(words))
			if best < 0 || d < have || d == have && len(ref) < best {
				best = len(ref)
			}
		}
		closest += best
		for n := 1; n <= order; n++ {
			limit := map[string]int{}
			for _, ref := range refs {
				for gram, count := range grams(ref, n) {
					limit[gram] = max(limit[gram], count)
				}
			}
			for gram, count := range grams(words, n) {
				matches[n-1] += float64(min(count, limit[gram]))
				all[n-1] += float64(count)
			}
		}
	}
	sum := 0.0
	for n := range order {
		if matches[n] == 0 {
			return 0, nil
		}
		sum += math.Log(matches[n]/all[n]) / order
	}
	if length < closest {
		sum += 1 - float64(closest)/float64(length)
	}
	return math.Exp(sum), nil
}

// grams counts the runs of n words.
func grams(words []string, n int) map[string]int {
	out := map[string]int{}
	for i := 0; i+n <= len(words); i++ {
		out[strings.Join(words[i:i+n], " ")]++
	}
	return out
}

func abs(v int) int { return max(v, -v) }
