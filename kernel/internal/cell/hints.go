package cell

import (
	"regexp"
	"slices"
	"strings"
)

// A slip is a mistake that people make who are new to Go, or come from another language: what the checker says of it, or what
// the line looks like, and what to write instead.
type slip struct {
	msg  *regexp.Regexp // in the error
	line *regexp.Regexp // in the line of the cell; nil if that does not matter
	hint string         // with $1, … of msg, or of line where msg has no groups
}

func in(msg, line, hint string) slip {
	s := slip{msg: regexp.MustCompile(msg), hint: hint}
	if line != "" {
		s.line = regexp.MustCompile(line)
	}
	return s
}

// number is the names of Go's types of real numbers.
const number = `(u?int(?:8|16|32|64)?|uintptr|byte|rune|float32|float64)`

// syntax is how errors begin where Go could not read the line.
const syntax = `^(?:expected|unexpected|illegal|missing ',|import path)`

// assignment is a line that gives names values.
var assignment = regexp.MustCompile(`^\s*(\w+(?:\s*,\s*\w+)*)\s*=[^=]`)

// slips in the order in which they are tried.
var slips = []slip{
	// Other languages.
	in(syntax, `^\s*print\s+(["'\w][^=]*?)\s*$`, "fmt.Println($1) prints"),
	in(syntax, `^\s*def\s+(\w+)\s*\(`, "functions are declared as in func $1(x int) int { … }"),
	in(syntax, `^\s*(?:elif|elsif)\b`, "that is else if, on the line of the } before it: } else if … {"),
	in(syntax, `^\s*while\b\s*(.*?)\s*[:{]?\s*\}?\s*$`, "Go's only loop is for, also with a condition alone: for n < 3 { … }"),
	in(`expected`, `^\s*for\s+(\w+)\s+in\s+range\s*\(([^,]*)\)\s*[:{]`, "that is for $1 := range $2 { … }"),
	in(`expected`, `^\s*for\s+(\w+)\s+in\s+(.*?)\s*[:{]`, "that is for _, $1 := range $2 { … }"),
	in(syntax, `^\s*class\s+(\w+)`, "types are declared as in type $1 struct { … }, their methods outside"),
	in(syntax, `^\s*import\s+[\w.]+(\s+as\s+\w+)?\s*$`, `imports name paths in quotes: import "math"; packages that GoLab knows need none`),
	in(syntax, `^\s*from\s+\S+\s+import\b`, `imports name paths in quotes: import "math"; packages that GoLab knows need none`),
	in(syntax, `^\s*(?:let|auto)\s+(\w+)\s*=`, "variables are declared with $1 := … or var $1 = …"),
	in(syntax, `^\s*(?:try|except|catch)\b`, "Go has no exceptions: functions return errors, as in x, err := f()"),
	in(syntax, `\blambda\b[^:=]*:`, "a function literal is written func(x int) int { return … }"),
	in(syntax, `\bf["']`, `fmt.Sprintf("%v", x) puts values into a text`),
	in(`illegal character U\+0023`, `^\s*#\s*(?:include|define|ifn?def|if|pragma)\b`, "cells are Go; C goes into a package of its own, which cells import"),
	in(`illegal character U\+0023`, ``, "comments begin with //"),
	in(`illegal character U\+003F`, ``, "Go has no ?: operator; use if and else"),
	in(`illegal rune literal|more than one character in rune literal`, ``, `texts stand in double quotes; 'x' is one character`),
	in(`found (?:and|or|not)\b|found \w`, `\b(?:and|or)\b|^\s*(?:if\s+)?not\b`, "Go writes && for and, || for or, ! for not"),
	in(`cannot indirect`, `\*\*`, "math.Pow(x, y) raises to a power; for numbers, * multiplies"),
	in(`undefined: (?:True|False)$`, ``, "Go writes true and false"),
	in(`undefined: (?:None|null|NULL|nullptr)$`, ``, "Go has nil, for pointers, slices, maps, channels, functions and interfaces"),
	in(`undefined: (?:str|String)$`, ``, "fmt.Sprint(x) makes text of anything; the type is string"),
	in(`undefined: (?:printf|puts|echo|print_r|cout)$`, ``, "fmt.Println(x) and fmt.Printf print"),
	in(`undefined: (?:strlen|length|size|count)$`, ``, "len(x) is the length of a string, slice, map, array or channel"),
	in(`undefined: (?:self|this)$`, ``, "methods name their receiver: func (p Point) String() string"),
	in(`^(\S+)\.(?:len|length|size|Len|Length|count) undefined`, ``, "len($1) is its length"),
	in(`^(\S+)\.(?:append|push|add|Append|Push|push_back) undefined \(type \[\]`, ``, "$1 = append($1, …) appends"),
	in(`^(\S+)\.(?:keys|Keys) undefined \(type map`, ``, "maps.Keys($1) ranges over its keys; slices.Sorted(maps.Keys($1)) is a slice of them"),
	in(`^(\S+)\.(?:has|contains|includes|Contains|Has) undefined \(type map`, ``, "_, ok := $1[key] tells whether it is there"),
	in(`^(\S+)\.(?:contains|includes|Contains) undefined \(type \[\]`, ``, "slices.Contains($1, …) tells"),
	in(`^(\S+)\.(?:upper|lower|split|strip|replace|join|startswith|endswith|contains|trim|toUpperCase|toLowerCase)\b.* undefined \(type string`, ``,
		"what is done with strings is in package strings: strings.ToUpper($1), strings.Split($1, …)"),
	in(`^(\S+)\.(?:upper|lower|split|strip|replace|join|startswith|endswith|contains|trim|toUpperCase|toLowerCase) undefined \(type string`, ``,
		"what is done with strings is in package strings: strings.ToUpper($1), strings.Split($1, …)"),

	// Syntax.
	in(`illegal label declaration|expected '\{'|expected operand, found the end|expected boolean expression`, `^\s*(?:if|for|switch|else|func)\b.*:\s*$`, "blocks stand in braces: if x > 2 { … }"),
	in(`found the end of the statement|missing condition|unexpected newline`, `^\s*(?:if|for|switch|else|func)\b[^{]*$`, "the { of a block stands on the line of its beginning: if x > 2 {"),
	in(`found '(\+\+|--)'`, ``, "x$1 is a statement of its own in Go, not a value"),
	in(`missing ',' in argument list`, `\w(\+\+|--)`, "x$1 is a statement of its own in Go, not a value"),
	in(`missing ',' before newline`, ``, "the last line also ends in a comma, unless the closing bracket follows on it"),
	in(`found assignment|cannot use .* as value`, `\b(?:if|for|switch)\b.*[^=!<>:]=[^=]`, "== compares, = assigns"),
	in(`found 'else'`, ``, "else stands on the line of the } before it: } else {"),
	in(`expected operand, found '\{'`, ``, "a list of values names its type: []int{1, 2}, map[string]int{\"a\": 1}"),
	in(`unexpected comma; expecting \]`, ``, "a list of values names its type: []int{1, 2}"),
	in(`expected '\{', found`, `^\s*(?:if|for)\b[^{]*$`, "a block stands in braces, also if it is one statement"),
	in(`is never closed`, `"[^"]*$`, "does the text end with a quote?"),
	in(`is never closed`, "^[^`]*`[^`]*$", "does the text end with a quote?"),

	// Types.
	in(`^cannot use (.+?) \((?:variable|value|constant|untyped|.* of type).*\b`+number+`(?: constant)?(?: -?[\d.]+)?\) as `+number+` value`, ``, "convert it: $3($1)"),
	in(`^cannot use (.+?) \(.*\b(?:u?int(?:8|16|32|64)?|byte)\) as string value`, ``, "strconv.Itoa($1) or fmt.Sprint($1) makes text of a number"),
	in(`^cannot use (.+?) \(.*\bfloat(?:32|64)\) as string value`, ``, "fmt.Sprint($1) makes text of a number"),
	in(`^cannot use .* \(.*string(?: constant)?\) as (?:u?int|float).* value in assignment`, `^(\w+)\s*=[^=]`, "$1 := … gives the name another type"),
	in(`^cannot use (.+?) \(.*\bstring(?: constant)?\) as (?:u?int(?:8|16|32|64)?) value|^cannot convert (\w+) \(.*string\) to type u?int`, ``, "strconv.Atoi reads a number: n, err := strconv.Atoi(text)"),
	in(`^cannot use (.+?) \(.*\bstring(?: constant)?\) as (?:float(?:32|64)) value|^cannot convert (\w+) \(.*string\) to type float`, ``, "strconv.ParseFloat reads a number: f, err := strconv.ParseFloat(text, 64)"),
	in(`mismatched types (?:untyped )?string and|mismatched types .* and (?:untyped )?string\)`, ``, "fmt.Sprint(a, b) and fmt.Sprintf(\"%v\", x) make text of anything; strconv.Itoa(n) of an int"),
	in(`^invalid operation: (\S+) (\S+) (\S+) \(mismatched types (?:u?int(?:8|16|32|64)?|uintptr|byte|rune) and (float32|float64)\)`, ``, "convert the first: $4($1) $2 $3"),
	in(`^invalid operation: (\S+) (\S+) (\S+) \(mismatched types `+number+` and `+number+`\)`, ``, "convert one: $1 $2 $4($3)"),
	in(`mismatched types `+number+` and `+number+`\)`, ``, "Go converts no number by itself: float64(n), int(f)"),
	in(`truncated to u?int|truncated`, ``, "int(f) of a variable cuts the fraction off; a constant must be whole"),
	in(`overflows u?int`, ``, "take a type that holds it"),
	in(`non-boolean condition`, ``, "a condition is a comparison: n != 0, s != \"\", p != nil, len(xs) > 0"),
	in(`operator ! not defined`, ``, "compare instead: n == 0, s == \"\", p == nil, len(xs) == 0"),
	in(`method (\w+) has pointer receiver`, ``, "methods of pointers need one: take & of the value"),
	in(`missing return`, ``, "a function with results ends with return, in every branch"),
	in(`no new variables on left side of :=`, ``, "= gives a variable a new value, := declares"),
	in(`^(\S+) redeclared in this block`, ``, "= gives a variable a new value; two declarations of a cell need two names"),
	in(`assignment mismatch: 1 variable but .* returns 2 values`, ``, "take both: x, err := …, or x, _ := … without the second"),
	in(`assignment mismatch: \d+ variables? but (.+) returns (\d+) values?`, ``, "take all $2; _ drops one"),
	in(`multiple-value .* in (?:single-value|argument)`, ``, "take both first: x, err := …"),
	in(`too many return values`, ``, "say in the function's head what it returns: func f() int"),
	in(`not enough return values`, ``, "return a value for each result in the function's head"),
	in(`cannot assign to struct field (.+)\[(.+)\]\.(\w+) in map`, ``, "take it out, change it, put it back: v := $1[$2]; v.$3 = …; $1[$2] = v"),
	in(`cannot assign to (\w+)\[.*neither addressable nor a map index`, ``, "characters of a string can't be changed: b := []byte($1); b[0] = 'x'; $1 = string(b)"),
	in(`append\(.*\) \(value of type .*\) is not used`, `append\(\s*([\w.]+)`, "append returns the longer slice: xs = append(xs, …)"),
	in(`is not used$`, ``, "give it a name, x := …, or make it the last line of the cell, which is shown"),
	in(`in (go|defer) must be function call`, ``, "it runs a call: $1 f()"),
	in(`is not an expression`, ``, "a value of a type is written T{…}, or T(x)"),
	in(`is not constant`, ``, "constants are known when the cell is compiled; var and := declare variables"),
	in(`does not implement (\S+) \(missing method (\w+)\)`, ``, "it needs a method $2 to be used as $1"),
	in(`cannot infer (\w+)`, ``, "name the type: f[int](…)"),
	in(`invalid recursive type`, ``, "a type holds itself through a pointer, slice or map: next *T"),
	in(`missing parameter type|undefined: \w+$`, `\bfunc\b[^{]*\(\s*\w+\s*(?:,\s*\w+\s*)*\)\s*[^{]*\{`, "parameters have types: func(x int)"),
	in(`division by zero`, ``, "the divisor is the constant 0"),
	in(`cannot use .* \(.*variable of type \[\].*\) as \[\d+\]`, ``, "arrays have a fixed length; [3]int(xs) makes one of a slice with 3 items"),
}

// Hint is what to do about an error of which only the text and the place are known: what is often meant by that. It is empty
// for most.
func Hint(e *Error) string {
	if e.Hint != "" {
		return e.Hint
	}
	n, _ := e.Source.Position(e.Offset)
	line := e.Source.Line(n)
	if strings.HasPrefix(strings.TrimSpace(e.Source.Line(n-1)), "if ") && strings.TrimSpace(line) == "{" {
		line = e.Source.Line(n - 1)
	}
	if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok {
		if m := assignment.FindStringSubmatch(line); m != nil && slices.Contains(strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' }), name) {
			return ":= declares a variable: " + m[1] + " := …"
		}
	}
	for _, s := range slips {
		m := s.msg.FindStringSubmatchIndex(e.Msg)
		if m == nil {
			continue
		}
		re, text := s.msg, e.Msg
		if s.line != nil {
			at := s.line.FindStringSubmatchIndex(line)
			if at == nil {
				continue
			}
			if s.msg.NumSubexp() == 0 || s.line.NumSubexp() > 0 {
				re, text, m = s.line, line, at
			}
		}
		return string(re.ExpandString(nil, s.hint, text, m))
	}
	return ""
}
