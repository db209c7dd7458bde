package wire

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errFetch = errors.New("fetch failed")

// Whoever comes while the work is done gets its result, the failure too.
func TestFlightsShare(t *testing.T) {
	for _, want := range []error{nil, errFetch} {
		synctest.Test(t, func(t *testing.T) {
			var f Flights[int]
			var fetched atomic.Int64
			fetch := func() (int, error) {
				time.Sleep(time.Second)
				return int(fetched.Add(1)), want
			}
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if got, err := f.Do(t.Context(), "a", fetch); got != 1 || !errors.Is(err, want) {
						t.Errorf("got %d, %v", got, err)
					}
				})
			}
			all.Go(func() { // another key is other work
				if got, err := f.Do(t.Context(), "b", func() (int, error) { return 7, nil }); got != 7 || err != nil {
					t.Errorf("another key: %d, %v", got, err)
				}
			})
			all.Wait()
			// Nothing is kept once it is over.
			if got, _ := f.Do(t.Context(), "a", fetch); got != 2 || len(f.now) != 0 {
				t.Errorf("afterwards: %d, %d kept", got, len(f.now))
			}
		})
	}
}

// Each waits no longer than its own context allows.
func TestFlightsWaitByOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flights[int]
		var all sync.WaitGroup
		all.Go(func() {
			if got, err := f.Do(t.Context(), "a", func() (int, error) { time.Sleep(time.Minute); return 1, nil }); got != 1 || err != nil {
				t.Errorf("the one who fetched: %d, %v", got, err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		got, err := f.Do(ctx, "a", func() (int, error) { t.Error("fetched twice"); return 2, nil })
		if got != 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("the impatient one: %d, %v after %v", got, err, time.Since(start))
		}
		all.Wait()
	})
}

// A failure by the fetcher's own context is nobody else's: one of those who
// wait fetches, and the rest wait for that one.
func TestFlightsSpoiltByAnothersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flights[int]
		var all sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		all.Go(func() {
			if _, err := f.Do(ctx, "a", func() (int, error) { <-ctx.Done(); return 0, ctx.Err() }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		synctest.Wait()
		var fetched atomic.Int64
		for range 10 {
			all.Go(func() {
				got, err := f.Do(t.Context(), "a", func() (int, error) {
					time.Sleep(time.Second)
					return int(fetched.Add(1)), nil
				})
				if got != 1 || err != nil {
					t.Errorf("one who waited: %d, %v", got, err)
				}
			})
		}
		all.Wait()
	})
}

// A result that came just before the fetcher's context ended is good.
func TestFlightsKeepAResultInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flights[int]
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if got, err := f.Do(ctx, "a", func() (int, error) { time.Sleep(time.Second); cancel(); return 1, nil }); got != 1 || err != nil {
				t.Errorf("the one who fetched: %d, %v", got, err)
			}
		})
		synctest.Wait()
		if got, err := f.Do(t.Context(), "a", func() (int, error) { t.Error("fetched twice"); return 2, nil }); got != 1 || err != nil {
			t.Errorf("the one who waited: %d, %v", got, err)
		}
		all.Wait()
	})
}

// Work that panics leaves nobody waiting.
func TestFlightsPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flights[int]
		var all sync.WaitGroup
		all.Go(func() {
			defer func() {
				if p := recover(); p != "boom" {
					t.Errorf("recovered %v", p)
				}
			}()
			_, _ = f.Do(t.Context(), "a", func() (int, error) { time.Sleep(time.Second); panic("boom") })
		})
		synctest.Wait()
		for range 5 {
			all.Go(func() {
				if got, err := f.Do(t.Context(), "a", func() (int, error) { time.Sleep(time.Second); return 1, nil }); got != 1 || err != nil {
					t.Errorf("one who waited: %d, %v", got, err)
				}
			})
		}
		all.Wait()
		if len(f.now) != 0 {
			t.Errorf("%d kept", len(f.now))
		}
	})
}
