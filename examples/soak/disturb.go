package main

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// disturbances are what happens to a server while workers live and die: its
// connections are cut, and it is restarted. Each comes when a part of the kills
// is done.
type disturbances struct {
	database database
	command  []string // restarts the server
	plan     []func(ctx context.Context) error
	kills    int

	done    atomic.Int64
	lost    atomic.Int64 // connections that were cut
	again   atomic.Int64 // starts of the server
	next    int
	running sync.WaitGroup
	busy    atomic.Bool
	mu      sync.Mutex
	fault   error
}

// newDisturbances lets cuts and restarts alternate.
func newDisturbances(s settings, d database) *disturbances {
	x := &disturbances{database: d, command: s.restart, kills: s.kills}
	for cuts, restarts := s.cuts, s.restarts; cuts > 0 || restarts > 0; {
		if cuts > 0 {
			x.plan = append(x.plan, x.cut)
			cuts--
		}
		if restarts > 0 {
			x.plan = append(x.plan, x.restart)
			restarts--
		}
	}
	return x
}

// cut cuts the connections of the workers, of which there have to be some.
func (x *disturbances) cut(ctx context.Context) error {
	for {
		n, err := x.database.cut(ctx)
		if n > 0 || err != nil {
			x.lost.Add(int64(n))
			return err
		}
		sleep(ctx, 10*time.Millisecond) // all of them are just being started
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// restart restarts the server, which has to be another process then.
func (x *disturbances) restart(ctx context.Context) error {
	before, err := x.database.started(ctx)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, x.command[0], x.command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the server was not restarted: %w\n%s", err, out)
	}
	after, err := x.database.started(ctx)
	if err != nil {
		return err
	}
	if !after.After(before) {
		return fmt.Errorf("%q has not restarted the server: it runs since %v", x.command, before)
	}
	x.again.Add(1)
	return nil
}

// after does what is due when so many kills are done. It does not wait.
func (x *disturbances) after(ctx context.Context, kills int) {
	if x.next == len(x.plan) || kills*(len(x.plan)+1) < x.kills*(x.next+1) || !x.busy.CompareAndSwap(false, true) {
		return
	}
	do := x.plan[x.next]
	x.next++
	x.running.Go(func() {
		defer x.busy.Store(false)
		if err := do(ctx); err != nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.fault = err
			return
		}
		x.done.Add(1)
	})
}

// wait waits for what is under way, and answers what went wrong.
func (x *disturbances) wait() error {
	x.running.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fault == nil && int(x.done.Load()) < len(x.plan) {
		return fmt.Errorf("of %d cuts and restarts only %d were done: there were too few kills", len(x.plan), x.done.Load())
	}
	return x.fault
}
