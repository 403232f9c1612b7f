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
	"slices"
	"strings"
	"time"
)

const usage = `usage: bench [-rounds N] [-starts N] [-cells N] [-peers golab,gonb,ipykernel,evcxr]

Measures GoLab beside GoNB (built the first time), ipykernel (from GoLab's own Python environment) and
evcxr (the Rust kernel, where it is installed) and prints a Markdown table. A peer that can't be had is left out, with a line that says why.
  -rounds N   how often each cell is measured (15)
  -starts N   how often each kernel is started (7)
  -cells N    cells that GoLab runs in one session, to see what changes from the first to the last (2000)
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
	flags.IntVar(&s.cells, "cells", 2000, "")
	peers := flags.String("peers", "golab,gonb,ipykernel,evcxr", "")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.peers = strings.Split(*peers, ",")
	for _, name := range s.peers {
		if !slices.Contains([]string{"golab", "gonb", "ipykernel", "evcxr"}, name) {
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
		case "evcxr":
			one, err = evcxr()
		}
		if one != nil {
			some = []*peer{one}
		}
		if err == nil {
			err = try(some)
		}
		if err != nil {
			r.note("%s is left out: %v", name, err)
			continue
		}
		peers = append(peers, some...)
	}
	return peers
}

// try starts the kernel of some peers and runs each of their cells once, which also fills its caches.
func try(peers []*peer) error {
	k, _, err := start(peers[0])
	if err != nil {
		return err
	}
	defer k.stop()
	for _, p := range peers {
		if err := k.run(p.setup, p.ml); err != nil {
			return err
		}
		for _, code := range p.cells {
			if err := k.run([]string{code(1)}); err != nil {
				return err
			}
		}
	}
	return nil
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
	run := run{settings: s, report: r, peers: peers, kernels: map[*peer]*kernel{}, progress: progress, n: int(time.Now().Unix()%10_000) * 10_000}
	defer func() {
		for p, k := range run.kernels {
			if !p.shares {
				k.stop()
			}
		}
	}()
	for _, step := range []func(context.Context) error{run.starts, run.plain, run.ml, run.memory, run.many} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// run is one measurement under way.
type run struct {
	settings
	*report
	peers    []*peer
	kernels  map[*peer]*kernel
	progress io.Writer
	n        int // makes the next cell new
}

// new makes the text of a cell that no kernel has seen, in this run or (nearly always) in another: Go keeps what it has built.
func (r *run) new(cell func(int) string) string {
	r.n++
	return cell(r.n)
}

// starts measures starts, and leaves one kernel of each peer running.
func (r *run) starts(ctx context.Context) error {
	for i := range r.settings.starts {
		fmt.Fprintf(r.progress, "start %d of %d\n", i+1, r.settings.starts)
		var last *kernel
		for _, p := range r.peers {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if p.shares {
				if last != nil {
					r.kernels[p] = last
				}
				continue
			}
			k, took, err := start(p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			r.add(p.name, "start to kernel_info", ms(took.info))
			r.add(p.name, "start to end of first cell", ms(took.cell))
			if i < r.settings.starts-1 {
				k.stop()
				continue
			}
			r.kernels[p], last = k, k
		}
	}
	return nil
}

// each does something in the kernel of each peer, beginning with another one each time: some kernels work on after they
// reply, and what follows is slower.
func (r *run) each(ctx context.Context, first int, do func(*peer, *kernel) error) error {
	for i := range r.peers {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := r.peers[(first+i)%len(r.peers)]
		if err := do(p, r.kernels[p]); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// rounds measures kinds of cells and, if it is not nil, what else is to be done in each round.
func (r *run) rounds(ctx context.Context, kinds []string, also func(p *peer, k *kernel, warm bool) error) error {
	for i := range r.settings.rounds + 1 { // the first round warms up
		fmt.Fprintf(r.progress, "%s: round %d of %d\n", kinds[0], i, r.settings.rounds)
		for _, kind := range kinds {
			err := r.each(ctx, i, func(p *peer, k *kernel) error {
				code := p.cells[kind]
				if code == nil {
					return nil
				}
				_, took, err := k.execute(r.new(code))
				if err == nil && i > 0 {
					r.add(p.name, kind, ms(took))
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		if also == nil {
			continue
		}
		if err := r.each(ctx, i, func(p *peer, k *kernel) error { return also(p, k, i > 0) }); err != nil {
			return err
		}
	}
	return nil
}

// plain measures what needs no library. It comes first: what is declared for machine learning slows GoNB's other cells,
// too.
func (r *run) plain(ctx context.Context) error {
	if err := r.each(ctx, 0, func(p *peer, k *kernel) error { return k.run(p.setup) }); err != nil {
		return err
	}
	return r.rounds(ctx, plainKinds, func(p *peer, k *kernel, warm bool) error {
		if p.half != "" {
			took, err := k.complete(p.half)
			if err != nil {
				return err
			}
			if warm {
				r.add(p.name, "complete a name", ms(took))
			}
		}
		if p.loop == "" {
			return nil
		}
		took, err := k.interrupt(p.loop)
		if err == nil && warm {
			r.add(p.name, "interrupt", ms(took))
		}
		return err
	})
}

func (r *run) ml(ctx context.Context) error {
	if err := r.each(ctx, 0, func(p *peer, k *kernel) error { return k.run(p.ml) }); err != nil {
		return err
	}
	return r.rounds(ctx, mlKinds, nil)
}

func (r *run) memory(ctx context.Context) error {
	for _, p := range r.peers {
		if p.shares {
			continue
		}
		rss, err := treeRSS(r.kernels[p].cmd.Process.Pid)
		if err != nil {
			return err
		}
		r.report.memory[p.name] = rss
	}
	return nil
}

// many runs many small cells in GoLab.
func (r *run) many(ctx context.Context) error {
	for _, p := range r.peers {
		if p.name == "GoLab" {
			fmt.Fprintf(r.progress, "%d cells in one session\n", r.cells)
			return r.session(ctx, r.kernels[p], p, r.cells)
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// window is how many cells at the begin and the end of a session are compared.
const window = 100

// session measures how GoLab's two processes grow over n small cells that are compiled, after some that warm up, and whether the last
// cells take longer than the first.
func (r *run) session(ctx context.Context, k *kernel, p *peer, n int) error {
	shown, _, err := k.execute("os.Getpid()")
	if err != nil {
		return err
	}
	var worker int
	if _, err := fmt.Sscan(shown, &worker); err != nil {
		return err
	}
	run := func(n int) (times []float64, err error) {
		for range n {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			_, took, err := k.execute(r.new(p.cells[smallLoop]))
			if err != nil {
				return nil, err
			}
			times = append(times, ms(took))
		}
		// What the collector has yet to free is no cost of a cell.
		_, _, err = k.execute("runtime.GC(); debug.FreeOSMemory()")
		return times, err
	}
	if _, err := run(20); err != nil {
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
	times, err := run(n)
	if err != nil {
		return err
	}
	if err := measure(&after); err != nil {
		return err
	}
	r.note("%s; memory (RSS, before → after): front %s, worker %s; %.0f kB a cell in all.", latency(times),
		grown(before[0], after[0]), grown(before[1], after[1]), float64(after[0]+after[1]-before[0]-before[1])/float64(n))
	return nil
}

// latency compares the first and the last cells of a session.
func latency(times []float64) string {
	w := min(window, (len(times)+1)/2)
	return fmt.Sprintf("%d small loops in one GoLab session: median of the first %d %s ms, of the last %[2]d %[4]s ms", len(times), w,
		figure(quantile(times[:w], 0.5)), figure(quantile(times[len(times)-w:], 0.5)))
}

func grown(before, after int) string {
	return fmt.Sprintf("%.1f → %.1f MB", float64(before)/1024, float64(after)/1024)
}
