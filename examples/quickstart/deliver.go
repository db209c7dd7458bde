package main

import (
	"context"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// patience is how long the program goes on while nothing gets through. A
// service has no end, and needs none.
const patience = time.Minute

// A look at how far it is costs something for each device, so that looks come
// seldom where nothing changes.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
)

// deliver runs the engine until nothing is left, or for a minute nothing got
// through, or ctx ends. Run then waits for what is under way and writes down
// what came of it; after a kill it is not known, and the next run sends it
// again.
func deliver(ctx context.Context, engine *reporting.Engine, devices []device, total int, progress func(done, total int)) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(running) }()
	err := watch(running, engine, devices, total, progress)
	stop()
	if fault := <-ended; err == nil {
		err = fault
	}
	return err
}

// watch answers when nothing is left, nothing goes on, or ctx ends.
func watch(ctx context.Context, engine *reporting.Engine, devices []device, total int, progress func(done, total int)) error {
	since, last, pause := time.Now(), total, shortestPause
	for last > 0 && time.Since(since) < patience {
		progress(total-last, total)
		began := time.Now()
		n, err := left(ctx, engine, devices)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case n != last:
			since, last, pause = time.Now(), n, shortestPause
		default:
			pause = min(2*pause, longestPause)
		}
		timer := time.NewTimer(max(pause, 10*time.Since(began)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
	progress(total-last, total)
	return nil
}

// left counts the Azure ids for which something is still to be done: what is
// to be sent, messages whose verdict is to come, and directory objects that
// are to be deleted. What was refused is not tried again in this run, nor,
// after one try, is what Failed before Microsoft was called: it does not let
// the tenant in, and that is for somebody to mend.
func left(ctx context.Context, engine *reporting.Engine, devices []device) (int, error) {
	all, err := engine.Counters(ctx)
	if err != nil {
		return 0, err
	}
	n, tried := all.Queued["delete"], len(all.Failed) > 0
	for _, tenantID := range tenantsOf(devices) {
		toSend, err := engine.Preview(ctx, tenantID)
		if err != nil {
			return 0, err
		}
		n += count(toSend)
		hopeless := map[string]bool{} // by Azure id, which several devices may claim
		messages := map[string]bool{}
		for d, err := range engine.Devices(ctx, reporting.Filter{TenantID: tenantID}) {
			if err != nil {
				return 0, err
			}
			switch accepted := !d.ReportTime.IsZero(); {
			case accepted && d.ComplianceStatus == status.InProgress:
				messages[d.AzureDeviceID] = true
			case d.ComplianceStatus != status.Failed:
			case d.Failure != nil && (accepted || d.Blank.ReportTime == status.BlankError || d.Blank.ReportTime == status.BlankNoChannel),
				tried && d.Blank.ReportTime == status.BlankNotCalledYet:
				hopeless[d.AzureDeviceID] = true
			}
		}
		n += len(messages) - len(hopeless)
	}
	return max(n, 0), nil
}

// count is how many reports a preview speaks of.
func count(p reporting.Preview) int { return p.Compliant + p.NonCompliant + p.Removed + p.Unchanged }
