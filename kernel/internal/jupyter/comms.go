package jupyter

import (
	"encoding/json"
	"errors"

	"golab/kernel/nb"
)

// commInfo lists the open comms, or those of one target.
func (s *server) commInfo(req *request) object {
	r, err := parse[struct {
		Target string `json:"target_name"`
	}](req)
	if err != nil {
		return badRequest(err)
	}
	comms := object{}
	for id, target := range s.eng.Comms() {
		if r.Target == "" || r.Target == target {
			comms[id] = object{"target_name": target}
		}
	}
	return object{"comms": comms}
}

// comm hands a message to the comm that it is for. There is no reply; what the engine answers goes to iopub. The messages of
// one client are handed on in the order of their arrival, also while a cell runs.
func (s *server) comm(req *request) object {
	m, err := commMessage(req)
	if err != nil {
		req.socket.log.Warn("dropped a message", "reason", err.Error(), "type", req.header.Type)
		return nil
	}
	s.eng.Comm(m)
	return nil
}

// commMessage reads a comm_open, comm_msg or comm_close.
func commMessage(req *request) (m nb.CommMessage, err error) {
	r, err := parse[struct {
		ID     string          `json:"comm_id"`
		Target string          `json:"target_name"`
		Data   json.RawMessage `json:"data"`
	}](req)
	if err != nil {
		return m, err
	}
	if r.ID == "" {
		return m, errors.New("it has no comm_id")
	}
	if len(r.Data) == 0 || string(r.Data) == "null" {
		r.Data = json.RawMessage("{}")
	}
	if r.Data[0] != '{' {
		return m, errors.New("its data is no JSON object")
	}
	m = nb.CommMessage{Type: req.header.Type, ID: r.ID, Data: r.Data, Buffers: req.buffers, Parent: req.rawHeader}
	if m.Type == "comm_open" {
		m.Target = r.Target
	}
	return m, json.Unmarshal(req.metadata, &m.Metadata)
}

// beforeCells takes answers to messages of comms before the first cell. Nothing else has a place then.
type beforeCells struct{ *cellOutput }

func (s *server) beforeCells() beforeCells { return beforeCells{&cellOutput{server: s, silent: true}} }

// Comm posts an answer.
func (b beforeCells) Comm(m nb.CommMessage) {
	if len(m.Parent) > 0 {
		b.cellOutput.Comm(m)
	}
}
