package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the linker's additional file
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

func (shared) sources(goroot string) map[string]string {
	files := editedRuntime(goroot)
	if files == nil {
		files = map[string]string{}
	}
	maps.Copy(files, editedOS(goroot))
	return files
}

// linkerEdits are changes to files of cmd/link/internal, for Go 1.26.
var linkerEdits = []edit{
	// A plugin whose runtime lives in a shared library must not carry runtime.addmoduledata itself (SIGTRAP at load).
	{file: "ld/ld.go",
		old: "if ctxt.BuildMode == BuildModePlugin {\n\t\tctxt.Textp",
		new: "if ctxt.BuildMode == BuildModePlugin && ctxt.loader.SymType(amd).IsText() {\n\t\tctxt.Textp"},
	// Packages in the shared library are covered by its ABI hash and need no hash each ("plugin was built with a different
	// version of package runtime").
	{file: "ld/symtab.go",
		old: "s := ldr.CreateSymForUpdate(\"go:link.pkghashbytes.\"+l.Pkg, 0)",
		new: "if l.Shlib != \"\" {\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\ts := ldr.CreateSymForUpdate(\"go:link.pkghashbytes.\"+l.Pkg, 0)"},
	{file: "ld/symtab.go",
		old: "for i, l := range ctxt.Library {\n\t\t\t// pkghashes[i].name",
		new: "npkgs := uint64(0)\n\t\tfor i, l := range ctxt.Library {\n\t\t\tif l.Shlib != \"\" {\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\tnpkgs++\n\t\t\t// pkghashes[i].name"},
	{file: "ld/symtab.go",
		old: "slice(pkghashes.Sym(), uint64(len(ctxt.Library)))",
		new: "slice(pkghashes.Sym(), npkgs)"},
	// The first function of a plugin whose runtime lives elsewhere would have no name in stack traces: offset 0 means none.
	{file: "ld/pcln.go",
		old: "\tvar size int64\n\twalkFuncs(ctxt, funcs, func(s loader.Sym) {\n\t\tnameOffsets[s]",
		new: "\tsize := int64(1)\n\twalkFuncs(ctxt, funcs, func(s loader.Sym) {\n\t\tnameOffsets[s]"},
	// The worker has loaded the shared library already: ld need not read it again for every plugin.
	{file: "ld/lib.go",
		old: "\tif ctxt.linkShared {\n\t\tseenDirs",
		new: "\tif ctxt.linkShared && ctxt.BuildMode != BuildModePlugin {\n\t\tseenDirs"},
	// A generation is linked as it is: it needs no main package that imports it.
	{file: "ld/main.go",
		old: "flag.Arg(0), *flagPluginPath, \"\", zerofp)",
		new: "flag.Arg(0), golabPackage(), \"\", zerofp)"},
	{file: "ld/inittask.go",
		old: "objabi.PathToPrefix(*flagPluginPath))}, \"go:plugin.inittasks\")",
		new: "objabi.PathToPrefix(golabPackage()))}, \"go:plugin.inittasks\")"},
	{file: "ld/deadcode.go",
		old: "names = append(names, objabi.PathToPrefix(*flagPluginPath)+\"..inittask\",",
		new: "names = append(names, objabi.PathToPrefix(golabPackage())+\"..inittask\","},
	// gcc and what it starts take longer than the linking itself.
	{file: "ld/lib.go",
		old: "\tvar argv []string\n\targv = append(argv, ctxt.extld()...)\n",
		new: "\tif golabHostlink(ctxt) {\n\t\treturn\n\t}\n\tvar argv []string\n\targv = append(argv, ctxt.extld()...)\n"},
	// These tables are large for programs; a cell has few symbols.
	{file: "loader/loader.go", optional: true,
		old: "make(map[string]Sym, 80000), make(map[string]Sym, 50000)",
		new: "make(map[string]Sym), make(map[string]Sym)"},
	// Symbols of the shared library are looked up in its index, not read all: golab.go, added to the linker, does that.
	{file: "ld/lib.go",
		old: "syms, err := f.DynamicSymbols()\n\tif err != nil {\n\t\tErrorf(\"cannot read symbols from shared library",
		new: "syms, err := golabSymbols(ctxt, f, libpath)\n\tif err != nil {\n\t\tErrorf(\"cannot read symbols from shared library"},
	{file: "ld/lib.go",
		old: "data, err := sect.Data()\n\tif err != nil {\n\t\tlog.Fatalf(\"can't read relocation section",
		new: "data, err := golabRelocs(sect)\n\tif err != nil {\n\t\tlog.Fatalf(\"can't read relocation section"},
	{file: "ld/decodesym.go",
		old: "addr, ok := sh.symAddr[name]",
		new: "addr, ok := golabSymAddr(&sh, name)"},
	{file: "ld/decodesym.go",
		old: "target := sh.relocTarget[addr]",
		new: "target := golabRelocTarget(&sh, addr)"},
	{file: "ld/decodesym.go",
		old: "t := ldr.Lookup(target, 0)",
		new: "t := golabLookup(ctxt, &sh, target)"},
	// What debuggers are told of the library's types is read from it: types.go, added to the linker, does that.
	{file: "ld/dwarf.go", optional: true,
		old: "symIdx := d.ldr.Lookup(n, 0)\n\tif symIdx == 0 {\n\t\tExitf(\"dwarf: missing type",
		new: "symIdx := golabType(d.linkctxt, n)\n\tif symIdx == 0 {\n\t\tExitf(\"dwarf: missing type"},
	{file: "ld/dwarf.go", optional: true, // what no package in particular has goes to the runtime's part
		old: "if unit.Lib.Pkg == \"runtime\" {\n\t\t\t\tctxt.runtimeCU = unit",
		new: "if unit.Lib.Pkg == \"runtime\" || ctxt.runtimeCU == nil {\n\t\t\t\tctxt.runtimeCU = unit"},
	{file: "ld/dwarf.go", optional: true, // the library's own description of a type says where it lies
		old: "newattr(unsafeptrDie, dwarf.DW_AT_go_runtime_type,",
		new: "golabRuntimeType(d, unsafeptrDie, dwarf.DW_AT_go_runtime_type,"},
	{file: "ld/dwarf.go", optional: true,
		old: "newattr(uintptrDie, dwarf.DW_AT_go_runtime_type,",
		new: "golabRuntimeType(d, uintptrDie, dwarf.DW_AT_go_runtime_type,"},
	{file: "ld/dwarf.go", optional: true,
		old: "newattr(pdie, dwarf.DW_AT_go_runtime_type,",
		new: "golabRuntimeType(d, pdie, dwarf.DW_AT_go_runtime_type,"},
	{file: "ld/dwarf.go", optional: true,
		old: "newattr(die, dwarf.DW_AT_go_runtime_type,",
		new: "golabRuntimeType(d, die, dwarf.DW_AT_go_runtime_type,"},
	{file: "ld/dwarf.go", optional: true,
		old: "tn := sn[len(dwarf.InfoPrefix):]\n\t\tts := d.ldr.Lookup(\"type:\"+tn, 0)",
		new: "tn := sn[len(dwarf.InfoPrefix):]\n\t\tts := golabNamed(d, tn)"},
	{file: "ld/dwarf.go", optional: true,
		old: "tn := rsn[len(dwarf.InfoPrefix):]\n\t\tts := d.ldr.Lookup(\"type:\"+tn, 0)",
		new: "tn := rsn[len(dwarf.InfoPrefix):]\n\t\tts := golabNamed(d, tn)"},
	{file: "ld/dwarf.go", optional: true,
		old: "func (d *dwctxt) defgotype(gotype loader.Sym) loader.Sym {\n",
		new: "func (d *dwctxt) defgotype(gotype loader.Sym) loader.Sym {\n\tgotype = golabTypeSym(d.linkctxt, gotype)\n"},
}

