// Package cpackage is a package with C code that is not part of the base.
package cpackage

/*
#include <errno.h>

static int calls;
static int add(int a, int b) { calls++; return a + b; }
static int count(void) { return calls; }
static int fail(void) { errno = EDOM; return -1; }
*/
import "C"

// Add is a + b.
func Add(a, b int) int { return int(C.add(C.int(a), C.int(b))) }

// Count is how often Add was called.
func Count() int { return int(C.count()) }

// Fail returns an error of C.
func Fail() error {
	_, err := C.fail()
	return err
}
