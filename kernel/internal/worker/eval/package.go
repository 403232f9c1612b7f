package eval

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"golab/kernel/internal/pipe"
	"golab/kernel/internal/worker/symbol"
)

// Functions and variables of other packages are symbols of the shared base. A function's symbol there ends in .abiinternal,
// so that it is known how it wants to be called: as reflect calls functions. The stock linker's do not, and are not found.
const abi = ".abiinternal"

// inBase reports whether the packages are in a shared base.
var inBase = symbol.Find("runtime.GC"+abi) != nil

// initialized reports whether the init functions of a package have run, if it has any. (The front names only packages that
// the worker or a cell has imported; the base holds more.)
func initialized(path string) bool {
	task := (*struct{ state, functions uint32 })(symbol.Find(path + "..inittask"))
	return task == nil || task.functions == 0 || atomic.LoadUint32(&task.state) == 2
}

// member is the address of a package's variable; nil if it can't be had.
func member(x *pipe.Expr) unsafe.Pointer {
	if !inBase || !initialized(x.Key) {
		return nil
	}
	return symbol.Find(x.Key + "." + x.Name)
}

// function prepares a function of a package to be called.
func function(x *pipe.Expr) code {
	entry := symbol.Find(x.Key + "." + x.Name + abi)
	if entry == nil || !initialized(x.Key) {
		refuse("function %s of %s is not loaded", x.Name, x.Key)
	}
	t := signature(x.Type)
	closure := &struct{ entry unsafe.Pointer }{entry}
	return code{t, func() reflect.Value { return at(t, unsafe.Pointer(&closure)) }, false}
}
