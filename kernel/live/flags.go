package live

import (
	"flag"
	"os"
)

// Command-line flags of cells. A cell `%% --lr=0.1` is, as in GoNB, a program with these arguments: it begins by parsing
// them. But the process lives on, so that flags which a cell declares again must first be forgotten, and values from an
// earlier command line must not be left over.

// programName is how usage texts call a cell.
const programName = "the cell"

// workers is the flags of packages that every worker has: they are no cell's.
var workers = map[string]bool{}

// ownFlags notes them, before the first cell.
func ownFlags() { flag.VisitAll(func(f *flag.Flag) { workers[f.Name] = true }) }

// ForgetFlags makes room for flags that a cell is about to define again.
func ForgetFlags(names []string) {
	gone := map[string]bool{}
	for _, n := range names {
		gone[n] = true
	}
	renewFlags(func(f *flag.Flag) bool { return gone[f.Name] })
}

// ParseFlags parses os.Args as an ordinary program would at its start. A wrong flag ends the cell, not the process.
func ParseFlags() {
	flag.Visit(func(f *flag.Flag) { f.Value.Set(f.DefValue) }) // what an earlier command line set
	renewFlags(func(*flag.Flag) bool { return false })
	flag.CommandLine.Init(programName, flag.ContinueOnError)
	defer flag.CommandLine.Init(programName, flag.PanicOnError) // for calls of flag.Parse in cells
	if err := flag.CommandLine.Parse(os.Args[1:]); err != nil {
		hooks.Show([]any{err}, true)
	}
}

// renewFlags puts a new flag.CommandLine in the place of the one that is there, with all its flags but those for which
// drop holds. None of them counts as set.
func renewFlags(drop func(*flag.Flag) bool) {
	next := flag.NewFlagSet(programName, flag.PanicOnError)
	flag.VisitAll(func(f *flag.Flag) {
		if !drop(f) && !workers[f.Name] {
			next.Var(f.Value, f.Name, f.Usage)
			next.Lookup(f.Name).DefValue = f.DefValue
		}
	})
	flag.CommandLine = next
}
