package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

// bent is a memstore with some of its methods replaced.
type bent struct {
	*memstore.Store
	clock *dial
	known *keys

	update  func(context.Context, func(reporting.Tx) error) error
	claim   func(context.Context, reporting.Claim) ([]reporting.Row, error)
	queues  func(ctx context.Context, after string, limit int) ([]string, error)
	nextDue func(context.Context) (time.Time, error)
	scan    func(context.Context, reporting.Kind, string, reporting.Key, int) ([]reporting.Row, error)
	tally   func(context.Context, reporting.Kind, string, time.Time) ([]reporting.Tally, error)
	wait    func(context.Context) error
}

// keys are those that were ever put.
type keys struct {
	mu  sync.Mutex
	all map[reporting.Key]bool
}

func (k *keys) add(rows []reporting.Row) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range rows {
		k.all[r.Key] = true
	}
}

func (k *keys) list() []reporting.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []reporting.Key
	for key := range k.all {
		list = append(list, key)
	}
	return list
}

func newBent(s *memstore.Store, clock *dial) *bent {
	return &bent{Store: s, clock: clock, known: &keys{all: map[reporting.Key]bool{}}}
}

func (b *bent) Update(ctx context.Context, fn func(reporting.Tx) error) error {
	noted := func(tx reporting.Tx) error { return fn(noting{tx, b.known}) }
	if b.update == nil {
		return b.Store.Update(ctx, noted)
	}
	return b.update(ctx, noted)
}

// noting notes the keys of what is put.
type noting struct {
	reporting.Tx
	known *keys
}

func (n noting) Put(rows ...reporting.Row) error {
	n.known.add(rows)
	return n.Tx.Put(rows...)
}

func (b *bent) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	if b.claim == nil {
		return b.Store.Claim(ctx, c)
	}
	return b.claim(ctx, c)
}

func (b *bent) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	if b.queues == nil {
		return b.Store.Queues(ctx, after, limit)
	}
	return b.queues(ctx, after, limit)
}

func (b *bent) NextDue(ctx context.Context) (time.Time, error) {
	if b.nextDue == nil {
		return b.Store.NextDue(ctx)
	}
	return b.nextDue(ctx)
}

func (b *bent) Scan(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	if b.scan == nil {
		return b.Store.Scan(ctx, kind, tenant, after, limit)
	}
	return b.scan(ctx, kind, tenant, after, limit)
}

func (b *bent) Tally(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
	if b.tally == nil {
		return b.Store.Tally(ctx, kind, tenant, before)
	}
	return b.tally(ctx, kind, tenant, before)
}

func (b *bent) Wait(ctx context.Context) error {
	if b.wait == nil {
		return b.Store.Wait(ctx)
	}
	return b.wait(ctx)
}

// rows answers every row there is.
func (b *bent) rows(tx reporting.Tx) ([]reporting.Row, error) {
	all, err := tx.Get(b.known.list()...)
	return slices.DeleteFunc(all, func(r reporting.Row) bool { return r.Version == 0 }), err
}

// bentTx is a transaction with some of its methods replaced.
type bentTx struct {
	reporting.Tx
	now func() time.Time
	get func(...reporting.Key) ([]reporting.Row, error)
	put func(...reporting.Row) error
	del func(...reporting.Key) error
}

func (t *bentTx) Now() time.Time {
	if t.now == nil {
		return t.Tx.Now()
	}
	return t.now()
}

func (t *bentTx) Get(keys ...reporting.Key) ([]reporting.Row, error) {
	if t.get == nil {
		return t.Tx.Get(keys...)
	}
	return t.get(keys...)
}

func (t *bentTx) Put(rows ...reporting.Row) error {
	if t.put == nil {
		return t.Tx.Put(rows...)
	}
	return t.put(rows...)
}

func (t *bentTx) Delete(keys ...reporting.Key) error {
	if t.del == nil {
		return t.Tx.Delete(keys...)
	}
	return t.del(keys...)
}

// transactions bends every transaction.
func transactions(bend func(*bentTx)) func(*bent) {
	return func(b *bent) {
		b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
			return b.Store.Update(ctx, func(tx reporting.Tx) error {
				t := &bentTx{Tx: tx}
				bend(t)
				return fn(t)
			})
		}
	}
}

