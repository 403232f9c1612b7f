//go:build ignore

// This file is added to cmd/link/internal/ld when GoLab builds its linker; see ../shared.go. Go's linker describes types for
// debuggers by what it finds in their symbols: names of fields, what pointers point to. It has that of the types of
// packages that it links, but not of those in a shared library. Here it is read from the library's file.
package ld

import (
	"bytes"
	"cmd/internal/dwarf"
	"cmd/internal/objabi"
	"cmd/link/internal/loader"
	"cmd/link/internal/sym"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"internal/abi"
	"os"
	"sort"
	"strings"
	"syscall"
)

// golabImage is a shared library as it lies in memory, before anything is relocated.
type golabImage struct {
	index    *golabIndex
	file     []byte
	progs    []elf.ProgHeader
	relative []byte // its relocations that add where the library is loaded, by address
	types    uint64 // what offsets of names are relative to
	done     map[loader.Sym]bool
	at       map[loader.Sym]uint64 // where types are that others are made of
}

var golabImages = map[string]*golabImage{}

// golabImageOf opens the library that has the index x; nil if that can't be done.
func golabImageOf(path string) *golabImage {
	if m, ok := golabImages[path]; ok {
		return m
	}
	golabImages[path] = nil
	x := golabIndexes[path]
	f, err := os.Open(path)
	if err != nil || x == nil {
		return nil
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	m := &golabImage{index: x, done: map[loader.Sym]bool{}, at: map[loader.Sym]uint64{}}
	if m.file, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED); err != nil {
		return nil
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD {
			m.progs = append(m.progs, p.ProgHeader)
		}
	}
	relative := uint32(elf.R_X86_64_RELATIVE)
	if e.Machine == elf.EM_AARCH64 {
		relative = uint32(elf.R_AARCH64_RELATIVE)
	}
	rela := e.Section(".rela.dyn")
	module := e.Section(".go.module")
	if rela == nil || module == nil {
		return nil
	}
	all := m.file[rela.Offset:][:rela.Size] // the relative ones come first, sorted
	n := sort.Search(len(all)/24, func(i int) bool { return binary.LittleEndian.Uint32(all[i*24+8:]) != relative })
	m.relative = all[:n*24]
	// Where names are is told by one of the words of the module's description: that by which two types have their names.
	for at := module.Addr; at+8 <= module.Addr+module.Size; at += 8 {
		m.types = m.pointer(at)
		if m.types != 0 && m.str("type:int") == "int" && m.str("type:runtime.slice") == "runtime.slice" {
			golabImages[path] = m
			return m
		}
	}
	return nil
}

// read is n bytes at an address; nil if the file has none.
func (m *golabImage) read(addr, n uint64) []byte {
	for _, p := range m.progs {
		if p.Vaddr <= addr && addr+n <= p.Vaddr+p.Filesz {
			return m.file[p.Off+addr-p.Vaddr:][:n]
		}
	}
	return nil
}

// pointer is the address that the word at an address will hold, 0 if that is none in the library.
func (m *golabImage) pointer(addr uint64) uint64 {
	le := binary.LittleEndian
	n := len(m.relative) / 24
	if i := sort.Search(n, func(i int) bool { return le.Uint64(m.relative[i*24:]) >= addr }); i < n && le.Uint64(m.relative[i*24:]) == addr {
		return le.Uint64(m.relative[i*24+16:])
	}
	x := m.index
	if i := sort.Search(x.nrel, func(i int) bool { return le.Uint64(x.rel(i)) >= addr }); i < x.nrel && le.Uint64(x.rel(i)) == addr {
		return le.Uint64(x.sym(int(le.Uint32(x.rel(i)[8:])))[8:])
	}
	return 0
}

// nameAt is the encoded name at an address.
func (m *golabImage) nameAt(addr uint64) []byte {
	head := m.read(addr, 4)
	if head == nil {
		return nil
	}
	n, size := binary.Uvarint(head[1:])
	if size <= 0 || n > 1<<16 {
		return nil
	}
	return m.read(addr, 1+uint64(size)+n)
}

func golabNameText(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	n, size := binary.Uvarint(b[1:])
	return string(b[1+size:][:n])
}

// str is the name that reflection has of the type with that symbol.
func (m *golabImage) str(symbol string) string {
	s, ok := m.index.find(symbol)
	if !ok {
		return ""
	}
	return m.strAt(s.Value)
}

