package build

import "path/filepath"

// runtimeEdits change how Go's runtime, as it is compiled into the shared base, takes in a plugin. Its typelinksinit looks
// up which types of a new module are the same as one of an earlier module. It makes the table of all types of all earlier
// modules anew for every plugin, which with the base takes 30 ms and more with each cell; the edited one keeps the table.
//
// What it finds is the same: active modules are only ever appended to, never removed, and the table of the first n of them
// depends on nothing else. The last module goes into the table when the next one comes, as before: by then its own types are known.
// Calls do not overlap: the first is made by schedinit, the others by plugin.Open under its lock.
var runtimeEdits = []edit{
	{file: "type.go",
		old: "func typelinksinit() {\n",
		new: `// golabTypehash is the types of the first golabHashed active modules by hash.
var (
	golabTypehash map[uint32][]*_type
	golabHashed   int
)

func typelinksinit() {
`},
	{file: "type.go",
		old: "\ttypehash := make(map[uint32][]*_type, len(firstmoduledata.typelinks))\n",
		new: `	if golabTypehash == nil {
		golabTypehash = make(map[uint32][]*_type, len(firstmoduledata.typelinks))
	}
	typehash := golabTypehash
`},
	{file: "type.go",
		old: "\tprev := modules[0]\n\tfor _, md := range modules[1:] {\n",
		new: `	prev := modules[golabHashed]
	for _, md := range modules[golabHashed+1:] {
		golabHashed++
`},
}

// editedRuntime returns the changed files of the runtime by path; nothing if this Go's runtime is not as the edits expect it:
// cells then load as slowly as in stock Go.
func editedRuntime(goroot string) map[string]string {
	files, err := edited(filepath.Join(goroot, "src", "runtime"), runtimeEdits)
	if err != nil {
		return nil
	}
	return files
}
