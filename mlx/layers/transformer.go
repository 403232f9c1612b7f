package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// TransformerLayer is a block of a Transformer, made by [TransformerEncoder] or [TransformerDecoder]. Its methods give changed copies:
//
//	layers.TransformerEncoder(4, 256).Dropout(0.1)
//
// Around each of its parts, attention and two dense layers at every step, there is a residual connection. It normalizes what goes into each
// part (Xiong et al. 2020, https://arxiv.org/abs/2002.04745), unless [TransformerLayer.PostNorm] says otherwise. After the last of
// such blocks comes one more [LayerNorm].
//
// Variables: those of [MultiHeadAttention] in self_attention and cross_attention, of [Dense] in hidden [features, hidden] and output
// [hidden, features], of [LayerNorm] in self_attention_norm, cross_attention_norm and feed_forward_norm.
type TransformerLayer struct {
	kind          string
	heads, hidden int
	decoder, post bool
	dropout       float64
	activation    Activation
}

// TransformerEncoder is the block of BERT: self-attention, and dense layers of hidden and features numbers with GELU between, at every
// step. [batch, steps, features] stays so; heads must divide the features. Vaswani et al. (2017),
// https://arxiv.org/abs/1706.03762; PyTorch's TransformerEncoderLayer with batch_first, activation="gelu" and norm_first.
func TransformerEncoder(heads, hidden int) TransformerLayer {
	return TransformerLayer{kind: "transformer_encoder", heads: heads, hidden: hidden, activation: GELU}
}

// TransformerDecoder is the block of GPT: as TransformerEncoder, but no step looks at later ones. Given a memory by
// [TransformerLayer.ApplyTo] it is the decoder of a translator, with cross-attention to it after the self-attention; PyTorch's
// TransformerDecoderLayer.
func TransformerDecoder(heads, hidden int) TransformerLayer {
	return TransformerLayer{kind: "transformer_decoder", heads: heads, hidden: hidden, decoder: true, activation: GELU}
}

// PostNorm normalizes after each residual connection, as in the original paper.
func (l TransformerLayer) PostNorm() TransformerLayer { l.post = true; return l }

// Dropout drops what each part gives, what attention looks at, and what the hidden layer gives; see [Dropout].
func (l TransformerLayer) Dropout(rate float64) TransformerLayer { l.dropout = rate; return l }

// Activation replaces GELU in the hidden layer.
func (l TransformerLayer) Activation(a Activation) TransformerLayer { l.activation = a; return l }

// Kind is the layer's name, such as "transformer_encoder".
func (l TransformerLayer) Kind() string { return l.kind }

// PerExample says that it treats every example by itself.
func (l TransformerLayer) PerExample() bool { return true }

// Apply builds the block without cross-attention.
func (l TransformerLayer) Apply(scope *model.Scope, x *graph.Node) *graph.Node {
	return l.build(scope, x, nil)
}

// ApplyTo builds a decoder's block with cross-attention to memory, [batch, steps', features'], what the encoder made.
func (l TransformerLayer) ApplyTo(scope *model.Scope, x, memory *graph.Node) *graph.Node {
	if !l.decoder {
		panic(fmt.Errorf("an encoder looks at nothing but its input; use TransformerDecoder"))
	}
	return l.build(scope, x, memory)
}

// ApplyAll is ApplyTo: it takes x and the memory.
func (l TransformerLayer) ApplyAll(scope *model.Scope, xs ...*graph.Node) *graph.Node {
	x, memory := two(xs)
	return l.ApplyTo(scope, x, memory)
}

func (l TransformerLayer) build(scope *model.Scope, x, memory *graph.Node) *graph.Node {
	steps(x)
	if l.hidden < 1 {
		panic(fmt.Errorf("its hidden layer has %d units; it needs 1 or more", l.hidden))
	}
	mask := Mask(x)
	attention := MultiHeadAttention(l.heads).Dropout(l.dropout)
	own := attention
	if l.decoder {
		own = own.Causal()
	}
	x = l.part(scope, "self_attention", x, mask, func(x *graph.Node) *graph.Node { return own.Apply(scope.In("self_attention"), x) })
	if memory != nil {
		x = l.part(scope, "cross_attention", x, mask, func(x *graph.Node) *graph.Node {
			return attention.ApplyTo(scope.In("cross_attention"), x, memory)
		})
	}
	return l.part(scope, "feed_forward", x, mask, func(x *graph.Node) *graph.Node {
		features := x.Shape().Dim(-1)
		hidden := scope.In("hidden")
		x = Dropout(l.dropout).Apply(hidden, Dense(l.hidden, l.activation).Apply(hidden, x))
		return Dense(features).Apply(scope.In("output"), x)
	})
}

// part is a part of the block with its residual connection, normalization and dropout. It records x's mask of the result.
func (l TransformerLayer) part(scope *model.Scope, name string, x, mask *graph.Node, f func(x *graph.Node) *graph.Node) *graph.Node {
	norm := func(x *graph.Node) *graph.Node {
		return WithMask(LayerNorm().Apply(scope.In("%s_norm", name), x), mask)
	}
	dropped := func(x *graph.Node) *graph.Node { return Dropout(l.dropout).Apply(scope.In("%s_dropout", name), x) }
	if l.post {
		return norm(graph.Add(x, dropped(f(x))))
	}
	return WithMask(graph.Add(x, dropped(f(norm(x)))), mask)
}