func (m *golabImage) strAt(addr uint64) string {
	t := m.read(addr, 48)
	if t == nil {
		return ""
	}
	s := golabNameText(m.nameAt(m.types + uint64(binary.LittleEndian.Uint32(t[40:]))))
	if abi.TFlag(t[20])&abi.TFlagExtraStar != 0 && s != "" {
		s = s[1:]
	}
	return s
}

// Sizes of the descriptions of types, by kind; what methods and package a type has comes behind.
var golabSizes = map[abi.Kind]uint64{abi.Pointer: 56, abi.Func: 56, abi.Slice: 56, abi.Array: 72, abi.Chan: 64, abi.Map: 112, abi.Struct: 80, abi.Interface: 80}

// typeName is the name by which the linker knows the type at an address, without "type:".
func (m *golabImage) typeName(addr uint64) string {
	t := m.read(addr, 48)
	if t == nil {
		return ""
	}
	kind := abi.Kind(t[23] & 31)
	s := m.strAt(addr)
	if flags := abi.TFlag(t[20]); flags&abi.TFlagNamed != 0 {
		size := golabSizes[kind]
		if size == 0 {
			size = 48
		}
		if u := m.read(addr+size, 4); flags&abi.TFlagUncommon != 0 && u != nil {
			if off := binary.LittleEndian.Uint32(u); off != 0 {
				if _, rest, ok := strings.Cut(s, "."); ok {
					return golabNameText(m.nameAt(m.types+uint64(off))) + "." + rest
				}
			}
		}
		return s
	}
	elem := func(off uint64) string { return m.typeName(m.pointer(addr + off)) }
	switch kind {
	case abi.Pointer:
		return "*" + elem(48)
	case abi.Slice:
		return "[]" + elem(48)
	case abi.Array:
		return fmt.Sprintf("[%d]%s", binary.LittleEndian.Uint64(m.read(addr+64, 8)), elem(48))
	case abi.Map:
		return "map[" + elem(48) + "]" + elem(56)
	case abi.Chan:
		if dir, _, ok := strings.Cut(s, " "); ok {
			return dir + " " + elem(48)
		}
	case abi.Func:
		rest := golabRest(t)
		in, out, variadic := golabFunc(m.read(addr, 56))
		var names []string
		for i := range in + out {
			names = append(names, elem(rest+i*8))
		}
		if variadic && in > 0 {
			names[in-1] = "..." + strings.TrimPrefix(names[in-1], "[]")
		}
		results := strings.Join(names[in:], ", ")
		if out > 1 {
			results = "(" + results + ")"
		}
		return strings.TrimSpace("func(" + strings.Join(names[:in], ", ") + ") " + results)
	}
	return s
}

// golabRest is where in a type's description come the types of a function's parameters, or the fields of a structure.
func golabRest(t []byte) uint64 {
	rest := golabSizes[abi.Kind(t[23]&31)]
	if abi.TFlag(t[20])&abi.TFlagUncommon != 0 {
		rest += 16
	}
	return rest
}

// golabFunc is how many parameters and results a function type has.
func golabFunc(t []byte) (in, out uint64, variadic bool) {
	n := binary.LittleEndian.Uint16(t[50:])
	return uint64(binary.LittleEndian.Uint16(t[48:])), uint64(n & (1<<15 - 1)), n&(1<<15) != 0
}

// golabType is the symbol of a type that debuggers are told of, with its description if it is one of a shared library; 0 if
// there is no such type.
func golabType(ctxt *Link, name string) loader.Sym {
	s := ctxt.loader.Lookup(name, 0)
	for i := 0; s == 0 && i < len(ctxt.Shlibs); i++ {
		if x := golabIndexes[ctxt.Shlibs[i].Path]; x != nil {
			if _, ok := x.find(typeSymbolMangle(name)); ok {
				s = ctxt.loader.LookupOrCreateSym(name, 0)
			}
		}
	}
	return golabTypeSym(ctxt, s)
}

// golabStubs are the types that nobody describes.
var golabStubs = map[string]bool{}

