package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// way is how devices are reported.
type way struct {
	Batch  bool
	AtOnce int
}

func (w way) String() string {
	if w.Batch {
		return fmt.Sprintf("$batch of 20, %d at once", w.AtOnce)
	}
	return fmt.Sprintf("one a call, %d at once", w.AtOnce)
}

var ways = []way{{false, 1}, {false, 32}, {true, 1}, {true, 8}}

// cell is one contender's figures for one way.
type cell struct {
	Contender string
	Way       way
	Rounds    []round
}

// round is one measurement, for a device.
type round struct{ PerSecond, CPUMicros, Allocs, Bytes float64 }

func (c cell) figure(of func(round) float64) figure {
	var values []float64
	for _, r := range c.Rounds {
		values = append(values, of(r))
	}
	return figureOf(values)
}

func perSecond(r round) float64 { return r.PerSecond }
func cpuMicros(r round) float64 { return r.CPUMicros }
func allocs(r round) float64    { return r.Allocs }
func bytesOf(r round) float64   { return r.Bytes }

var contenders = []contender{ours, sdk, uncompressed, byHand}

// load measures every contender in every way, in turns: what disturbs the
// machine for a while disturbs all.
func load(ctx context.Context, s *server, devices, rounds int, profiles string) ([]cell, error) {
	var cells []cell
	for _, w := range ways {
		for _, c := range contenders {
			cells = append(cells, cell{Contender: c.Name, Way: w})
		}
	}
	for n := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, rounds)
		for i, w := range ways {
			for turn := range contenders {
				at := (turn + n) % len(contenders) // nobody always follows the same
				measured, err := once(ctx, s, contenders[at], w, devices, profiles)
				if err != nil {
					return nil, err
				}
				c := &cells[i*len(contenders)+at]
				c.Rounds = append(c.Rounds, measured)
			}
		}
	}
	return cells, nil
}

// once measures one contender, and fails unless client and server agree that
// every device was reported once and rightly.
func once(ctx context.Context, s *server, c contender, w way, devices int, profiles string) (round, error) {
	const session = "load"
	job := talk.Job{Batch: w.Batch, AtOnce: w.AtOnce, Devices: devices, WarmUp: max(200, devices/10)}
	if w.Batch {
		job.Devices *= 4
	}
	if profiles != "" {
		job.Profile = filepath.Join(profiles, fmt.Sprintf("%s-%t-%d-%t.prof", c.program, w.Batch, w.AtOnce, c.uncompressed))
	}
	outcome, err := s.work(ctx, c, session, job)
	if err != nil {
		return round{}, err
	}
	seen, err := s.seen(ctx, session)
	if err != nil {
		return round{}, err
	}
	if outcome.Delivered != job.Devices || seen.Devices != job.Devices+job.WarmUp || seen.Wrong+seen.Repeats > 0 {
		return round{}, fmt.Errorf("%s, %v: reported %d of %d devices (%v), the server saw %d of %d, %d wrong, %d twice: %s",
			c.Name, w, outcome.Delivered, job.Devices, outcome.Errors, seen.Devices, job.Devices+job.WarmUp, seen.Wrong, seen.Repeats, seen.Problem)
	}
	each := float64(job.Devices)
	return round{
		PerSecond: each / outcome.Elapsed.Seconds(),
		CPUMicros: float64(outcome.CPU.Nanoseconds()) / 1000 / each,
		Allocs:    float64(outcome.Allocs) / each,
		Bytes:     float64(outcome.Bytes) / each,
	}, nil
}

func loadTable(cells []cell) string {
	var b strings.Builder
	b.WriteString("| how | client | devices/s | CPU us/device | allocs/device | bytes/device |\n|---|---|---|---|---|---|\n")
	for _, c := range cells {
		fmt.Fprintf(&b, "| %v | %s | %v | %v | %v | %v |\n", c.Way, c.Contender,
			c.figure(perSecond), c.figure(cpuMicros), c.figure(allocs), c.figure(bytesOf))
	}
	return b.String()
}
