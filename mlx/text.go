package mlx

// Tokenizer makes numbers of text. Those of golab/datasets and of go-huggingface's tokenizers package are made to fit.
type Tokenizer interface {
	// Encode gives the ids of a text's tokens, 0 or more.
	Encode(text string) []int
	// Pad is the id that fills up; no token has it.
	Pad() int
}

// FromTexts makes data of texts with a label each; y may be nil: no labels. An example is the ids of its tokens, as [FromSequences] makes
// them: give layers.Embedding the same Padding as the tokenizer's. A text without tokens becomes one of padding alone.
func FromTexts[Y Label](texts []string, y []Y, t Tokenizer) *Data {
	if t == nil {
		return badData("FromTexts: the tokenizer is nil")
	}
	if len(texts) == 0 {
		return badData("FromTexts: no texts")
	}
	ids := make([][]int, len(texts))
	for i, text := range texts {
		if ids[i] = t.Encode(text); len(ids[i]) == 0 {
			ids[i] = []int{t.Pad()}
		}
		for j, id := range ids[i] {
			if id < 0 {
				return badData("FromTexts: the tokenizer gives text %d the id %d at place %d", i, id, j)
			}
		}
	}
	return FromSequences(ids, y, t.Pad())
}