//go:embed ld/golab.go
var addition string

//go:embed ld/types.go
var typesAddition string

// canShare reports whether the toolchain's linker has the places that the edits change.
func canShare(goroot string) error {
	_, err := edited(linkerSource(goroot), linkerEdits)
	return err
}

// linkerSource is the folder of the linker's packages.
func linkerSource(goroot string) string {
	return filepath.Join(goroot, "src", "cmd", "link", "internal")
}

// runtimeName is a symbol of the runtime, or of a type there, that the linker knows by name.
var runtimeName = regexp.MustCompile(`"((?:type:)?runtime\.\w+)"`)

// editedLinker returns the changed and added files of the linker by path.
func editedLinker(goroot string) (map[string]string, error) {
	dir := linkerSource(goroot)
	files, err := edited(dir, linkerEdits)
	if err != nil {
		return nil, err
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*", "*.go"))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, file := range sources {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, m := range runtimeName.FindAllSubmatch(text, -1) {
			known[string(m[1])] = true
		}
	}
	delete(known, "runtime.runtime_inittasks") // the linker fills it in where it finds it, which is for whoever links the runtime
	_, code, _ := strings.Cut(addition, "//go:build ignore\n")
	code = strings.Replace(code, `golabNames = ""`, fmt.Sprintf("golabNames = %q", strings.Join(slices.Sorted(maps.Keys(known)), " ")), 1)
	files[filepath.Join(dir, "ld", "golab.go")] = code
	_, code, _ = strings.Cut(typesAddition, "//go:build ignore\n")
	files[filepath.Join(dir, "ld", "golabtypes.go")] = code
	return files, nil
}

