"""What Jupyter's own client and nbclient ask of a kernel, beyond jupyter_kernel_test: control, input, interrupt, abort, comms, restart."""
import asyncio
import time

import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

TIMEOUT = 60
km, kc = start_new_kernel(kernel_name="golab", startup_timeout=TIMEOUT)


def run(code, **kw):
    outputs = []
    reply = kc.execute_interactive(code, timeout=TIMEOUT, output_hook=outputs.append, **kw)
    return reply["content"], outputs


def text(outputs):
    return "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream")


def control(kind, content=None):
    msg = kc.session.msg(kind, content or {})
    kc.control_channel.send(msg)
    while True:
        reply = kc.get_control_msg(timeout=TIMEOUT)
        if reply["parent_header"].get("msg_id") == msg["header"]["msg_id"]:
            return reply["content"]


# Input, a password too, and a client that can't be asked.
asked = []


def answer(msg):
    asked.append((msg["content"]["prompt"], msg["content"]["password"]))
    kc.input("a line of text")


reply, outputs = run('in := bufio.NewReader(os.Stdin)\nline, err := in.ReadString(\'\\n\')\nfmt.Printf("%q %v", line, err)', allow_stdin=True, stdin_hook=answer)
assert reply["status"] == "ok" and text(outputs) == '"a line of text\\n" <nil>', (reply, outputs)
reply, outputs = run('secret, err := nb.Password("key: ")\nfmt.Print(len(secret), err)', allow_stdin=True, stdin_hook=answer)
assert asked[-1] == ("key: ", True) and text(outputs) == "14 <nil>", (asked, outputs)
reply, outputs = run("var n int\n_, err = fmt.Scan(&n)\nfmt.Print(err)", allow_stdin=False)
assert "input" in text(outputs), (reply, outputs)

# A busy kernel answers on control and on shell; an interrupt ends the cell and what was queued behind it runs or is aborted.
busy = kc.execute("println(1)\nfor {\n}")
assert control("kernel_info_request")["implementation"] == "golab"
completion = kc.complete("strings.ToUpp", 13)
while True:
    reply = kc.get_shell_msg(timeout=TIMEOUT)
    if reply["parent_header"]["msg_id"] == completion:
        assert "ToUpper" in reply["content"]["matches"], reply
        break
usage = control("usage_request")
assert usage["kernel_memory"] > 0 and usage["host_virtual_memory"]["total"] > 0, usage
queued = kc.execute("1 + 1")
km.interrupt_kernel()
statuses = {}
while len(statuses) < 2:
    reply = kc.get_shell_msg(timeout=TIMEOUT)
    if reply["parent_header"]["msg_id"] in (busy, queued):
        statuses[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
assert statuses == {busy: "error", queued: "aborted"}, statuses

# History, by another session's eyes.
reply = kc.history(raw=True, output=True, hist_access_type="search", pattern="*bufio.NewReader*", reply=True, timeout=TIMEOUT)
assert len(reply["content"]["history"]) == 1, reply

# A restart forgets the values; what was run before is in the history still.
run("kept := 1")
km.restart_kernel(now=False)
kc.wait_for_ready(timeout=TIMEOUT)
reply, _ = run("kept")
assert reply["status"] == "error" and "kept" in reply["evalue"], reply
reply = kc.history(raw=True, output=False, hist_access_type="range", session=-1, start=1, stop=3, reply=True, timeout=TIMEOUT)
assert len(reply["content"]["history"]) == 2, reply
kc.stop_channels()
km.shutdown_kernel()

# nbclient: displays that update, an error that says where, cells that may fail.
book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "golab", "display_name": "Go", "language": "go"}})
book.cells = [nbformat.v4.new_code_cell(c) for c in (
    'for i := range 3 {\n\tnb.DisplayID("bar", nb.Bundle{"text/plain": fmt.Sprint("step ", i)})\n}',
    "var empty map[string]int\nempty[\"a\"] = 1",
    "fmt.Print(len(empty))",
)]
book.cells[1].metadata["tags"] = ["raises-exception"]
NotebookClient(book, kernel_name="golab", timeout=TIMEOUT).execute()
assert [o["data"]["text/plain"] for o in book.cells[0].outputs] == ["step 2"], book.cells[0].outputs
assert any(o.output_type == "error" and "nil map" in o.evalue for o in book.cells[1].outputs), book.cells[1].outputs
assert book.cells[2].outputs[0]["text"] == "0", book.cells[2].outputs
book.cells[1].metadata["tags"] = []
try:
    NotebookClient(book, kernel_name="golab", timeout=TIMEOUT).execute()
except CellExecutionError as e:
    assert "cell[2]:2" in str(e) and 'empty["a"] = 1' in str(e), str(e)
else:
    raise AssertionError("a failing cell did not stop nbclient")
