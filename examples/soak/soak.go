package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// mostShown is how many faults are printed in full.
const mostShown = 10

// soak does the whole run, prints what it did, and answers what is wrong. An
// error means that it could not be done.
func soak(ctx context.Context, s settings, out io.Writer) (found []string, err error) {
	folder, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return nil, err
	}
	d := s.database
	if d.Dialect == sqlstore.SQLite {
		if d.Source == "" {
			d.Source = filepath.Join(folder, "soak.db")
		}
		if _, err := os.Stat(d.Source); err == nil {
			return nil, errors.Join(fmt.Errorf("%s is there already", d.Source), os.RemoveAll(folder))
		}
	}
	fmt.Fprintf(out, "seed %d: %d devices in %d tenants, %d workers on %v, %d kills, %d stops, %d cuts, %d restarts\n",
		s.seed, s.devices, s.tenants, s.workers, d.Dialect, s.kills, s.stops, s.cuts, s.restarts)

	at := &workerMoments{}
	ms, tenants := newMicrosoft(s, 300*time.Millisecond, at)
	defer ms.close()
	h := newHost(s.seed, newWorld(s.seed, ms.sim, tenants, s.devices), at)
	address, closeFeed, err := serve(h)
	if err != nil {
		return nil, err
	}
	defer closeFeed()
	all, err := newWorkers(s, orders{Host: address, Microsoft: ms.address, Tenants: tenants, Database: d, Forget: s.forget, CallTimeout: s.call, Quotas: s.quotas}, folder, h.died)
	if err != nil {
		return nil, err
	}
	all.requests = ms.sim.Requests
	at.to.Store(all)
	r := &report{settings: s, out: out, host: h, ms: ms, workers: all, database: d}
	found, err = r.run(ctx)
	closing := all.close()
	if err != nil || len(found) > 0 {
		fmt.Fprintf(out, "the database is %v, the workers' logs are in %s\n", d, folder)
		return found, err
	}
	return nil, errors.Join(closing, d.drop(ctx), os.RemoveAll(folder))
}

// serve lets the feed listen on loopback.
func serve(h *host) (address string, closeFeed func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // until it is closed
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		<-ended
	}, nil
}

// report is a run and what it prints.
type report struct {
	settings
	out      io.Writer
	host     *host
	ms       *microsoft
	workers  *workers
	database database
}

// run does the phases: rage, quiet, look.
func (r *report) run(ctx context.Context) ([]string, error) {
	began := time.Now()
	disturb := newDisturbances(r.settings, r.database)
	if err := r.rage(ctx, disturb); err != nil {
		return nil, err
	}
	r.ms.quiet()
	r.host.change((*world).calm)
	fmt.Fprintf(r.out, "killed %d times in %s: %s\n", r.workers.killed(), since(began), r.deaths())
	_, over, tooEarly := takenOver(r.workers.stopped, r.ms.sim.Requests(), r.call)
	if r.stops > 0 {
		fmt.Fprintf(r.out, "stopped for longer than a lease %d times, %d writes of theirs taken over\n", len(r.workers.stopped), over)
	}
	if r.cuts+r.restarts > 0 {
		fmt.Fprintf(r.out, "%d connections cut, the server restarted %d times\n", disturb.lost.Load(), disturb.again.Load())
	}

	quiet := time.Now()
	w, last, settled, err := r.settle(ctx)
	if w != nil {
		defer w.db.Close()
	}
	if err != nil {
		return nil, err
	}
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	c := &check{world: r.host.world, sim: r.ms.sim, callTimeout: r.call, tally: map[standing]int{}}
	c.faults = append(append(c.faults, r.host.faults...), tooEarly...)
	if settled != nil {
		c.faults = append(c.faults, settled.Error())
	}
	holds := c.ids()
	if err := c.devices(ctx, w.engine, holds); err != nil {
		return nil, err
	}
	if err := c.counters(ctx, w.engine); err != nil {
		return nil, err
	}
	if err := r.database.whole(ctx, w.db); err != nil {
		c.faults = append(c.faults, err.Error())
	}
	t := count(r.ms.sim.Requests(), r.quotas)
	c.faults = append(c.faults, t.faultLines...)
	r.print(c, t, since(quiet), last)
	return c.faults, nil
}

// rage lets things happen until all kills are done.
func (r *report) rage(ctx context.Context, disturb *disturbances) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.workers.rage(ctx) }()
	tick := time.NewTicker(time.Second / time.Duration(r.rate))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.host.change(func(w *world) { w.happen() })
			disturb.after(ctx, r.workers.killed())
		case err := <-ended:
			return errors.Join(err, disturb.wait())
		}
	}
}

// settle lets the workers run until nothing is to be done any more, and end.
func (r *report) settle(ctx context.Context) (w *watch, last string, settled, err error) {
	// Opened only now: who opens a file after a crash repairs it, and that
	// was for the workers to do.
	patient, stop := context.WithTimeout(ctx, r.patience)
	defer stop()
	patient, fail := context.WithCancelCause(patient)
	defer fail(nil)
	done := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- r.workers.rest(done, fail) }()
	if w, err = newWatch(ctx, r.database, r.ms.address, r.settings); err == nil {
		last, settled = w.settle(patient, r.host)
	}
	close(done)
	if late := <-ended; err == nil {
		err = late
	}
	return w, last, settled, err
}

func (r *report) deaths() string {
	var parts []string
	for _, m := range slices.Sorted(maps.Keys(momentNames)) {
		if n := r.workers.deaths[m]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, momentNames[m]))
		}
	}
	return strings.Join(parts, ", ")
}

func (r *report) print(c *check, t traffic, settled, last string) {
	h := r.host
	fmt.Fprintf(r.out, "%d changes, all acknowledged: %v; %d observations handed over\n", len(h.world.changes), len(h.pending) == 0, h.handed)
	fmt.Fprintf(r.out, "settled %s after the last kill, at last waiting since %s\n", settled, last)
	fmt.Fprintf(r.out, "%d writes to Graph, %d messages and %d questions to the partner services\n", t.writes, t.messages, t.polls)
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(t.faults)) {
		faults = append(faults, fmt.Sprintf("%d × %s", t.faults[name], name))
	}
	fmt.Fprintf(r.out, "faults at Microsoft: %s, %d requests astray\n", strings.Join(faults, ", "), r.ms.late.Load())
	fmt.Fprintf(r.out, "most writes of a channel within %v: %d of %d in a tenant, %d of %d in all\n",
		r.quotas.Tenant.Window, t.mostTenant, r.quotas.Tenant.Writes, t.mostAll, r.quotas.Application.Writes)
	fmt.Fprintf(r.out, "%d Azure ids: %d compliant, %d non-compliant, %d closed, %d never told; %d objects deleted\n",
		len(h.world.ids), c.tally[compliant], c.tally[nonCompliant], c.tally[closed], c.tally[nothing], c.gone)
	if len(c.faults) == 0 {
		fmt.Fprintln(r.out, "nothing is lost, nothing contradicts")
		return
	}
	fmt.Fprintf(r.out, "%d FAULTS of seed %d:\n", len(c.faults), r.seed)
	for _, f := range c.faults[:min(len(c.faults), mostShown)] {
		fmt.Fprintf(r.out, "- %s\n", f)
	}
	if more := len(c.faults) - mostShown; more > 0 {
		fmt.Fprintf(r.out, "and %d more\n", more)
	}
}

func since(t time.Time) string { return time.Since(t).Round(100 * time.Millisecond).String() }