// writing bends the rows that are put.
func writing(change func(*reporting.Row)) func(*bent) {
	return transactions(func(t *bentTx) {
		t.put = func(rows ...reporting.Row) error {
			rows = slices.Clone(rows)
			for i := range rows {
				change(&rows[i])
			}
			return t.Tx.Put(rows...)
		}
	})
}

// reading bends the rows that are answered by Get.
func reading(change func(*reporting.Row)) func(*bent) {
	return transactions(func(t *bentTx) {
		t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
			rows, err := t.Tx.Get(keys...)
			for i := range rows {
				change(&rows[i])
			}
			return rows, err
		}
	})
}

// answering bends the rows that Get, Scan and Claim answer.
func answering(change func(*reporting.Row)) func(*bent) {
	return func(b *bent) {
		reading(change)(b)
		b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
			rows, err := b.Store.Claim(ctx, c)
			for i := range rows {
				change(&rows[i])
			}
			return rows, err
		}
		b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			rows, err := b.Store.Scan(ctx, kind, tenant, after, limit)
			for i := range rows {
				change(&rows[i])
			}
			return rows, err
		}
	}
}

// loose is a transaction that holds no lock: it reads, and writes at the end.
// In all else it keeps the contract.
type loose struct {
	b      *bent
	ctx    context.Context
	now    time.Time
	read   map[reporting.Key]int64         // the versions
	own    map[reporting.Key]reporting.Row // as put; Version 0: deleted
	failed error
	over   bool
}

func (l *loose) Now() time.Time { return l.now }

func (l *loose) Get(keys ...reporting.Key) (rows []reporting.Row, err error) {
	if l.over {
		return nil, errOver
	}
	err = l.b.Store.Update(l.ctx, func(tx reporting.Tx) error {
		rows, err = tx.Get(keys...)
		return err
	})
	if err != nil {
		l.failed = err
		return nil, err
	}
	for i, r := range rows {
		if own, ok := l.own[r.Key]; ok {
			own.Data = bytes.Clone(own.Data)
			rows[i] = own
		} else if _, ok := l.read[r.Key]; !ok {
			l.read[r.Key] = r.Version
		}
	}
	return rows, nil
}

func (l *loose) write(r reporting.Row) error {
	if _, ok := l.read[r.Key]; !ok || l.over {
		l.failed = errOver
		return errOver
	}
	r.Data = bytes.Clone(r.Data)
	l.own[r.Key] = r
	return nil
}

func (l *loose) Put(rows ...reporting.Row) error {
	for _, r := range rows {
		r.Version = max(l.own[r.Key].Version, l.read[r.Key]) + 1
		if err := l.write(r); err != nil {
			return err
		}
	}
	return nil
}

func (l *loose) Delete(keys ...reporting.Key) error {
	for _, k := range keys {
		if err := l.write(reporting.Row{Key: k}); err != nil {
			return err
		}
	}
	return nil
}

var (
	errAgain = errors.New("run fn again")
	errOver  = errors.New("not got, or over")
)

// looseUpdate runs fn without locks; conflict says what becomes of a key of
// which another has written since it was read: nil, and it is overwritten.
func looseUpdate(b *bent, ctx context.Context, fn func(reporting.Tx) error, conflict func(read int64, keys int) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := &loose{b: b, ctx: ctx, now: b.clockNow(), read: map[reporting.Key]int64{}, own: map[reporting.Key]reporting.Row{}}
		err := fn(l)
		l.over = true
		if err = cmp.Or(err, l.failed); err != nil {
			return err
		}
		time.Sleep(300 * time.Microsecond) // for others to come between
		err = b.Store.Update(ctx, func(tx reporting.Tx) error {
			for k, own := range l.own {
				now, err := tx.Get(k)
				if err != nil {
					return err
				}
				if now[0].Version != l.read[k] {
					if err := conflict(l.read[k], len(l.own)); err != nil {
						return err
					}
				}
				if own.Version == 0 {
					err = tx.Delete(k)
				} else {
					err = tx.Put(own)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != errAgain {
			return err
		}
	}
}

// nothing is a transaction of which every method is replaced.
type nothing struct{ reporting.Tx }

func (b *bent) clockNow() time.Time { return b.clock.Now().UTC().Truncate(time.Microsecond) }
