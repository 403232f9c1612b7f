// Package layers are the layers of mlx's models.
package layers
