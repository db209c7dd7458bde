package memstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Options are the settings of a Store. The zero value holds the defaults.
type Options struct {
	// Clock is the store's clock; nil is time.Now. It may jump.
	Clock func() time.Time
}

// Store implements [reporting.Store] and [reporting.Waker]. It is safe for
// concurrent use, and works inside a testing/synctest bubble that it was made
// in.
type Store struct {
	clock func() time.Time
	turn  chan struct{} // holds the one value that allows a call to touch what follows

	rows map[reporting.Key]*entry
	indexes
	transactions uint64

	bell bell
}

var (
	_ reporting.Store = (*Store)(nil)
	_ reporting.Waker = (*Store)(nil)
)

// New makes an empty store.
func New(o *Options) *Store {
	s := &Store{
		clock: time.Now, turn: make(chan struct{}, 1),
		rows: map[reporting.Key]*entry{}, indexes: newIndexes(),
	}
	if o != nil && o.Clock != nil {
		s.clock = o.Clock
	}
	s.turn <- struct{}{}
	return s
}

// begin waits for the caller's turn.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) end() { s.turn <- struct{}{} }

func (s *Store) now() time.Time { return exact(s.clock()) }

// exact is a time as the store keeps it.
func exact(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Update implements [reporting.Store]. An fn that panics leaves nothing behind,
// and its panic goes on to the caller. An fn that calls the store itself, and
// not through its Tx, waits for its own end.
func (s *Store) Update(ctx context.Context, fn func(reporting.Tx) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	s.transactions++
	t := &tx{store: s, ctx: ctx, number: s.transactions, now: s.now()}
	defer func() { t.over = true }()
	if err := fn(t); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.commit() {
		s.bell.ring()
	}
	return nil
}

// Wait implements [reporting.Waker].
func (s *Store) Wait(ctx context.Context) error { return s.bell.wait(ctx) }

var errOver = errors.New("memstore: the transaction is over")

func clone(r reporting.Row) reporting.Row {
	r.Data = bytes.Clone(r.Data)
	return r
}
