// Package layers are the layers of mlx's models.
//
//	mlx.Sequential(
//		layers.Conv2D(32, 3, layers.ReLU).Same(),
//		layers.MaxPool2D(2),
//		layers.Flatten(),
//		layers.Dense(10),
//	)
//
// # Options
//
// What a layer always needs stands in the call, activations last. Everything else is a method that gives a changed copy, so that
// completion after a dot offers exactly what the layer takes:
//
//	layers.LSTM(256).Bidirectional().Stacked(2).Dropout(0.5)
//
// Layers are values: they may be kept, varied and used in several models or places; each use has variables of its own.
//
// # Shapes
//
// The first axis is the batch, the last the features or channels: [batch, features], [batch, steps, features], [batch, height,
// width, channels], of float32. A layer that is given another shape than it takes panics with an error that names both;
// whoever builds the model returns it, with the name of the layer.
//
// # Padding
//
// [EmbeddingLayer.Padding] and [Masking] record which steps of a sequence are real; recurrent layers, attention and global pooling
// don't look at the others. See [Mask] and [WithMask] for layers of one's own.
//
// # Same everywhere
//
// All layers compute the same on every backend, up to rounding, with the same random numbers. Where GoMLX's own operations are wrong or slow
// on a backend, they are built of others; docs/mlx.md says which.
package layers
