package simtest

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// handle is the store as one process has it. Each step sleeps first, can fail,
// and can be the process's last, before it or after it. It hides Waker, whose
// wake-ups come to several at once.
type handle struct {
	p     *process
	inner reporting.Store
}

var (
	errStore    = errors.New("simtest: the store fails")
	errConflict = errors.New("simtest: rolled back")
	errProbe    = errors.New("simtest: only asked for the keys")
)

const (
	mattering = 1.0 / 40 // how often a process dies at a step that writes
	asking    = 1.0 / 4000
)

// committed is the context key of what to do when a transaction was committed:
// func(now time.Time), with the transaction's time.
type committed struct{}

func (h *handle) before(ctx context.Context, what string, rate float64) (dice, error) {
	if h.p.gone() {
		return dice{}, errDead
	}
	if err := ctx.Err(); err != nil {
		return dice{}, err
	}
	w := h.p.w
	d := w.steps.pause(h.p.name+what+worker(ctx), 20*time.Microsecond, 2*time.Millisecond)
	w.limit()
	if h.p.gone() || h.p.mayDie(d, rate, "before "+what) {
		return d, errDead
	}
	if h.p.mayFreeze(d, "before "+what); h.p.gone() {
		return d, errDead
	}
	if err := ctx.Err(); err != nil {
		return d, err
	}
	if d.chance(w.plan.storeFaults) && !w.calm() {
		w.trace.add("%s %s: fails", h.p.name, what)
		return d, errStore
	}
	return d, nil
}

// worker tells the goroutines of an engine apart, by the labels that it gives
// them.
func worker(ctx context.Context) string {
	var name string
	pprof.ForLabels(ctx, func(key, value string) bool {
		name += " " + key + "=" + value
		return true
	})
	return name
}

func (h *handle) after(d dice, what string, rate float64) error {
	if h.p.mayDie(d, rate, "after "+what) {
		return errDead
	}
	if h.p.mayFreeze(d, "after "+what); h.p.gone() {
		return errDead
	}
	return nil
}

func (h *handle) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	what := "update " + h.first(fn)
	d, err := h.before(ctx, what, mattering)
	if err != nil {
		return err
	}
	w := h.p.w
	if d.chance(w.plan.conflicts) {
		err := h.inner.Update(ctx, func(tx reporting.Tx) error {
			if err := fn(&recorder{Tx: tx}); err != nil {
				return err
			}
			return errConflict
		})
		if !errors.Is(err, errConflict) {
			return err
		}
	}
	r := &recorder{}
	err = h.inner.Update(ctx, func(tx reporting.Tx) error {
		*r = recorder{Tx: tx, now: tx.Now()}
		return fn(r)
	})
	if err != nil {
		w.trace.add("%s %s: %v", h.p.name, what, err)
		return err
	}
	w.trace.add("%s %s: put %s", h.p.name, what, r)
	if then, ok := ctx.Value(committed{}).(func(now time.Time)); ok {
		then(r.now)
	}
	w.mu.Lock()
	w.watch.stored(h.p, r.put)
	w.mu.Unlock()
	return h.after(d, what, mattering)
}

// first asks which keys fn gets first: they tell one update from another that
// begins at the same moment.
func (h *handle) first(fn func(tx reporting.Tx) error) string {
	p := &probe{now: h.p.w.clock.now().UTC().Truncate(time.Microsecond)}
	_ = fn(p)
	return keysText(p.keys)
}

func keysText(keys []reporting.Key) string {
	if len(keys) == 0 {
		return "nothing"
	}
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = fmt.Sprintf("%d/%.8s/%s", k.Kind, k.Tenant, k.ID)
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// probe is a transaction that tells the keys and fails.
type probe struct {
	now  time.Time
	keys []reporting.Key
}

func (p *probe) Now() time.Time { return p.now }

func (p *probe) Get(keys ...reporting.Key) ([]reporting.Row, error) {
	if p.keys == nil {
		p.keys = slices.Clone(keys)
	}
	return nil, errProbe
}

func (p *probe) Put(...reporting.Row) error    { return errProbe }
func (p *probe) Delete(...reporting.Key) error { return errProbe }

// recorder remembers what a transaction wrote.
type recorder struct {
	reporting.Tx
	now  time.Time
	put  []reporting.Row
	gone []reporting.Key
}

func (r *recorder) Put(rows ...reporting.Row) error {
	r.put = append(r.put, rows...)
	return r.Tx.Put(rows...)
}

func (r *recorder) Delete(keys ...reporting.Key) error {
	r.gone = append(r.gone, keys...)
	return r.Tx.Delete(keys...)
}

func (r *recorder) String() string {
	texts := make([]string, 0, len(r.put)+1)
	for _, row := range r.put {
		texts = append(texts, fmt.Sprintf("%d/%.8s/%s:%x", row.Kind, row.Tenant, row.ID, uint32(digest(uint64(row.Due.UnixMicro()), string(row.Data)))))
	}
	slices.Sort(texts)
	if len(r.gone) > 0 {
		texts = append(texts, "deleted "+keysText(r.gone))
	}
	return strings.Join(texts, " ")
}

func (h *handle) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	what := fmt.Sprintf("claim %d of %s", c.Limit, c.Queue)
	d, err := h.before(ctx, what, mattering)
	if err != nil {
		return nil, err
	}
	rows, err := h.inner.Claim(ctx, c)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	h.p.w.trace.add("%s %s: %v", h.p.name, what, ids)
	return rows, h.after(d, what, mattering)
}

func (h *handle) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	d, err := h.before(ctx, "queues", asking)
	if err != nil {
		return nil, err
	}
	queues, err := h.inner.Queues(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	h.p.w.trace.say(h.p.name + " queues: [" + strings.Join(queues, " ") + "]")
	return queues, h.after(d, "queues", asking)
}

func (h *handle) NextDue(ctx context.Context) (time.Time, error) {
	d, err := h.before(ctx, "next due", asking)
	if err != nil {
		return time.Time{}, err
	}
	due, err := h.inner.NextDue(ctx)
	if err != nil {
		return time.Time{}, err
	}
	h.p.w.trace.say(h.p.name + " next due: " + due.Format(time.RFC3339))
	return due, h.after(d, "next due", asking)
}

func (h *handle) Scan(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	what := fmt.Sprintf("scan %d/%.8s after %s", kind, tenant, after.ID)
	d, err := h.before(ctx, what, asking)
	if err != nil {
		return nil, err
	}
	rows, err := h.inner.Scan(ctx, kind, tenant, after, limit)
	if err != nil {
		return nil, err
	}
	h.p.w.trace.add("%s %s: %d", h.p.name, what, len(rows))
	return rows, h.after(d, what, asking)
}

func (h *handle) Tally(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
	what := fmt.Sprintf("tally %d/%.8s", kind, tenant)
	d, err := h.before(ctx, what, asking)
	if err != nil {
		return nil, err
	}
	tallies, err := h.inner.Tally(ctx, kind, tenant, before)
	if err != nil {
		return nil, err
	}
	h.p.w.trace.add("%s %s: %d", h.p.name, what, len(tallies))
	return tallies, h.after(d, what, asking)
}
