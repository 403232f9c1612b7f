//go:build cgo && !noxla && (linux || darwin)

package mlx

import (
	"os"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

const haveXLA = true

func init() {
	// The plugins are ours to fetch (golab/install), and XLA is to keep its notes on its own working to itself.
	// XLA reads the level as its plugin is loaded.
	setenvDefault("GOMLX_NO_AUTO_INSTALL", "1")
	setenvDefault("TF_CPP_MIN_LOG_LEVEL", "3")
}

func setenvDefault(key, value string) {
	if os.Getenv(key) == "" {
		os.Setenv(key, value)
	}
}

func openXLA(plugin string) (compute.Backend, error) { return xla.New(plugin) }
