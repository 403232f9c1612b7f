package build

import (
	"bytes"
	"context"
	_ "embed" // the linker's additional file
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// shared links everything that cells may share into one library, the base, which the worker and all plugins use: a
// plugin then holds the cell's own code alone. Go's linker makes plugins and shared libraries, but no plugin on a shared
// library; a few small edits to its source mend that. The edited linker is built from the user's own GOROOT through an
// overlay, so that nothing there is written. See docs/how-it-works.md.
type shared struct{}

func (shared) name() string      { return "shared" }
func (shared) compile() []string { return []string{"-linkshared"} }

// edit is one change to a file of cmd/link/internal/ld. The old text must be there exactly once.
type edit struct{ file, old, new string }

// edits are for Go 1.26.
var edits = []edit{
	// A plugin whose runtime lives in a shared library must not carry runtime.addmoduledata itself (SIGTRAP at load).
	{"ld.go",
		"if ctxt.BuildMode == BuildModePlugin {\n\t\tctxt.Textp",
		"if ctxt.BuildMode == BuildModePlugin && ctxt.loader.SymType(amd).IsText() {\n\t\tctxt.Textp"},
	// Packages in the shared library are covered by its ABI hash and need no hash each ("plugin was built with a different
	// version of package runtime").
	{"symtab.go",
		"s := ldr.CreateSymForUpdate(\"go:link.pkghashbytes.\"+l.Pkg, 0)",
		"if l.Shlib != \"\" {\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\ts := ldr.CreateSymForUpdate(\"go:link.pkghashbytes.\"+l.Pkg, 0)"},
	{"symtab.go",
		"for i, l := range ctxt.Library {\n\t\t\t// pkghashes[i].name",
		"npkgs := uint64(0)\n\t\tfor i, l := range ctxt.Library {\n\t\t\tif l.Shlib != \"\" {\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\tnpkgs++\n\t\t\t// pkghashes[i].name"},
	{"symtab.go",
		"slice(pkghashes.Sym(), uint64(len(ctxt.Library)))",
		"slice(pkghashes.Sym(), npkgs)"},
	// The first function of a plugin whose runtime lives elsewhere would have no name in stack traces: offset 0 means none.
	{"pcln.go",
		"\tvar size int64\n\twalkFuncs(ctxt, funcs, func(s loader.Sym) {\n\t\tnameOffsets[s]",
		"\tsize := int64(1)\n\twalkFuncs(ctxt, funcs, func(s loader.Sym) {\n\t\tnameOffsets[s]"},
	// The worker has loaded the shared library already: ld need not read it again for every plugin.
	{"lib.go",
		"\tif ctxt.linkShared {\n\t\tseenDirs",
		"\tif ctxt.linkShared && ctxt.BuildMode != BuildModePlugin {\n\t\tseenDirs"},
	// Symbols of the shared library are looked up in its index, not read all: golab.go, added to the linker, does that.
	{"lib.go",
		"syms, err := f.DynamicSymbols()\n\tif err != nil {\n\t\tErrorf(\"cannot read symbols from shared library",
		"syms, err := golabSymbols(ctxt, f, libpath)\n\tif err != nil {\n\t\tErrorf(\"cannot read symbols from shared library"},
	{"lib.go",
		"data, err := sect.Data()\n\tif err != nil {\n\t\tlog.Fatalf(\"can't read relocation section",
		"data, err := golabRelocs(sect)\n\tif err != nil {\n\t\tlog.Fatalf(\"can't read relocation section"},
	{"decodesym.go",
		"addr, ok := sh.symAddr[name]",
		"addr, ok := golabSymAddr(&sh, name)"},
	{"decodesym.go",
		"target := sh.relocTarget[addr]",
		"target := golabRelocTarget(&sh, addr)"},
	{"decodesym.go",
		"t := ldr.Lookup(target, 0)",
		"t := golabLookup(ctxt, &sh, target)"},
}

//go:embed ld/golab.go
var addition string

// canShare reports whether the toolchain's linker has the places that the edits change.
func canShare(goroot string) error {
	_, err := edited(goroot)
	return err
}

// edited returns the changed files of the linker by path.
func edited(goroot string) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(goroot, "src/cmd/link/internal/ld", e.file)
		text, ok := files[path]
		if !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("this Go version's linker differs from what GoLab knows (%s)", e.file)
		}
		files[path] = strings.Replace(text, e.old, e.new, 1)
	}
	_, code, _ := strings.Cut(addition, "//go:build ignore\n")
	files[filepath.Join(goroot, "src/cmd/link/internal/ld/golab.go")] = code
	return files, nil
}

