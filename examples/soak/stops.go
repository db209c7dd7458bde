package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// stop is a time in which a worker stood still, for longer than its lease.
type stop struct {
	worker   int
	from, to time.Time
}

// overslept is for how much longer than its lease: others have to notice.
const overslept = 1500 * time.Millisecond

// freeze stops the worker where it is, with a write on its way to Microsoft.
func (s *slot) freeze() {
	if s.process == nil || s.frozen == nil || !s.frozenAt.IsZero() {
		return
	}
	s.fault = pause(s.process)
	s.frozenAt = time.Now()
	if s.fault == nil {
		close(s.frozen)
	}
}

// frozenBy is when a worker is stopped that does not write anything.
const frozenBy = 30 * time.Second

// oversleep lets a worker stop at its first write, or at the latest after a
// while, go on when its lease has ended, live for a while with what it had in
// its hands, and end as it is told to.
func (w *workers) oversleep(ctx context.Context, s *slot, p *process) error {
	ended := s.await(p)
	select {
	case <-s.frozen:
	case <-time.After(frozenBy):
	case err := <-ended:
		return early(s, err)
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.freeze()
	from, err := s.frozenAt, s.fault
	s.mu.Unlock()
	if err == nil {
		sleep(ctx, leaseOf(w.settings.call)+overslept)
		w.awaitTakeover(ctx, stop{worker: s.number, from: from})
		err = resume(p.cmd.Process)
	}
	if err != nil {
		s.kill()
		<-ended
		return err
	}
	w.mu.Lock()
	w.stopped = append(w.stopped, stop{s.number, from, time.Now()})
	w.mu.Unlock()
	sleep(ctx, w.settings.life)
	return w.finish(s, p, ended)
}

// mostOverslept is for how much longer than its lease a worker stands still
// whose writes nobody has taken over yet: a machine may be busy.
const mostOverslept = 20 * time.Second

func (w *workers) awaitTakeover(ctx context.Context, s stop) {
	for until := time.Now().Add(mostOverslept); ctx.Err() == nil; sleep(ctx, 100*time.Millisecond) {
		s.to = time.Now()
		held, found, _ := takenOver([]stop{s}, w.requests(), w.settings.call)
		if held == 0 || found > 0 || s.to.After(until) {
			return
		}
	}
}

func sleep(ctx context.Context, long time.Duration) {
	t := time.NewTimer(long)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// writes answers the devices that a request, or the items of a batch, write of.
func writes(r *azuresim.Request) (devices []string) {
	for i := range r.Items {
		devices = append(devices, writes(&r.Items[i])...)
	}
	if r.DeviceID != "" && (r.Method == http.MethodPatch || r.Method == http.MethodDelete || azuresim.ForPartnerMessages()(r)) {
		devices = append(devices, r.DeviceID)
	}
	return devices
}

// sentBy is the number of the worker that sent a request, 0 where it does not
// say. The items of a batch do not.
func sentBy(r *azuresim.Request) int { return sender(&http.Request{Header: r.Header}) }

// takenOver is how many devices workers had in their hands while they stood
// still, of how many of them another worker wrote meanwhile, and early what was
// written before the lease under which they were has ended.
func takenOver(stops []stop, requests []azuresim.Request, callTimeout time.Duration) (had, found int, early []string) {
	// A call is made within callTimeout after its claim.
	lease := leaseOf(callTimeout) - callTimeout
	for _, s := range stops {
		held := map[string]bool{} // false: not any more
		for i := range requests { // in the order in which they arrived
			r := &requests[i]
			if r.At.Before(s.from) || r.At.After(s.to) || r.Header.Get(astraySince) != "" {
				continue // what is astray was given up before
			}
			by := sentBy(r)
			for _, device := range writes(r) {
				switch {
				case by == s.worker:
					held[device] = true // on its way when the worker was stopped
					had++
				case held[device]:
					held[device] = false
					found++
					if after := r.At.Sub(s.from); after < lease {
						early = append(early, fmt.Sprintf("Azure id %s: worker %d wrote %v after worker %d had, under whose lease of %v it was", device, by, after, s.worker, lease))
					}
				}
			}
		}
	}
	return had, found, early
}
