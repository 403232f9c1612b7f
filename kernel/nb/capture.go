package nb

import (
	"encoding/json"
	"fmt"
	"os"
)

// Captured is what a cell under `%%capture NAME` showed, in the variable of that name.
type Captured struct {
	Stdout, Stderr string
	Outputs        []Output // displayed values and the value of the last expression, in their order
}

// Show shows all of it again.
func (c *Captured) Show() {
	fmt.Fprint(os.Stdout, c.Stdout)
	fmt.Fprint(os.Stderr, c.Stderr)
	for _, o := range c.Outputs {
		if h := attached(); h != nil {
			h.Display(Output{Data: o.Data, Metadata: o.Metadata})
		}
	}
}

// String says how much it is.
func (c *Captured) String() string {
	return fmt.Sprintf("captured: %d bytes of Stdout, %d of Stderr, %d Outputs; Show() shows them", len(c.Stdout), len(c.Stderr), len(c.Outputs))
}

// LoadCaptured reads what the kernel captured into a file.
func LoadCaptured(file string) (*Captured, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &Captured{}
	return c, json.Unmarshal(data, c)
}
