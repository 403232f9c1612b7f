package widgets

import (
	"encoding/json"
	"sync"

	"golab/kernel/nb"
)

// controlTarget is the comm on which a page that was loaded anew asks for all widgets at once.
const controlTarget = "jupyter.widget.control"

var (
	openMu sync.Mutex
	open   = map[string]*model{} // by comm
)

func register(id string, m *model) {
	openMu.Lock()
	defer openMu.Unlock()
	open[id] = m
}

func forget(id string) {
	openMu.Lock()
	defer openMu.Unlock()
	delete(open, id)
}

func init() {
	nb.HandleComm(controlTarget, func(c *nb.Comm, _ nb.CommMessage) {
		c.OnMessage(func(m nb.CommMessage) {
			var data struct{ Method string }
			if json.Unmarshal(m.Data, &data) == nil && data.Method == "request_states" {
				states := all()
				paths, buffers := split(states)
				c.Reply(m, map[string]any{"method": "update_states", "states": states, "buffer_paths": paths}, buffers...)
			}
		})
	})
}

// all is the state of every open widget.
func all() map[string]any {
	openMu.Lock()
	models := make(map[string]*model, len(open))
	for id, m := range open {
		models[id] = m
	}
	openMu.Unlock()
	states := map[string]any{}
	for id, m := range models {
		m.mu.Lock()
		states[id] = map[string]any{
			"model_name": m.static["_model_name"], "model_module": m.static["_model_module"],
			"model_module_version": m.static["_model_module_version"], "state": m.state(),
		}
		m.mu.Unlock()
	}
	return states
}
