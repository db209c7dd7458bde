package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// waker ends the check where the store does not implement reporting.Waker.
func waker(x *trial, s reporting.Store) reporting.Waker {
	w, ok := s.(reporting.Waker)
	if !ok {
		x.skip(fmt.Sprintf("reporting.Waker (by %T)", s))
	}
	return w
}

// quiet waits until nothing more is remembered of what was put before.
func (x *trial) quiet(w reporting.Waker) {
	for range 100 {
		ctx, cancel := context.WithTimeout(x.ctx(), patience)
		err := w.Wait(ctx)
		cancel()
		if err != nil {
			return
		}
	}
}

// woken holds a Wait against being woken by a Put.
func (x *trial) woken(w reporting.Waker, by reporting.Store) {
	x.quiet(w)
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(x.ctx(), x.limit())
	defer cancel()
	go func() { done <- guarded(func() error { return w.Wait(ctx) }) }()
	// The Put comes before or after the Wait has begun to wait: both must do.
	err := by.Update(x.ctx(), func(tx reporting.Tx) error { return put(tx, work("a", "q", 0, time.Time{})) })
	if err != nil {
		x.stop("Update: %v", err)
	}
	if err := <-done; err != nil {
		x.wrong("a row has become due, and Wait returns %v", err)
	}
}

var wakerRules = []rule{
	{
		"Waker/Wakes",
		"Wait returns when a row may have become due, also where that happened between two calls",
		func(x *trial) {
			w := waker(x, x.store)
			for range 3 {
				x.woken(w, x.store)
			}
			x.put(work("b", "q", 0, time.Time{}))
			ctx, cancel := context.WithTimeout(x.ctx(), x.limit())
			defer cancel()
			if err := w.Wait(ctx); err != nil {
				x.wrong("a row became due before the call, and Wait returns %v", err)
			}
		},
	},
	{
		"Waker/WakesAmongHandles",
		"Wait returns where another process has put the row: that is what it is for",
		func(x *trial) {
			w, other := waker(x, x.store), x.second()
			for range 3 {
				x.woken(w, other)
			}
		},
	},
	{
		"Waker/ContextEnds",
		"Wait returns the context's error when that has ended: an engine that shuts down does not wait for work",
		func(x *trial) {
			w := waker(x, x.store)
			x.returns("Wait", func() {
				x.quiet(w)
				ctx, cancel := context.WithCancel(x.ctx())
				cancel()
				if err := w.Wait(ctx); !errors.Is(err, context.Canceled) {
					x.wrong("with a context that has ended Wait returns %v", err)
				}
				ctx, cancel = context.WithTimeout(x.ctx(), patience)
				defer cancel()
				for {
					// Being woken for nothing is allowed.
					err := w.Wait(ctx)
					if err == nil {
						continue
					}
					if !errors.Is(err, context.DeadlineExceeded) {
						x.wrong("when its context ended Wait returned %v", err)
					}
					return
				}
			})
		},
	},
}
