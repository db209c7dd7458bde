package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// trial is one rule being looked at.
type trial struct {
	Harness
	t     *testing.T
	store reporting.Store

	mu      sync.Mutex
	verdict verdict
}

// wrong records that the rule is broken.
func (x *trial) wrong(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.verdict.wrong) < 10 {
		x.verdict.wrong = append(x.verdict.wrong, fmt.Sprintf(format, args...))
	}
}

// stop records it and ends the check. Only the check's own goroutine calls it.
func (x *trial) stop(format string, args ...any) {
	x.wrong(format, args...)
	panic(ended{})
}

// skip ends the check for want of a part.
func (x *trial) skip(part string) {
	x.mu.Lock()
	x.verdict.missing = part
	x.mu.Unlock()
	panic(ended{})
}

func (x *trial) ctx() context.Context { return x.t.Context() }

// second answers another handle on the data, and ends the check where there
// can be none.
func (x *trial) second() reporting.Store {
	if x.Second == nil {
		x.skip("Harness.Second")
	}
	return x.Second(x.t, x.store)
}

// now answers the store's time.
func (x *trial) now() time.Time {
	var now time.Time
	if err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { now = tx.Now(); return nil }); err != nil {
		x.stop("an Update that asks for the time: %v", err)
	}
	return now
}

// pass lets the store's clock go on by d at least. Without Harness.Advance
// that takes as long, and d is small.
func (x *trial) pass(d time.Duration) {
	if x.Advance != nil {
		x.Advance(x.t, d)
		return
	}
	for end := x.now().Add(d); x.now().Before(end); {
		time.Sleep(d / 4)
	}
}

// brief is a time that is let pass.
const brief = 20 * time.Millisecond

// update runs fn and ends the check if that fails.
func (x *trial) update(fn func(tx reporting.Tx) error) {
	if err := x.store.Update(x.ctx(), fn); err != nil {
		x.stop("Update: %v", err)
	}
}

// put gets the keys of rows and puts rows.
func put(tx reporting.Tx, rows ...reporting.Row) error {
	if _, err := tx.Get(keysOf(rows)...); err != nil {
		return err
	}
	return tx.Put(rows...)
}

// put puts rows in a transaction of their own.
func (x *trial) put(rows ...reporting.Row) {
	x.update(func(tx reporting.Tx) error { return put(tx, rows...) })
}

// get answers the rows of keys.
func (x *trial) get(keys ...reporting.Key) []reporting.Row {
	var rows []reporting.Row
	x.update(func(tx reporting.Tx) (err error) {
		rows, err = tx.Get(keys...)
		return err
	})
	if len(rows) != len(keys) {
		x.stop("Get answers %d rows for %d keys", len(rows), len(keys))
	}
	return rows
}

// absent holds keys against having no row.
func (x *trial) absent(what string, keys ...reporting.Key) {
	for _, r := range x.get(keys...) {
		if r.Version != 0 {
			x.wrong("%s: %v is there: %v", what, r.Key, show(r))
		}
	}
}

// is holds a row against another; of the versions only the presence counts.
func (x *trial) is(what string, got, want reporting.Row) {
	if got.Version <= 0 {
		x.wrong("%s: %v has Version %d, want a row", what, want.Key, got.Version)
		return
	}
	if g, w := show(got), show(want); g != w {
		x.wrong("%s: the row is\n\t%s\nwant\n\t%s", what, g, w)
	}
}

// stands holds the store against rows.
func (x *trial) stands(what string, want ...reporting.Row) {
	got := x.get(keysOf(want)...)
	for i := range want {
		x.is(what, got[i], want[i])
	}
}

// claim claims and ends the check if that fails.
func (x *trial) claim(c reporting.Claim) []reporting.Row {
	rows, err := x.store.Claim(x.ctx(), c)
	if err != nil {
		x.stop("Claim: %v", err)
	}
	return rows
}

// takes claims, and holds the ids of what was claimed, in order.
func (x *trial) takes(what string, c reporting.Claim, want ...string) []reporting.Row {
	rows := x.claim(c)
	if got := idsOf(rows); !slices.Equal(got, want) {
		x.wrong("%s: claimed %q, want %q", what, got, want)
	}
	return rows
}

// all is a claim of everything that is due in a queue, for an hour.
func all(queue string) reporting.Claim {
	return reporting.Claim{Queue: queue, Limit: 1000, Lease: time.Hour, Most: 255}
}

// returns ends the check if do does not come to an end.
func (x *trial) returns(what string, do func()) {
	done := make(chan struct{})
	var panicked any
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		do()
	}()
	select {
	case <-done:
		if panicked != nil {
			panic(panicked)
		}
	case <-time.After(x.limit()):
		x.stop("%s did not return within %v", what, x.limit())
	}
}

// together runs n goroutines and ends the check if they do not come to an end.
func (x *trial) together(n int, do func(i int)) {
	x.returns("concurrent calls", func() {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						x.wrong("panic: %v", p)
					}
				}()
				do(i)
			})
		}
		all.Wait()
	})
}

// guarded makes an error of a panic, which would end the whole test program in
// a goroutine.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return call()
}

// device is the key of most rows here.
func device(id string) reporting.Key { return reporting.Key{Kind: 2, Tenant: "contoso", ID: id} }

// plain is a row without work.
func plain(id, data string) reporting.Row {
	return reporting.Row{Key: device(id), Data: []byte(data)}
}

// work is a row that is due.
func work(id, queue string, urgency uint8, due time.Time) reporting.Row {
	return reporting.Row{Key: device(id), Data: []byte(id), Queue: queue, Urgency: urgency, Due: due}
}

func keysOf(rows []reporting.Row) []reporting.Key {
	keys := make([]reporting.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return keys
}

func idsOf(rows []reporting.Row) []string {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids
}

// show writes a row, but for its Version, so that rows that are the same to
// the engine look the same.
func show(r reporting.Row) string {
	data := fmt.Sprintf("%q", r.Data)
	if len(r.Data) > 64 {
		data = fmt.Sprintf("%d bytes that sum up to %d", len(r.Data), sum(r.Data))
	}
	return fmt.Sprintf("{%d %q %q data:%s queue:%q urgency:%d due:%s lease:%s claimed:%s claims:%d label:%q since:%s}",
		r.Kind, r.Tenant, r.ID, data, r.Queue, r.Urgency, when(r.Due), when(r.LeaseUntil), when(r.ClaimedAt), r.Claims, r.Label, when(r.Since))
}

func when(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.Format("2006-01-02T15:04:05.999999999Z07:00")
}

func sum(data []byte) (n uint64) {
	for i, b := range data {
		n += uint64(i+1) * uint64(b)
	}
	return n
}

// same says whether two answers of the store are alike, Versions included.
func same(a, b reporting.Row) bool {
	return a.Version == b.Version && show(a) == show(b) && bytes.Equal(a.Data, b.Data)
}
