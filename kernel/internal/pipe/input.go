package pipe

// Input asks the person at the client for a line. It is an event with a mark: what was printed before is shown before.
type Input struct {
	ID       int
	Gen      int // of the cell that runs
	Prompt   string
	Password bool
}

// Line answers an Input.
type Line struct {
	ID   int
	Text string // without its end
	Err  string // why there is none
}
