package simtest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

func openMemory(_ *testing.T, now func() time.Time) reporting.Store {
	return memstore.New(&memstore.Options{Clock: now})
}

// TestWrongSteps lets one wrong thing happen behind the engine's back in a
// story that is right otherwise: each has to be found, or the simulation would
// not find it in an engine either.
func TestWrongSteps(t *testing.T) {
	if Raced {
		t.Skip("it needs many worlds: run it without the race detector, as the gate does")
	}
	send := func(op string, change func(r *azure.Report)) func(s *stage, a *asset) {
		return func(s *stage, a *asset) {
			s.at(6*hour, op, func(w *world, d dice) {
				p := w.anyone(d)
				r := azure.Report{
					TenantID: a.t.id, DeviceID: a.azureID, UserID: a.user, Platform: a.platform, State: compliant, KeepObject: true,
					UpdatedAt: time.Now().Add(time.Hour), Inventory: a.inventory,
				}
				change(&r)
				l := &line{p: p}
				if op == "delete" {
					_, _ = l.DeleteObject(context.Background(), r)
				} else {
					_, _ = l.Report(context.Background(), r)
				}
			})
		}
	}
	for _, tt := range []struct {
		name string
		do   func(s *stage, a *asset)
		want string // in one of the faults
	}{
		{"Azure changes by itself", func(s *stage, a *asset) {
			s.at(6*hour, "change", func(w *world, _ dice) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.azure.objects[ref{a.t.id, a.azureID}].windows = blocked
			})
			s.quiet = day
		}, "Azure ends with non-compliant"},
		{"a wrong standing", send("report", func(r *azure.Report) { r.State = blocked }), "sends non-compliant"},
		{"an older LastUpdateTime", send("report", func(r *azure.Report) { r.UpdatedAt = time.Now().Add(-100 * day) }), "not after the one before"},
		{"a report that nobody needs", send("report", func(*azure.Report) {}), "nothing has changed"},
		{"a device that nobody claims", send("report", func(r *azure.Report) { r.DeviceID = "11111111-1111-4111-8111-111111111111" }), "nobody has claimed"},
		{"a tenant that nobody registered", send("report", func(r *azure.Report) { r.TenantID = "11111111-1111-4111-8111-111111111111" }), "not registered"},
		{"a removal in one step", send("report", func(r *azure.Report) { r.State, r.KeepObject = retired, false }), "its object in one"},
		{"a deletion", send("delete", func(r *azure.Report) { r.State = retired }), "deletes the object"},
		{"a tenant that is off", func(s *stage, a *asset) {
			s.mode(4*hour, reporting.ModeOff)
			s.mode(7*hour, reporting.ModeOn)
			send("report", func(*azure.Report) {})(s, a)
		}, "which is off"},
		{"two at once", func(s *stage, a *asset) {
			s.becomes(2, voyage{travel: 10 * time.Second, back: time.Second})
			s.see(6*hour-time.Second, a, is(blocked))
			send("report", func(r *azure.Report) { r.State = blocked })(s, a)
		}, "under a live lease"},
		{"an observation that is forgotten", func(s *stage, a *asset) {
			s.at(6*hour, "know", func(w *world, _ dice) {
				w.mu.Lock()
				defer w.mu.Unlock()
				rec := w.rules.records[key{a.t.id, a.host}]
				rec.state = blocked
				w.rules.changed(rec, w.clock.now())
			})
		}, "Azure ends with compliant"},
		{"a refresh that is forgotten", func(s *stage, a *asset) {
			s.options.RefreshEvery, s.options.RefreshSpread = 30*day, -1
		}, "was reported"},
		{"more than the quota", func(s *stage, a *asset) {
			s.rate, s.options.Burst = 0.2, 3
			s.options.TenantQuota = reporting.Quota{Writes: 3000, Window: 150 * time.Second}
			for i := range 60 {
				s.see(5*hour, s.device(strings.Repeat("x", i+1), azure.PlatformWindows), is(compliant))
			}
		}, "a second and a burst"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := Harness{Open: openMemory}.play(t, 0, told(func(s *stage) {
				a := s.device("pc", azure.PlatformWindows)
				s.see(hour, a, is(compliant))
				tt.do(s, a)
			}))
			for _, fault := range o.faults {
				if strings.Contains(fault, tt.want) {
					return
				}
			}
			t.Errorf("it was not found; found was %q", o.faults)
		})
	}
}

// TestWrongStores runs worlds over stores that break the contract: within so
// many seeds each has to be found.
func TestWrongStores(t *testing.T) {
	if Raced {
		t.Skip("it needs many worlds: run it without the race detector, as the gate does")
	}
	const within = 12
	for name, bend := range map[string]func(s reporting.Store) reporting.Store{
		"forgets an update": func(s reporting.Store) reporting.Store { return &forgetful{Store: s} },
		"leases twice":      func(s reporting.Store) reporting.Store { return &generous{s} },
		"keeps nothing":     func(s reporting.Store) reporting.Store { return &halved{Store: s} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := Harness{Open: func(t *testing.T, now func() time.Time) reporting.Store { return bend(openMemory(t, now)) }}
			for seed := range uint64(within) {
				if o := h.play(t, seed+1, newPlan); len(o.faults) > 0 {
					return
				}
			}
			t.Errorf("not found in %d worlds", within)
		})
	}
}

// forgetful answers that it has written, and has not, now and then.
type forgetful struct {
	reporting.Store
	n atomic.Int64
}

func (f *forgetful) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	if f.n.Add(1)%50 != 0 {
		return f.Store.Update(ctx, fn)
	}
	err := f.Store.Update(ctx, func(tx reporting.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errConflict
	})
	if err == errConflict {
		return nil
	}
	return err
}

// generous leases what is leased.
type generous struct{ reporting.Store }

func (g *generous) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	rows, err := g.Store.Claim(ctx, c)
	if err != nil || len(rows) == 0 {
		return rows, err
	}
	keys := make([]reporting.Key, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	return rows, g.Store.Update(ctx, func(tx reporting.Tx) error {
		own, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		for i := range own {
			own[i].LeaseUntil = time.Time{}
		}
		return tx.Put(own...)
	})
}

// halved writes only the first of several rows, now and then.
type halved struct {
	reporting.Store
	n int
}

func (h *halved) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	return h.Store.Update(ctx, func(tx reporting.Tx) error { return fn(&halvedTx{tx, h}) })
}

type halvedTx struct {
	reporting.Tx
	h *halved
}

func (x *halvedTx) Put(rows ...reporting.Row) error {
	if x.h.n++; x.h.n%20 == 0 && len(rows) > 1 {
		rows = rows[:1]
	}
	return x.Tx.Put(rows...)
}
