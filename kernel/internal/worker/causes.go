package worker

import (
	"fmt"
	"reflect"
	"strings"

	"golab/kernel/internal/worker/variables"
)

// maxCauses is how deep errors that wrap others are looked into, and how many of one are shown.
const maxCauses = 10

// causes says, in a line each, what an error wraps (see package errors): one, or several that were joined.
func causes(err error, depth int) (lines []string) {
	defer func() {
		if r := recover(); r != nil {
			lines = nil
		}
	}()
	if depth > maxCauses {
		return nil
	}
	indent := strings.Repeat("  ", depth)
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		if inner := w.Unwrap(); inner != nil {
			lines = append([]string{indent + "caused by " + named(inner)}, causes(inner, depth+1)...)
		}
	case interface{ Unwrap() []error }:
		list := w.Unwrap()
		for i, inner := range list {
			if i == maxCauses {
				return append(lines, fmt.Sprintf("%s… and %d more", indent, len(list)-i))
			}
			if inner != nil {
				lines = append(append(lines, indent+"- "+named(inner)), causes(inner, depth+1)...)
			}
		}
	}
	return lines
}

// named is an error's text on one line, after its type if that says something.
func named(err error) string {
	text := strings.Join(strings.Fields(safely(err.Error)), " ")
	switch t := reflect.TypeOf(err); t.String() {
	case "*errors.errorString", "*errors.joinError", "*fmt.wrapError", "*fmt.wrapErrors", "*fmt.fmtError":
	default:
		text = version.ReplaceAllString(variables.TypeName(t), "") + ": " + text
	}
	return text
}
