// Package home says where GoLab keeps its files on this machine: what `install` puts there and the rest of GoLab reads.
//
// Everything lives below two folders, both private to the user:
//
//   - [Dir]: what was installed (kernel binaries, Python environment, ECharts, PJRT plugins). $GOLAB_HOME, or the
//     platform's data folder.
//   - [Cache]: what can be made again (compiled packages, built cells). $GOLAB_CACHE, or the platform's cache folder.
package home

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Pinned version of ECharts; install/fetch holds the hash that goes with it.
const EChartsVersion = "5.6.0"

// Dir is GoLab's data folder. It may not exist yet. It is empty only if the user has no home folder and GOLAB_HOME is unset.
func Dir() string {
	if d := os.Getenv("GOLAB_HOME"); d != "" {
		return d
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" && filepath.IsAbs(d) {
		return filepath.Join(d, "golab")
	}
	h, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(h, "Library", "Application Support", "golab")
	}
	return filepath.Join(h, ".local", "share", "golab")
}

// Cache is the folder for what GoLab can make again. It may not exist yet.
func Cache() string {
	if d := os.Getenv("GOLAB_CACHE"); d != "" {
		return d
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), fmt.Sprintf("golab-%d", os.Getuid()))
	}
	return filepath.Join(d, "golab")
}

// History is the database of the cells that were run: $GOLAB_HISTORY, or a file in Dir. It is empty if none is to be kept:
// GOLAB_HISTORY is "off", or there is no Dir.
func History() string {
	switch file, dir := os.Getenv("GOLAB_HISTORY"), Dir(); {
	case file == "off", file == "" && dir == "":
		return ""
	case file != "":
		return file
	default:
		return filepath.Join(dir, "history.db")
	}
}

// Bin is the folder of the installed kernel binaries.
func Bin() string { return filepath.Join(Dir(), "bin") }

// Gopls is the path of Go's language server, whether or not it is there.
func Gopls() string { return filepath.Join(Dir(), "tools", "gopls", "gopls") }

// Delve is the path of the debugger, whether or not it is there.
func Delve() string { return filepath.Join(Dir(), "tools", "delve", "dlv") }

// ECharts is the path of the pinned echarts.min.js, whether or not it is there.
func ECharts() string { return filepath.Join(Dir(), "echarts", EChartsVersion, "echarts.min.js") }

// XLACPU is the path of the PJRT plugin for the CPU, whether or not it is there.
func XLACPU() string { return filepath.Join(Dir(), "pjrt", "cpu", "xla_cpu_pjrt.so") }

// XLACUDA is the path of the PJRT plugin for NVIDIA GPUs, whether or not it is there.
func XLACUDA() string { return filepath.Join(Dir(), "pjrt", "cuda", "xla_cuda_plugin.so") }
