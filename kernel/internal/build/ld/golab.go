//go:build ignore

// This file is added to cmd/link/internal/ld when GoLab builds its linker; see ../shared.go. A plugin refers to a few
// hundred of the 280,000 symbols of the shared base. Instead of reading them all, the linker looks up those in an index
// that was written when the base was made (see ../index.go), and others when it turns out to need them. The system's
// linker is called without gcc.
package ld

import (
	"cmd/link/internal/loader"
	"cmd/link/internal/sym"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"unsafe"
)

// golabIndex is the mapped index of a shared library; nil if it has none.
type golabIndex struct {
	data       []byte
	nsym, nrel int
	strings    []byte
}

var golabIndexes = map[string]*golabIndex{}

const (
	golabMagic  = "golabix1"
	golabHeader = 24
	golabSym    = 32
	golabRel    = 16
)

func golabOpen(libpath string) *golabIndex {
	if x, ok := golabIndexes[libpath]; ok {
		return x
	}
	golabIndexes[libpath] = nil
	fd, err := syscall.Open(libpath+".index", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil || st.Size < golabHeader {
		return nil
	}
	data, err := syscall.Mmap(fd, 0, int(st.Size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil || string(data[:8]) != golabMagic {
		return nil
	}
	x := &golabIndex{data: data}
	x.nsym = int(binary.LittleEndian.Uint64(data[8:]))
	x.nrel = int(binary.LittleEndian.Uint64(data[16:]))
	x.strings = data[golabHeader+x.nsym*golabSym+x.nrel*golabRel:]
	golabIndexes[libpath] = x
	return x
}

func (x *golabIndex) sym(i int) []byte { return x.data[golabHeader+i*golabSym:][:golabSym] }
func (x *golabIndex) rel(i int) []byte {
	return x.data[golabHeader+x.nsym*golabSym+i*golabRel:][:golabRel]
}

func (x *golabIndex) name(i int) string {
	s := x.sym(i)
	off, n := binary.LittleEndian.Uint32(s), binary.LittleEndian.Uint32(s[4:])
	if n == 0 {
		return ""
	}
	return unsafe.String(&x.strings[off], int(n))
}

// find returns the symbol of that name as it stands in the library.
func (x *golabIndex) find(name string) (elf.Symbol, bool) {
	i := sort.Search(x.nsym, func(i int) bool { return x.name(i) >= name })
	if i == x.nsym || x.name(i) != name {
		return elf.Symbol{}, false
	}
	s := x.sym(i)
	return elf.Symbol{
		Name:    x.name(i),
		Value:   binary.LittleEndian.Uint64(s[8:]),
		Size:    binary.LittleEndian.Uint64(s[16:]),
		Info:    s[24],
		Other:   s[25],
		Section: elf.SectionIndex(binary.LittleEndian.Uint16(s[26:])),
	}, true
}

// golabNames is what the linker itself asks for by name; ../shared.go fills it in.
const golabNames = ""

// golabSymbols is the symbols of f that what is being linked refers to; all of them if there is no index or no plugin is
// being made.
func golabSymbols(ctxt *Link, f *elf.File, libpath string) ([]elf.Symbol, error) {
	x := golabOpen(libpath)
	if x == nil || ctxt.BuildMode != BuildModePlugin {
		delete(golabIndexes, libpath)
		return f.DynamicSymbols()
	}
	var syms []elf.Symbol
	seen := map[string]bool{}
	add := func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if s, ok := x.find(name); ok {
			syms = append(syms, s)
		}
	}
	l := ctxt.loader
	for i := loader.Sym(1); i < loader.Sym(l.NSym()); i++ {
		name := l.SymName(i)
		if name == "" {
			continue
		}
		if t := l.SymType(i); t != 0 && t != sym.SDYNIMPORT {
			if mangled := typeSymbolMangle(name); mangled != name && golabInstance(name) {
				if _, ok := x.find(mangled); ok {
					golabForget(l, i)
					add(mangled)
				}
			}
			continue
		}
		add(name)
		add(name + ".abiinternal")
		add(name + ".abi0")
		if strings.HasPrefix(name, "type:") {
			add(typeSymbolMangle(name))
		}
	}
	for _, name := range strings.Fields(golabNames) {
		add(name)
		add(name + ".abiinternal")
		add(name + ".abi0")
	}
	const hash = "go:link.abihash."
	first := sort.Search(x.nsym, func(i int) bool { return x.name(i) >= hash })
	for i := first; i < x.nsym && strings.HasPrefix(x.name(i), hash); i++ {
		add(x.name(i))
	}
	return syms, nil
}

// golabInstance reports whether name is the descriptor of an instance of a generic type, or of a pointer to one.
func golabInstance(name string) bool {
	name, ok := strings.CutPrefix(name, "type:")
	if !ok {
		return false
	}
	name = strings.TrimLeft(name, "*")
	generic, _, ok := strings.Cut(name, "[")
	return ok && name[0] != '.' && strings.Contains(generic, ".") && !strings.ContainsAny(generic, " ({") // no name, func([]int), struct { a []int }, map[string]int
}

// golabForget has the linker take a symbol from the shared library. The compiler writes descriptors of instances into every
// package that uses them, but leaves their methods to the package that made the instance: in a plugin, the one could not
// refer to the others.
func golabForget(l *loader.Loader, s loader.Sym) {
	su := l.MakeSymbolUpdater(s)
	su.SetType(0)
	su.ResetRelocs()
	su.SetData(nil)
	su.SetSize(0)
}

// golabRelocs is the relocations to read ahead: none where the index has them.
func golabRelocs(sect *elf.Section) ([]byte, error) {
	for _, x := range golabIndexes {
		if x != nil {
			return nil, nil
		}
	}
	return sect.Data()
}

// golabSymAddr is the address of a symbol in the shared library.
func golabSymAddr(sh *Shlib, name string) (uint64, bool) {
	if addr, ok := sh.symAddr[name]; ok {
		return addr, true
	}
	if x := golabIndexes[sh.Path]; x != nil {
		s, ok := x.find(name)
		return s.Value, ok
	}
	return 0, false
}

// golabRelocTarget is the symbol that the word at addr of the shared library points to.
func golabRelocTarget(sh *Shlib, addr uint64) string {
	x := golabIndexes[sh.Path]
	if x == nil {
		return sh.relocTarget[addr]
	}
	i := sort.Search(x.nrel, func(i int) bool { return binary.LittleEndian.Uint64(x.rel(i)) >= addr })
	if i == x.nrel || binary.LittleEndian.Uint64(x.rel(i)) != addr {
		return ""
	}
	return x.name(int(binary.LittleEndian.Uint32(x.rel(i)[8:])))
}

// golabLookup returns the symbol of that name, taking it from the shared library if nothing referred to it so far.
func golabLookup(ctxt *Link, sh *Shlib, name string) loader.Sym {
	l := ctxt.loader
	s := l.Lookup(name, 0)
	x := golabIndexes[sh.Path]
	if x == nil || s != 0 && l.SymType(s) != 0 {
		return s
	}
	es, ok := x.find(name)
	if !ok {
		return s
	}
	s = l.LookupOrCreateSym(name, 0)
	su := l.MakeSymbolUpdater(s)
	su.SetType(sym.SDYNIMPORT)
	l.SetSymElfType(s, elf.ST_TYPE(es.Info))
	su.SetSize(int64(es.Size))
	if es.Section != elf.SHN_UNDEF {
		l.SetSymPkg(s, sh.Path)
		if strings.HasPrefix(name, "type:") && !strings.HasPrefix(name, "type:.") {
			su.SetData(readelfsymboldata(ctxt, sh.File, &es))
		}
	}
	return s
}

// golabPackage is the path of the package that a plugin is made of. Its plugin path is that and a number.
func golabPackage() string {
	path, _, _ := strings.Cut(*flagPluginPath, "/")
	return path
}

// golabHostlink makes a plugin of Go's object file alone with the linker that $GOLAB_LD names: gcc would add a C library and
// start-up code, which the worker has. It reports false where that is not all there is to link, or fails; gcc then says why.
func golabHostlink(ctxt *Link) bool {
	ld := os.Getenv("GOLAB_LD")
	if ld == "" || ctxt.BuildMode != BuildModePlugin || len(hostobj) > 0 || len(ldflag) > 0 {
		return false
	}
	// As few segments as can be: each costs a system call at load, and a process may have 65,000.
	args := []string{"-shared", "--hash-style=gnu", "--build-id=none", "-z", "now", "-z", "norelro", "-z", "noseparate-code", "-z", "nocopyreloc", "-o", *flagOutfile}
	if debug_s {
		args = append(args, "-s")
	}
	for _, flag := range flagExtldflags {
		list, ok := strings.CutPrefix(flag, "-Wl,")
		if !ok {
			return false
		}
		args = append(args, strings.Split(list, ",")...)
	}
	return exec.Command(ld, append(args, filepath.Join(*flagTmpdir, "go.o"))...).Run() == nil
}