// golabNamed is the symbol of a type that a function mentions. Only debuggers may ever need it, such as that of a generic
// function's dictionary; then nobody has described it, and it becomes one without parts.
func golabNamed(d *dwctxt, name string) loader.Sym {
	s := golabType(d.linkctxt, "type:"+name)
	if s != 0 || golabStubs[name] || d.linkctxt.BuildMode != BuildModePlugin {
		return s
	}
	golabStubs[name] = true
	if strings.HasPrefix(name, "*") {
		newattr(d.newdie(&dwtypes, dwarf.DW_ABRV_BARE_PTRTYPE, name), dwarf.DW_AT_go_kind, dwarf.DW_CLS_CONSTANT, int64(abi.UnsafePointer), 0)
	} else {
		d.newdie(&dwtypes, dwarf.DW_ABRV_NULLTYPE, name)
	}
	return 0
}

// golabTypeSym is the symbol of the type s under its own name, described as golabType does.
func golabTypeSym(ctxt *Link, s loader.Sym) loader.Sym {
	l := ctxt.loader
	if s == 0 || ctxt.BuildMode != BuildModePlugin {
		return s
	}
	if t := l.SymType(s); t != sym.Sxxx && t != sym.SDYNIMPORT {
		return s
	}
	for i := range ctxt.Shlibs {
		m := golabImageOf(ctxt.Shlibs[i].Path)
		if m == nil {
			continue
		}
		addr, ok := m.at[s]
		if !ok {
			var es elf.Symbol
			if es, ok = m.index.find(typeSymbolMangle(l.SymName(s))); !ok {
				continue
			}
			addr = es.Value
		}
		t := s
		if whole := l.SymName(s); typeSymbolMangle(whole) == whole { // it may be a hash
			name := m.typeName(addr)
			if name == "" {
				return s
			}
			t = l.LookupOrCreateSym("type:"+name, 0)
		}
		if st := l.SymType(t); st != sym.Sxxx && st != sym.SDYNIMPORT || m.done[t] {
			return t
		}
		m.done[t] = true
		m.describe(ctxt, ctxt.Shlibs[i].Path, t, addr)
		return t
	}
	return s
}

// golabRuntimeType tells debuggers where a type's descriptor is, if that is in what is being linked.
func golabRuntimeType(d *dwctxt, die *dwarf.DWDie, attr uint16, class int, value int64, s dwSym) {
	if t := d.ldr.SymType(loader.Sym(s)); t != sym.SDYNIMPORT && t != sym.Sxxx {
		newattr(die, attr, class, value, s)
	}
}

// describe gives t, a type of the library at path, the data and the relocations that it would have in an object file, as far as debuggers need them.
func (m *golabImage) describe(ctxt *Link, path string, t loader.Sym, addr uint64) {
	l := ctxt.loader
	le := binary.LittleEndian
	head := m.read(addr, 48)
	if head == nil {
		return
	}
	kind, rest := abi.Kind(head[23]&31), golabRest(head)
	size := max(rest, 48)
	switch kind {
	case abi.Func:
		in, out, _ := golabFunc(m.read(addr, 56))
		size += (in + out) * 8
	case abi.Struct:
		size += le.Uint64(m.read(addr+64, 8)) * 24
	}
	data := bytes.Clone(m.read(addr, size))
	if data == nil {
		return
	}
	su := l.MakeSymbolUpdater(t)
	if l.SymType(t) == sym.Sxxx {
		su.SetType(sym.SDYNIMPORT)
		l.SetSymElfType(t, elf.STT_OBJECT)
		su.SetSize(int64(size))
		l.SetSymPkg(t, path)
	}
	su.SetData(data)
	point := func(off uint64, target loader.Sym) {
		r, _ := su.AddRel(objabi.R_ADDR)
		r.SetOff(int32(off))
		r.SetSiz(8)
		r.SetSym(target)
	}
	typ := func(off uint64) {
		if at := m.pointer(addr + off); at != 0 {
			if name := m.typeName(at); name != "" {
				s := l.LookupOrCreateSym("type:"+name, 0)
				m.at[s] = at
				point(off, s)
			}
		}
	}
	switch kind {
	case abi.Pointer, abi.Slice, abi.Chan, abi.Array:
		typ(48)
	case abi.Map:
		typ(48)
		typ(56)
		typ(64)
	case abi.Func:
		for i := rest; i < size; i += 8 {
			typ(i)
		}
	case abi.Struct:
		for i := range le.Uint64(data[64:]) {
			at := m.pointer(addr + rest + i*24)
			if name := m.nameAt(at); name != nil {
				s := l.LookupOrCreateSym(fmt.Sprintf("golab.name.%x", at), 0)
				l.MakeSymbolUpdater(s).SetData(name)
				point(rest+i*24, s)
			}
			typ(rest + i*24 + 8)
		}
	}
}