func (s shared) prepare(ctx context.Context, b *Base, dir string) error {
	if err := s.buildLinker(ctx, b, dir); err != nil {
		return err
	}
	if err := os.WriteFile(s.driver(b), []byte(driver), 0o700); err != nil {
		return err
	}
	// One library of all packages.
	cfg := filepath.Join(dir, "basecfg")
	if err := writeConfig(cfg, b.packages, ""); err != nil {
		return err
	}
	args := []string{"-o", s.lib(b), "-importcfg", cfg, "-installsuffix", "dynlink", "-buildmode=shared", "-s", "-w", "-extld=gcc"}
	for _, path := range slices.Sorted(maps.Keys(b.packages)) {
		args = append(args, path+"="+b.packages[path].File)
	}
	if err := b.run(ctx, dir, s.linker(b), args...); err != nil {
		return err
	}
	return writeIndex(s.lib(b))
}

// driver is a stand-in for gcc. For every cell, Go's linker has gcc compile an empty program some times to learn which
// flags it knows, which takes longer than linking the cell. It knows all but one, which is clang's.
const driver = `#!/bin/sh
for a; do
	case $a in
	-Qunused-arguments) echo "unrecognized $a"; exit 1 ;;
	*trivial.c) exit 0 ;;
	esac
done
exec gcc "$@"
`

func (shared) driver(b *Base) string { return filepath.Join(b.Dir, "golab-cc") }

func (shared) linker(b *Base) string { return filepath.Join(b.Dir, "golab-link") }
func (shared) lib(b *Base) string    { return filepath.Join(b.Dir, "libbase.so") }

func (s shared) buildLinker(ctx context.Context, b *Base, dir string) error {
	files, err := edited(b.goroot)
	if err != nil {
		return err
	}
	replace := map[string]string{}
	for path, text := range files {
		to := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return err
		}
		replace[path] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	return b.run(ctx, b.Root, "go", "build", "-overlay", file, "-o", s.linker(b), "cmd/link")
}

func (s shared) link(ctx context.Context, b *Base, j linkJob) error {
	var cfg bytes.Buffer
	for path, p := range j.pkgs {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", path, p.File)
		if p.Base {
			fmt.Fprintf(&cfg, "packageshlib %s=%s\n", path, s.lib(b))
		}
	}
	if j.nb != "" {
		fmt.Fprintf(&cfg, "packagefile nb=%s\n", j.nb)
	}
	file := filepath.Join(j.dir, "linkcfg")
	if err := os.WriteFile(file, cfg.Bytes(), 0o600); err != nil {
		return err
	}
	args := []string{"-o", j.out, "-importcfg", file, "-installsuffix", "dynlink", "-linkshared", "-s", "-w", "-r", b.Dir}
	if j.nb == "" {
		args = append(args, "-extld=gcc")
	} else {
		hide, err := hideGeneration(j.dir)
		if err != nil {
			return err
		}
		args = append(args, "-extld='"+s.driver(b)+"'", "-buildmode=plugin", "-pluginpath", j.path, "-extldflags="+hide)
	}
	return b.run(ctx, j.dir, s.linker(b), append(args, j.obj)...)
}
