package build

import (
	_ "embed" // the runtime's additional file
	"path/filepath"
	"strings"
)

// runtimeEdits change how Go's runtime, as it is compiled into the shared base, gets along with thousands of plugins.
//
// typelinksinit looks up which types of a new module are the same as one of an earlier module. It makes the table of all
// types of all earlier modules anew for every plugin, which with the base takes 30 ms and more with each cell; the edited
// one keeps the table. What it finds is the same: active modules are only ever appended to, never removed, so that the table
// of the first n of them never changes, and each module is looked up in the table of all before it. Calls do not overlap:
// the first is made by schedinit, which makes the table of the base while the worker starts, the others by plugin.Open
// under its lock.
//
// Maps whose keys are interfaces with methods, and structs with fields of such types, are compared by the types that the
// interfaces hold, not by their method tables, of which there may be several for one type; see cell/interfaces.go.
//
// The other edits find a module by address without going through all; see rt/golab.go.
var runtimeEdits = []edit{
	{file: "type.go", old: stockTypelinksinit, new: golabTypelinksinit},
	{file: "alg.go",
		old: "return x.tab == y.tab && ifaceeq(x.tab, x.data, y.data)",
		new: "return (x.tab == y.tab || x.tab != nil && y.tab != nil && x.tab.Type == y.tab.Type) && ifaceeq(x.tab, x.data, y.data)"},
	{file: "symtab.go",
		old: "\tatomicstorep(unsafe.Pointer(&modulesSlice), unsafe.Pointer(modules))\n",
		new: "\tgolabPlace(*modules)\n\tatomicstorep(unsafe.Pointer(&modulesSlice), unsafe.Pointer(modules))\n"},
	{file: "symtab.go",
		old: "for datap := &firstmoduledata; datap != nil; datap = datap.next {\n\t\tif datap.minpc <= pc",
		new: "for datap := golabModule(pc); datap != nil; datap = datap.next {\n\t\tif datap.minpc <= pc"},
	{file: "symtab.go",
		old: "for datap := &firstmoduledata; datap != nil; datap = datap.next {\n\t\tif len(datap.pclntable) == 0 {",
		new: "for datap := golabModule(ptr); datap != nil; datap = datap.next {\n\t\tif len(datap.pclntable) == 0 {"},
	{file: "stack.go",
		old: "for datap := &firstmoduledata; datap != nil; datap = datap.next {\n\t\t// The normal case",
		new: "for datap := golabModule(ptr); datap != nil; datap = datap.next {\n\t\t// The normal case"},
	{file: "type.go",
		old: "for md := &firstmoduledata; md != nil; md = md.next {\n\t\tif base >= md.types",
		new: "for md := golabModule(base); md != nil; md = md.next {\n\t\tif base >= md.types"},
	{file: "type.go",
		old: "base := uintptr(ptrInModule)\n\tvar md *moduledata\n\tfor next := &firstmoduledata;",
		new: "base := uintptr(ptrInModule)\n\tvar md *moduledata\n\tfor next := golabModule(base);"},
	{file: "type.go",
		old: "base := uintptr(unsafe.Pointer(t.Type))\n\tvar md *moduledata\n\tfor next := &firstmoduledata;",
		new: "base := uintptr(unsafe.Pointer(t.Type))\n\tvar md *moduledata\n\tfor next := golabModule(base);"},
}

//go:embed rt/golab.go
var runtimeAddition string

const stockTypelinksinit = `func typelinksinit() {
	if firstmoduledata.next == nil {
		return
	}
	typehash := make(map[uint32][]*_type, len(firstmoduledata.typelinks))

	modules := activeModules()
	prev := modules[0]
	for _, md := range modules[1:] {
		// Collect types from the previous module into typehash.
	collect:
		for _, tl := range prev.typelinks {
			var t *_type
			if prev.typemap == nil {
				t = (*_type)(unsafe.Pointer(prev.types + uintptr(tl)))
			} else {
				t = prev.typemap[typeOff(tl)]
			}
			// Add to typehash if not seen before.
			tlist := typehash[t.Hash]
			for _, tcur := range tlist {
				if tcur == t {
					continue collect
				}
			}
			typehash[t.Hash] = append(tlist, t)
		}

		if md.typemap == nil {
			// If any of this module's typelinks match a type from a
			// prior module, prefer that prior type by adding the offset
			// to this module's typemap.
			tm := make(map[typeOff]*_type, len(md.typelinks))
			pinnedTypemaps = append(pinnedTypemaps, tm)
			md.typemap = tm
			for _, tl := range md.typelinks {
				t := (*_type)(unsafe.Pointer(md.types + uintptr(tl)))
				for _, candidate := range typehash[t.Hash] {
					seen := map[_typePair]struct{}{}
					if typesEqual(t, candidate, seen) {
						t = candidate
						break
					}
				}
				md.typemap[typeOff(tl)] = t
			}
		}

		prev = md
	}
}
`

const golabTypelinksinit = `// golabTypehash is the types of the first golabHashed active modules by hash.
var (
	golabTypehash map[uint32][]*_type
	golabHashed   int
)

func typelinksinit() {
	if firstmoduledata.next == nil {
		return
	}
	modules := activeModules()
	if golabTypehash == nil {
		n := 0
		for _, md := range modules {
			n += len(md.typelinks)
		}
		golabTypehash = make(map[uint32][]*_type, n)
	}
	for _, md := range modules[golabHashed:] {
		if golabHashed > 0 && md.typemap == nil {
			// If any of this module's typelinks match a type from a
			// prior module, prefer that prior type by adding the offset
			// to this module's typemap.
			tm := make(map[typeOff]*_type, len(md.typelinks))
			pinnedTypemaps = append(pinnedTypemaps, tm)
			md.typemap = tm
			for _, tl := range md.typelinks {
				t := (*_type)(unsafe.Pointer(md.types + uintptr(tl)))
				for _, candidate := range golabTypehash[t.Hash] {
					seen := map[_typePair]struct{}{}
					if typesEqual(t, candidate, seen) {
						t = candidate
						break
					}
				}
				md.typemap[typeOff(tl)] = t
			}
		}

		// Add the types of this module to the table.
	collect:
		for _, tl := range md.typelinks {
			var t *_type
			if md.typemap == nil {
				t = (*_type)(unsafe.Pointer(md.types + uintptr(tl)))
			} else {
				t = md.typemap[typeOff(tl)]
			}
			// Add to typehash if not seen before.
			tlist := golabTypehash[t.Hash]
			for _, tcur := range tlist {
				if tcur == t {
					continue collect
				}
			}
			golabTypehash[t.Hash] = append(tlist, t)
		}
		golabHashed++
	}
}
`

// editedRuntime returns the changed and added files of the runtime by path; nothing if this Go's runtime is not as the edits
// expect it: cells then load as slowly as in stock Go.
func editedRuntime(goroot string) map[string]string {
	dir := filepath.Join(goroot, "src", "runtime")
	files, err := edited(dir, runtimeEdits)
	if err != nil {
		return nil
	}
	_, code, _ := strings.Cut(runtimeAddition, "//go:build ignore\n")
	files[filepath.Join(dir, "golab.go")] = code
	return files
}
