package cell

// keyword is how one is used, and the section of Go's specification that tells about it.
type keyword struct{ form, section string }

var keywords = map[string]keyword{
	"break":       {"break [Label]", "Break_statements"},
	"case":        {"case value, … : statements", "Switch_statements"},
	"chan":        {"chan T, chan<- T, <-chan T", "Channel_types"},
	"const":       {"const name [T] = value", "Constant_declarations"},
	"continue":    {"continue [Label]", "Continue_statements"},
	"default":     {"default: statements", "Switch_statements"},
	"defer":       {"defer f(args)", "Defer_statements"},
	"else":        {"if condition { … } else { … }", "If_statements"},
	"fallthrough": {"fallthrough", "Fallthrough_statements"},
	"for":         {"for condition { … }\nfor init; condition; post { … }\nfor key, value := range x { … }", "For_statements"},
	"func":        {"func name(parameters) results { … }\nfunc (receiver T) name(parameters) results { … }", "Function_declarations"},
	"go":          {"go f(args)", "Go_statements"},
	"goto":        {"goto Label", "Goto_statements"},
	"if":          {"if condition { … } else { … }\nif init; condition { … }", "If_statements"},
	"import":      {"import \"path\"\nimport name \"path\"", "Import_declarations"},
	"interface":   {"interface { Method(parameters) results; A | ~B }", "Interface_types"},
	"map":         {"map[K]V", "Map_types"},
	"package":     {"package name", "Package_clause"},
	"range":       {"for key, value := range x { … }", "For_range"},
	"return":      {"return [values]", "Return_statements"},
	"select":      {"select { case v := <-c: … case c <- v: … default: … }", "Select_statements"},
	"struct":      {"struct { Field T }", "Struct_types"},
	"switch":      {"switch value { case a, b: … default: … }\nswitch v := x.(type) { case T: … }", "Switch_statements"},
	"type":        {"type Name T\ntype Name = T", "Type_declarations"},
	"var":         {"var name T\nvar name [T] = value", "Variable_declarations"},
}
