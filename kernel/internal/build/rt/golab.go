//go:build ignore

// This file is added to package runtime when GoLab compiles the shared base; see ../runtime.go. Go's runtime goes through
// the list of all modules to find the one that a pc or a type belongs to. Every cell is a module, and the last ones are
// what runs: after a thousand cells, growing the stack of a deep recursion or recovering from a panic took 300 times as long.
package runtime

import (
	"internal/runtime/atomic"
	"unsafe"
)

// golabImage is the part of memory that a module takes. A module is one shared object, so that no two overlap.
type golabImage struct {
	low, high uintptr
	md        *moduledata
}

// golabImages is the active modules in the order of their addresses; nil before there are any, or should they overlap.
// golabEarlier is those of before the last module came: a signal handler may still be reading them.
var golabImages, golabEarlier *[]golabImage

// golabModule is the module whose memory addr lies in, or if there is none the first one. Loops over modules that look for
// an address begin with it.
//
//go:nosplit
func golabModule(addr uintptr) *moduledata {
	first := &firstmoduledata
	p := (*[]golabImage)(atomic.Loadp(unsafe.Pointer(&golabImages)))
	if p == nil || first.minpc <= addr && addr < first.maxpc {
		return first
	}
	images := *p
	i, j := 0, len(images)
	for i < j {
		m := int(uint(i+j) >> 1)
		if images[m].high <= addr {
			i = m + 1
		} else {
			j = m
		}
	}
	if i < len(images) && images[i].low <= addr {
		return images[i].md
	}
	return first
}

// golabPlace adds the modules that are new to golabImages. modulesinit, which calls it, runs once at a time, and appends to
// the modules of before.
func golabPlace(modules []*moduledata) {
	var old []golabImage
	if golabImages != nil {
		old = *golabImages
	} else if golabEarlier != nil {
		return // they overlap
	}
	images := new([]golabImage)
	*images = append(make([]golabImage, 0, len(modules)), old...)
	for _, md := range modules[len(old):] {
		x := golabImage{low: md.minpc, high: md.maxpc, md: md}
		for _, addr := range [...]uintptr{md.text, md.etext, md.noptrdata, md.enoptrdata, md.data, md.edata, md.bss, md.ebss,
			md.noptrbss, md.enoptrbss, md.types, md.etypes, md.rodata, md.gofunc, md.epclntab, md.end} {
			if addr != 0 {
				x.low, x.high = min(x.low, addr), max(x.high, addr)
			}
		}
		if len(md.pclntable) > 0 {
			x.low = min(x.low, uintptr(unsafe.Pointer(&md.pclntable[0])))
		}
		i := len(*images)
		for i > 0 && (*images)[i-1].low > x.low {
			i--
		}
		*images = append(*images, golabImage{})
		copy((*images)[i+1:], (*images)[i:])
		(*images)[i] = x
		if i > 0 && (*images)[i-1].high > x.low || i+1 < len(*images) && (*images)[i+1].low < x.high {
			images = nil
			break
		}
	}
	golabEarlier = new([]golabImage)
	*golabEarlier = old
	atomicstorep(unsafe.Pointer(&golabImages), unsafe.Pointer(images))
}
