"""jupyter_kernel_test for GoLab: every test is filled in. With BUSY=1, a goroutine of an earlier cell computes, prints and displays all along."""
import os
import unittest

import jupyter_kernel_test as jkt
from jupyter_client.kernelspec import KernelSpecManager


class GoLab(jkt.KernelTests):
    kernel_name = "golab"
    language_name = "go"
    file_extension = ".go"

    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "oops")'
    completion_samples = [
        {"text": "strings.ToUpp", "matches": {"ToUpper", "ToUpperSpecial"}},
        {"text": "fallth", "matches": {"fallthrough"}},
        {"text": "math.Pi"},
    ]
    complete_code_samples = ["1 + 1", 'fmt.Println("hello")', "func f() int {\n\treturn 1\n}", "x := 3", "%who", "// nothing", "fmt.Println?"]
    incomplete_code_samples = ["func f() int {", "fmt.Println(", "x := []int{1,", "s := `raw", "1 +", "/* open", "for i := range 3 {\n\tfmt.Println(i)"]
    invalid_code_samples = ["x := )", "func 1f() {}", "}", "else {}"]
    code_page_something = "strings.ToUpper?"
    code_generate_error = "undefinedName + 1"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": 'strings.Repeat("go", 3)', "result": '"gogogo"'},
        {"code": "[]int{1, 2, 3}", "result": "[]int{1, 2, 3}"},
        {"code": 'float64(2.5)', "result": "2.5"},
    ]
    code_display_data = [
        {"code": 'nb.Display(nb.Bundle{"text/html": "<b>bold</b>"})', "mime": "text/html"},
        {"code": 'import "github.com/janpfeifer/gonb/gonbui"\ngonbui.DisplayHTML("<i>italic</i>")', "mime": "text/html"},
    ]
    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "fmt.Println"
    code_clear_output = "nb.Clear(false)"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.environ.get("BUSY"):
            cls.kc.execute_interactive("n := 0\ngo func() {\n\tfor {\n\t\tn++\n\t}\n}()", timeout=60)


class Welcome(jkt.IopubWelcomeTests):
    kernel_name = "golab"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
