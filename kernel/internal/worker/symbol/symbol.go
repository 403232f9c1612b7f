//go:build cgo

// Package symbol finds functions and variables of loaded packages by name, as the dynamic linker knows them.
package symbol

// #cgo linux LDFLAGS: -ldl
// #define _GNU_SOURCE
// #include <dlfcn.h>
// #include <stdlib.h>
// static void *find(char *name) { return dlsym(RTLD_DEFAULT, name); }
import "C"

import "unsafe"

// Find is the address of a symbol, nil if nothing that is loaded exports it.
func Find(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.find(s)
}
