package cell_test

import (
	"testing"

	"golab/kernel/internal/cell"
)

// Front ends ask this at Enter: more text must be able to mend what is "incomplete", and nothing can mend what is "invalid".
func TestComplete(t *testing.T) {
	type want struct{ status, indent string }
	for code, want := range map[string]want{
		"":                                     {"complete", ""},
		"// nothing":                           {"complete", ""},
		"1 + 1":                                {"complete", ""},
		"for {}":                               {"complete", ""},
		"x = 3 +\n4":                           {"complete", ""},
		"switch x {\ncase 1:\n}":               {"complete", ""},
		"m := map[string]int{\n\t\"a\": 1,\n}": {"complete", ""},
		"func f() {":                           {"incomplete", "\t"},
		"go func() {\n\tfor {":                 {"incomplete", "\t\t"},
		"f(a,\n\tb,":                           {"incomplete", "\t"},
		"x :=":                                 {"incomplete", ""},
		"x.":                                   {"incomplete", ""},
		"func":                                 {"incomplete", ""},
		"type T struct":                        {"incomplete", ""},
		"if x > 3":                             {"incomplete", ""},
		"if true {\n} else":                    {"incomplete", ""},
		"s := `raw":                            {"incomplete", ""},
		"/* open":                              {"incomplete", ""},
		"}":                                    {"invalid", ""},
		"x := )":                               {"invalid", ""},
		"func 1f() {}":                         {"invalid", ""},
		"else {}":                              {"invalid", ""},
		"import \"fmt":                         {"invalid", ""},
	} {
		if status, indent := cell.Complete(code); status != want.status || indent != want.indent {
			t.Errorf("%q is %s, indent %q; want %s, %q", code, status, indent, want.status, want.indent)
		}
	}
}
