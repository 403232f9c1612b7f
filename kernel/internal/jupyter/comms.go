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
	// Before the first cell the engine has no sink to refuse through.
	if _, known := s.eng.Comms()[m.ID]; m.Type == "comm_open" && !known && !s.cells.hadOne() {
		s.post(req, "comm_close", object{"comm_id": m.ID, "data": object{}})
	}
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
	m = nb.CommMessage{Type: req.header.Type, ID: r.ID, Data: r.Data, Buffers: req.buffers}
	if m.Type == "comm_open" {
		m.Target = r.Target
	}
	return m, json.Unmarshal(req.metadata, &m.Metadata)
}
