//go:build !cgo || noxla || !(linux || darwin)

package mlx

import "github.com/gomlx/compute"

const haveXLA = false

func openXLA(string) (compute.Backend, error) { panic("unreachable: haveXLA is false") }
