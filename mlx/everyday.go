package mlx

import "golab/mlx/layers"

// The everyday layers, so that a first notebook needs one import. They are those of golab/mlx/layers.

// Activation is a function applied to every number by itself: [layers.Activation].
type Activation = layers.Activation

// The activations of [golab/mlx/layers].
var (
	ReLU      = layers.ReLU
	LeakyReLU = layers.LeakyReLU
	GELU      = layers.GELU
	SiLU      = layers.SiLU
	Tanh      = layers.Tanh
	Sigmoid   = layers.Sigmoid
)

// Dense multiplies by a matrix, adds a bias and applies the activations: [layers.Dense].
func Dense(units int, activation ...Activation) Layer { return layers.Dense(units, activation...) }

// Dropout sets each number to 0 with the given probability while training: [layers.Dropout].
func Dropout(rate float64) Layer { return layers.Dropout(rate) }

// Flatten makes a row of numbers of each example: [layers.Flatten].
func Flatten() Layer { return layers.Flatten() }

// Reshape gives each example another shape with as many numbers, such as Reshape(8, 8, 1) for [batch, 64]: [layers.Reshape].
func Reshape(dims ...int) Layer { return layers.Reshape(dims...) }

// LayerNorm brings the last axis of each example to mean 0 and variance 1: [layers.LayerNorm].
func LayerNorm() Layer { return layers.LayerNorm() }

// BatchNorm brings each channel (the last axis) to mean 0 and variance 1 over the batch: [layers.BatchNorm].
func BatchNorm() Layer { return layers.BatchNorm() }