func (s shared) prepare(ctx context.Context, b *Base, dir string) (hash string, err error) {
	if err := s.buildLinker(ctx, b, dir); err != nil {
		return "", err
	}
	if err := os.WriteFile(s.driver(b), []byte(driver), 0o700); err != nil {
		return "", err
	}
	// One library of all packages.
	cfg := filepath.Join(dir, "basecfg")
	if err := writeConfig(cfg, b.packages, ""); err != nil {
		return "", err
	}
	args := []string{"-o", s.lib(b), "-importcfg", cfg, "-installsuffix", "dynlink", "-buildmode=shared", "-extld=gcc"} // no -s, -w: a debugger needs to know the runtime
	for _, path := range slices.Sorted(maps.Keys(b.packages)) {
		args = append(args, path+"="+b.packages[path].File)
	}
	if err := b.run(ctx, dir, nil, s.linker(b), args...); err != nil {
		return "", err
	}
	if err := writeIndex(s.lib(b)); err != nil {
		return "", err
	}
	lib, err := os.Open(s.lib(b))
	if err != nil {
		return "", err
	}
	defer lib.Close()
	h := sha256.New()
	if _, err := io.Copy(h, lib); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), b.linkWorker(ctx, dir)
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
	files, err := editedLinker(b.goroot)
	if err != nil {
		return err
	}
	overlay, err := writeOverlay(dir, files)
	if err != nil {
		return err
	}
	return b.run(ctx, dir, nil, "go", "-C", b.Root, "build", "-overlay", overlay, "-o", s.linker(b), "cmd/link")
}

func (s shared) link(ctx context.Context, b *Base, j linkJob) error {
	var cfg bytes.Buffer
	for path, p := range j.pkgs {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", path, p.File)
		if p.Base {
			fmt.Fprintf(&cfg, "packageshlib %s=%s\n", path, s.lib(b))
		}
	}
	file := filepath.Join(j.dir, "linkcfg")
	if err := os.WriteFile(file, cfg.Bytes(), 0o600); err != nil {
		return err
	}
	args := []string{"-o", j.out, "-importcfg", file, "-installsuffix", "dynlink", "-linkshared", "-tmpdir", j.dir}
	args = append(args, j.symbols()...)
	if j.gen == 0 {
		args = append(args, "-extld=gcc", "-r", "$ORIGIN") // the library lies beside the worker
	} else {
		hide, err := hideGeneration(j.dir)
		if err != nil {
			return err
		}
		args = append(args, "-extld='"+s.driver(b)+"'", "-r", b.Dir, "-buildmode=plugin", "-pluginpath", fmt.Sprintf("nb/%d", j.gen), "-extldflags="+hide)
	}
	return b.tool(ctx, j.dir, s.linker(b), append(args, j.obj)...)
}
