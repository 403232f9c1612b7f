// Package bench measures GoLab beside other kernels, over the wire, as a person at a notebook would feel it.
//
// All kernels run at once and are measured in turn, cell by cell, so that what else the machine does hits all alike.
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

const usage = `usage: bench [-rounds N] [-starts N] [-cells N] [-peers golab,gonb,ipykernel]

Measures GoLab beside GoNB (built the first time) and ipykernel (from GoLab's own Python environment)
and prints a Markdown table. A peer that can't be had is left out, with a line that says why.
  -rounds N   how often each cell is measured (15)
  -starts N   how often each kernel is started (7)
  -cells N    cells over which GoLab's memory is watched (200)
  -peers ...  which kernels are measured
`

// settings are what the command line says.
type settings struct {
	rounds, starts, cells int
	peers                 []string
}

func parse(args []string) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&s.rounds, "rounds", 15, "")
	flags.IntVar(&s.starts, "starts", 7, "")
	flags.IntVar(&s.cells, "cells", 200, "")
	peers := flags.String("peers", "golab,gonb,ipykernel", "")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.peers = strings.Split(*peers, ",")
	for _, name := range s.peers {
		if name != "golab" && name != "gonb" && name != "ipykernel" {
			return s, fmt.Errorf("unknown peer %q", name)
		}
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case min(s.rounds, s.starts, s.cells) < 1:
		return s, errors.New("the numbers must be positive")
	}
	return s, nil
}

// Run is the command "bench". It returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "%v\n\n%s", err, usage)
		return 2
	}
	r, err := s.measure(ctx, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	r.write(stdout)
	return 0
}

// find gets the peers that can be had.
func (s settings) find(ctx context.Context, r *report, progress io.Writer) (peers []*peer) {
	for _, name := range s.peers {
		fmt.Fprintf(progress, "getting %s ready\n", name)
		var some []*peer
		var one *peer
		var err error
		switch name {
		case "golab":
			if one, err = golab(); err == nil { // what install does, too
				prepare := exec.CommandContext(ctx, one.argv[0], "prepare")
				prepare.Stdout, prepare.Stderr = progress, progress
				err = prepare.Run()
			}
		case "gonb":
			some, err = gonb(ctx)
		case "ipykernel":
			one, err = ipykernel(ctx)
		}
		switch {
		case err != nil:
			r.note("%s is left out: %v", name, err)
		case one != nil:
			some = []*peer{one}
		}
		for _, p := range some {
			if err := p.try(); err != nil {
				r.note("%s is left out: %v", p.name, err)
				continue
			}
			peers = append(peers, p)
		}
	}
	return peers
}

// try starts a peer and runs each of its cells once, which also fills its caches.
func (p *peer) try() error {
	k, err := p.ready()
	if err != nil {
		return err
	}
	defer k.stop()
	for _, kind := range kinds {
		if code := p.cells[kind]; code != nil {
			if _, _, err := k.execute(code(1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ready starts a peer and runs its first cells.
func (p *peer) ready() (*kernel, error) {
	k, _, err := start(p)
	if err != nil {
		return nil, err
	}
	for _, code := range p.setup {
		if _, _, err := k.execute(code); err != nil {
			k.stop()
			return nil, err
		}
	}
	return k, nil
}

// measure runs everything.
func (s settings) measure(ctx context.Context, progress io.Writer) (*report, error) {
	r := newReport()
	peers := s.find(ctx, r, progress)
	if len(peers) == 0 {
		return nil, errors.New("no kernel to measure: " + strings.Join(r.notes, "; "))
	}
	for _, p := range peers {
		r.peers = append(r.peers, p.name)
	}
	for i := range s.starts {
		fmt.Fprintf(progress, "start %d of %d\n", i+1, s.starts)
		for _, p := range peers {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			k, took, err := start(p)
			if err != nil {
				return nil, err
			}
			k.stop()
			r.add(p.name, "start to kernel_info", ms(took.info))
			r.add(p.name, "start to end of first cell", ms(took.cell))
		}
	}
	kernels := map[*peer]*kernel{}
	defer func() {
		for _, k := range kernels {
			k.stop()
		}
	}()
	for _, p := range peers {
		k, err := p.ready()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		kernels[p] = k
	}
	for i := range s.rounds + 1 { // the first round warms up
		fmt.Fprintf(progress, "round %d of %d\n", i, s.rounds)
		for _, kind := range kinds {
			for j := range peers {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				p := peers[(i+j)%len(peers)] // who follows whom differs: some work on after they reply
				code := p.cells[kind]
				if code == nil {
					continue
				}
				_, took, err := kernels[p].execute(code(i + 1))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.name, err)
				}
				if i > 0 {
					r.add(p.name, kind, ms(took))
				}
			}
		}
		for _, p := range peers {
			took, err := kernels[p].interrupt(p.loop)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			if i > 0 {
				r.add(p.name, "interrupt", ms(took))
			}
		}
	}
	for _, p := range peers {
		if rss, err := treeRSS(kernels[p].cmd.Process.Pid); err == nil {
			r.memory[p.name] = rss
		} else {
			r.note("memory of %s: %v", p.name, err)
		}
	}
	for _, p := range peers {
		if p.name != "GoLab" {
			continue
		}
		fmt.Fprintf(progress, "memory over %d cells\n", s.cells)
		if err := r.perCell(kernels[p], p, s.cells); err != nil {
			r.note("memory a cell: %v", err)
		}
	}
	return r, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// perCell measures how GoLab's two processes grow over n trivial cells, after some that warm up.
func (r *report) perCell(k *kernel, p *peer, n int) error {
	shown, _, err := k.execute("os.Getpid()")
	if err != nil {
		return err
	}
	var worker int
	if _, err := fmt.Sscan(shown, &worker); err != nil {
		return err
	}
	cell := 1000
	run := func(n int) error {
		for range n {
			cell++
			if _, _, err := k.execute(p.cells[trivial](cell)); err != nil {
				return err
			}
		}
		// What the collector has yet to free is no cost of a cell.
		_, _, err := k.execute("runtime.GC(); debug.FreeOSMemory()")
		return err
	}
	if err := run(20); err != nil {
		return err
	}
	var before, after [2]int
	measure := func(kb *[2]int) (err error) {
		for i, pid := range []int{k.cmd.Process.Pid, worker} {
			if kb[i], err = rss(pid); err != nil {
				return err
			}
		}
		return nil
	}
	if err := measure(&before); err != nil {
		return err
	}
	if err := run(n); err != nil {
		return err
	}
	if err := measure(&after); err != nil {
		return err
	}
	r.note("GoLab's memory over %d trivial cells (RSS, before → after): front %s, worker %s; %.0f kB a cell in all.", n,
		grown(before[0], after[0]), grown(before[1], after[1]), float64(after[0]+after[1]-before[0]-before[1])/float64(n))
	return nil
}

func grown(before, after int) string {
	return fmt.Sprintf("%.1f → %.1f MB", float64(before)/1024, float64(after)/1024)
}
