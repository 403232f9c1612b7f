package variables

import (
	"reflect"
	"unsafe"
)

// sameWords reports whether two addressable values of one type are equal word by word.
func sameWords(a, b reflect.Value) bool {
	n := a.Type().Size() / unsafe.Sizeof(uintptr(0))
	return string(words(a, n)) == string(words(b, n))
}

func words(v reflect.Value, n uintptr) []byte {
	return unsafe.Slice((*byte)(v.Addr().UnsafePointer()), n*unsafe.Sizeof(uintptr(0)))
}
