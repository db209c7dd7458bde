package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// worker is an engine that can be let run.
type worker interface {
	run() error
	end() (worked, error)
}

// worked is what a worker did.
type worked struct {
	Sent   int64
	CPU    time.Duration // zero of an engine in this process
	Memory memory
}

// drain measures how workers report n devices that are due, to a reporter that
// costs nothing. On PostgreSQL each is a process; otherwise each is an engine
// of this process.
func (b *bench) drain(ctx context.Context, n, workers int) (round, error) {
	all := make([]worker, 0, workers)
	end := func() (sum worked, err error) {
		for _, w := range all {
			did, failed := w.end()
			err = errors.Join(err, failed)
			sum.Sent += did.Sent
			sum.CPU += did.CPU
			sum.Memory = did.Memory
		}
		all = nil
		return sum, err
	}
	for range workers {
		w, err := b.newWorker(ctx)
		if err != nil {
			_, ended := end()
			return round{}, errors.Join(err, ended)
		}
		all = append(all, w)
	}
	m := &meter{server: b.server}
	m.start()
	for _, w := range all {
		if err := w.run(); err != nil {
			_, ended := end()
			return round{}, errors.Join(err, ended)
		}
	}
	waited := b.untilDrained(ctx, n)
	m.stop()
	did, err := end()
	if err := errors.Join(waited, err); err != nil {
		return round{}, err
	}
	if did.Sent != int64(n) {
		return round{}, fmt.Errorf("%d workers reported %d devices, not %d", workers, did.Sent, n)
	}
	m.client += did.CPU
	if b.name == onPostgres {
		b.cell.Worker = did.Memory
	}
	return m.round(n), nil
}

func (b *bench) newWorker(ctx context.Context) (worker, error) {
	if b.name == onPostgres {
		return startProcess(ctx, b.dsn, b.Calls)
	}
	e, err := newEngine(b.store, b.Calls)
	if err != nil {
		return nil, err
	}
	return &engineWorker{ctx: ctx, engine: e}, nil
}

// untilDrained waits until nothing is left of n that have to be sent. A look
// costs the store something, so that it looks seldom at first, and the more
// often the less is left.
func (b *bench) untilDrained(ctx context.Context, n int) error {
	const soonest, latest = 10 * time.Millisecond, 250 * time.Millisecond
	began := time.Now()
	wait := latest / 5
	for {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		c, err := b.engine.Counters(ctx)
		if err != nil {
			return err
		}
		left := 0
		for _, n := range c.Queued {
			left += n
		}
		if left == 0 {
			return nil
		}
		expected := time.Since(began) * time.Duration(left) / time.Duration(max(1, n-left))
		wait = min(max(expected/2, soonest), latest)
	}
}

// engineWorker is a worker of this process.
type engineWorker struct {
	ctx     context.Context
	engine  *reporting.Engine
	stop    context.CancelFunc
	running sync.WaitGroup
	err     error
}

func (w *engineWorker) run() error {
	ctx, stop := context.WithCancel(w.ctx)
	w.stop = stop
	w.running.Go(func() { w.err = w.engine.Run(ctx) })
	return nil
}

func (w *engineWorker) end() (worked, error) {
	if w.stop != nil {
		w.stop()
	}
	w.running.Wait()
	c, err := w.engine.Counters(w.ctx)
	return worked{Sent: c.Sent}, errors.Join(w.err, err)
}
