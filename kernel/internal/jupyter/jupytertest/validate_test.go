package jupytertest

import (
	"encoding/json"
	"strings"
	"testing"
)

// good is a valid message of each type, with the channel it comes on and the type of its parent.
var good = map[string]struct{ channel, parent, content string }{
	"kernel_info_reply": {"control", "kernel_info_request", `{"status":"ok","protocol_version":"5.5","implementation":"x","implementation_version":"1","banner":"",
		"language_info":{"name":"go","version":"1","mimetype":"text/x-go","file_extension":".go"},"debugger":true,"supported_features":["debugger"],"help_links":[{"text":"","url":"x"}]}`},
	"execute_reply": {"shell", "execute_request", `{"status":"ok","execution_count":1,"user_expressions":{"a":{"status":"ok","data":{"text/plain":"1"},"metadata":{}},
		"b":{"status":"error","ename":"e","evalue":"","traceback":[]}},"payload":[{"source":"page","data":{"text/plain":""},"start":0},{"source":"set_next_input","text":"","replace":true}]}`},
	"is_complete_reply": {"shell", "is_complete_request", `{"status":"incomplete","indent":"  "}`},
	"complete_reply": {"shell", "complete_request", `{"status":"ok","matches":["a"],"cursor_start":0,"cursor_end":1,
		"metadata":{"_jupyter_types_experimental":[{"text":"a","type":"function","start":0,"end":1}]}}`},
	"inspect_reply":   {"shell", "inspect_request", `{"status":"ok","found":true,"data":{"text/plain":"x"},"metadata":{}}`},
	"history_reply":   {"shell", "history_request", `{"status":"ok","history":[[1,2,"x"],[1,3,["x",null]],[1,4,["x","y"]]]}`},
	"comm_info_reply": {"shell", "comm_info_request", `{"status":"ok","comms":{"id":{"target_name":"t"}}}`},
	"connect_reply":   {"shell", "connect_request", `{"status":"ok","shell_port":1,"iopub_port":2,"stdin_port":3,"hb_port":4,"control_port":5}`},
	"shutdown_reply":  {"iopub", "shutdown_request", `{"status":"ok","restart":false}`},
	"interrupt_reply": {"control", "interrupt_request", `{"status":"ok"}`},
	"debug_reply":     {"control", "debug_request", `{"type":"response","request_seq":1,"success":false,"command":"x","message":"no"}`},
	"usage_reply": {"control", "usage_request", `{"status":"ok","hostname":"x","pid":1,"kernel_cpu":0.5,"kernel_memory":1,"cpu_count":2,
		"host_virtual_memory":{"total":1,"available":1,"percent":0.1,"used":1,"free":1}}`},
	"status":              {"iopub", "execute_request", `{"execution_state":"busy"}`},
	"execute_input":       {"iopub", "execute_request", `{"code":"","execution_count":1}`},
	"stream":              {"iopub", "execute_request", `{"name":"stdout","text":"x"}`},
	"display_data":        {"iopub", "execute_request", `{"data":{"text/plain":"x","application/json":[1]},"metadata":{},"transient":{}}`},
	"update_display_data": {"iopub", "execute_request", `{"data":{"text/plain":"x"},"metadata":{},"transient":{"display_id":"x"}}`},
	"execute_result":      {"iopub", "execute_request", `{"data":{"text/plain":"x"},"metadata":{},"execution_count":1}`},
	"error":               {"iopub", "execute_request", `{"ename":"x","evalue":"","traceback":["x"]}`},
	"clear_output":        {"iopub", "execute_request", `{"wait":true}`},
	"debug_event":         {"iopub", "debug_request", `{"type":"event","event":"stopped","body":{}}`},
	"comm_open":           {"iopub", "execute_request", `{"comm_id":"x","target_name":"t","data":{}}`},
	"comm_msg":            {"iopub", "execute_request", `{"comm_id":"x","data":{}}`},
	"comm_close":          {"iopub", "execute_request", `{"comm_id":"x","data":{}}`},
	"input_request":       {"stdin", "execute_request", `{"prompt":"","password":true}`},
	"iopub_welcome":       {"iopub", "", `{"subscription":""}`},
}

func message(t *testing.T, typ string) Message {
	t.Helper()
	header := func(typ string) map[string]any {
		return map[string]any{"msg_id": "1", "session": "s", "username": "", "date": "2026-01-02T03:04:05.000006Z", "msg_type": typ, "version": "5.5"}
	}
	m := Message{Channel: good[typ].channel, Type: typ, Header: header(typ)}
	if parent := good[typ].parent; parent != "" {
		m.Parent = header(parent)
	}
	if err := json.Unmarshal([]byte(good[typ].content), &m.Content); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestValidatorKnowsGoodFromBad: every type has a validator, which accepts a valid message and refuses it without any one of
// its fields, with any one of another type, on another channel, and without its parent.
func TestValidatorKnowsGoodFromBad(t *testing.T) {
	for typ := range contents {
		if _, ok := good[typ]; !ok {
			t.Errorf("no example of %s", typ)
			continue
		}
		if err := Validate(message(t, typ)); err != nil {
			t.Errorf("a good message is refused: %v", err)
		}
		bad := func(what string, spoil func(*Message)) {
			m := message(t, typ)
			spoil(&m)
			if Validate(m) == nil {
				t.Errorf("%s is accepted %s", typ, what)
			}
		}
		for field := range message(t, typ).Content {
			if _, optional := contents[typ][field+"?"]; !optional {
				bad("without "+field, func(m *Message) { delete(m.Content, field) })
			}
			bad("with a wrong "+field, func(m *Message) { m.Content[field] = nil })
		}
		bad("on another channel", func(m *Message) { m.Channel = map[bool]string{true: "shell", false: "stdin"}[m.Channel == "stdin"] })
		bad("with another parent", func(m *Message) {
			if m.Parent == nil {
				m.Parent = map[string]any{"msg_id": "1", "msg_type": "x"}
			} else if strings.HasSuffix(typ, "_reply") {
				m.Parent["msg_type"] = "other_request"
			} else {
				m.Parent = nil
			}
		})
		bad("without a date", func(m *Message) { delete(m.Header, "date") })
		bad("of an earlier version", func(m *Message) { m.Header["version"] = "5.3" })
		if !strings.HasPrefix(typ, "comm_") || strings.HasSuffix(typ, "_reply") {
			bad("with buffers", func(m *Message) { m.Buffers = [][]byte{{1}} })
		}
	}
	if Validate(Message{Channel: "iopub", Type: "pyout", Header: message(t, "status").Header, Parent: message(t, "status").Header}) == nil {
		t.Error("an unknown type is accepted")
	}
}
