"""Drives `jupyter console --kernel golab` through a terminal."""
import os
import sys

import pexpect

child = pexpect.spawn(sys.executable, ["-m", "jupyter_console", "--kernel", "golab", "--simple-prompt", "--ZMQTerminalInteractiveShell.kernel_timeout=60"],
                      encoding="utf-8", timeout=90, dimensions=(40, 120), env={**os.environ, "TERM": "dumb"})
child.logfile_read = sys.stdout


def cell(n, code, *shown):
    child.expect(rf"In \[{n}\]: ")
    child.sendline(code)
    for text in shown:
        child.expect_exact(text)


cell(1, "x := 40")
cell(2, "x += 2; x", "Out[2]: 42")
cell(3, "y := x + )", "cell[3]:1:10", "nothing before it opens it")
cell(4, "undefinedThing(x)", "undefined")
cell(5, 'var name string; fmt.Print("who? "); fmt.Scanln(&name); fmt.Println("hello", strings.ToUpper(name))', "who? ")
child.sendline("gopher")
child.expect_exact("hello GOPHER")
cell(6, 'fmt.Println("start" + "ed"); for { }', "started")  # the terminal shows what is typed, too
child.sendintr()
child.expect_exact("interrupted")
cell(7, "x", "Out[7]: 42")
child.expect(r"In \[8\]: ")
child.sendeof()
child.expect_exact("exit")
child.sendline("y")
child.expect(pexpect.EOF)
