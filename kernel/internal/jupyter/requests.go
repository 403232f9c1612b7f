package jupyter

import (
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/output"
)

// version is the kernel's own.
const version = "0.1.0"

// LanguageInfo is what notebooks keep in their metadata of the language that they are written in.
func LanguageInfo() map[string]any {
	return map[string]any{
		"name":            "go",
		"version":         strings.TrimPrefix(runtime.Version(), "go"),
		"mimetype":        "text/x-go",
		"file_extension":  ".go",
		"codemirror_mode": "go",
		"pygments_lexer":  "go",
	}
}

func (s *server) kernelInfo(*request) object {
	features := []string{} // not "kernel subshells": see docs/protocol.md
	if s.eng.Debugger() {
		features = append(features, "debugger")
	}
	return object{
		"protocol_version":       ProtocolVersion,
		"implementation":         "golab",
		"implementation_version": version,
		"language_info":          LanguageInfo(),
		"banner":                 "GoLab " + version + ": " + runtime.Version() + " with live values",
		"debugger":               slices.Contains(features, "debugger"),
		"supported_features":     features,
		"help_links": []object{
			{"text": "Go standard library", "url": "https://pkg.go.dev/std"},
			{"text": "Go language", "url": "https://go.dev/ref/spec"},
		},
	}
}

func (s *server) isComplete(req *request) object {
	r, err := parse[struct {
		Code string `json:"code"`
	}](req)
	if err != nil {
		return badRequest(err)
	}
	c := s.eng.IsComplete(r.Code)
	content := object{"status": c.Status}
	if c.Status == "incomplete" {
		content["indent"] = c.Indent
	}
	return content
}

// position is the content of the requests about one place in a cell.
type position struct {
	Code   string `json:"code"`
	Cursor *int   `json:"cursor_pos"` // in code points; absent: the end
	Detail int    `json:"detail_level"`
}

// byteOffset is the cursor as the engine counts.
func (p position) byteOffset() int {
	if p.Cursor == nil {
		return len(p.Code)
	}
	n := 0
	for i := range p.Code {
		if n >= *p.Cursor {
			return i
		}
		n++
	}
	return len(p.Code)
}

// codePoints is a byte offset as Jupyter counts.
func codePoints(code string, offset int) int {
	return utf8.RuneCountInString(code[:max(0, min(offset, len(code)))])
}

func (s *server) complete(req *request) object {
	r, err := parse[position](req)
	if err != nil {
		return badRequest(err)
	}
	c := s.eng.Complete(r.Code, r.byteOffset())
	start, end := codePoints(r.Code, c.Start), codePoints(r.Code, c.End)
	matches := []string{}
	types := []object{}
	for i, m := range c.Matches {
		matches = append(matches, m)
		kind := ""
		if i < len(c.Types) {
			kind = c.Types[i]
		}
		types = append(types, object{"text": m, "type": kind, "start": start, "end": end})
	}
	return object{
		"matches":      matches,
		"cursor_start": start,
		"cursor_end":   end,
		"metadata":     object{"_jupyter_types_experimental": types},
	}
}

func (s *server) inspect(req *request) object {
	r, err := parse[position](req)
	if err != nil {
		return badRequest(err)
	}
	b := s.eng.Inspect(r.Code, r.byteOffset(), r.Detail)
	return object{"found": b != nil, "data": output.Encode(b), "metadata": object{}}
}

// connect answers with the ports, which the client knows.
func (s *server) connect(*request) object {
	return object{
		"shell_port": s.conn.ShellPort, "iopub_port": s.conn.IOPubPort, "stdin_port": s.conn.StdinPort, "hb_port": s.conn.HeartbeatPort,
		"control_port": s.conn.ControlPort,
	}
}

func (s *server) interrupt(*request) object {
	s.interruptCell()
	return object{}
}

// interruptCell stops the running cell, also one that waits for input.
func (s *server) interruptCell() {
	s.cells.mu.Lock()
	asking := s.cells.asking
	s.cells.mu.Unlock()
	s.eng.Interrupt()
	if asking != nil {
		asking.end(errInterrupted)
	}
}

// noSubshells refuses as the protocol has it: the error is logged and there is no reply.
func (s *server) noSubshells(req *request) object {
	req.socket.log.Warn("not done: this kernel has no subshells", "type", req.header.Type)
	return nil
}

// unknownSubshell answers what is meant for a subshell.
func (s *server) unknownSubshell(req *request) object {
	req.socket.log.Warn("not done: there is no such subshell", "type", req.header.Type, "subshell", req.header.Subshell)
	return errorContent(&engine.Error{Name: "unknown subshell", Value: "this kernel has no subshells, so none with the id " + req.header.Subshell})
}

// shutdown answers, to all clients; handle ends the server after that.
func (s *server) shutdown(req *request) object {
	r, err := parse[struct {
		Restart bool `json:"restart"`
	}](req)
	if err != nil {
		return badRequest(err)
	}
	s.post(req, "shutdown_reply", object{"status": "ok", "restart": r.Restart})
	return object{"restart": r.Restart}
}
