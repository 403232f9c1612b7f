//go:build cgo && !noxla && (linux || darwin)

package mlx

import (
	"io"
	"os"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"k8s.io/klog/v2"
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

func openXLA(plugin string) (compute.Backend, error) {
	// A plugin that can't be loaded is logged as well as returned; once is enough.
	defer klog.CaptureState().Restore()
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return xla.New(plugin)
}
