package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var errOver = errors.New("sqlstore: the transaction is over")

// tx reads and locks at once, and writes at the end, each row once.
type tx struct {
	store   *Store
	ctx     context.Context
	session *session
	now     time.Time
	over    bool
	failed  error // the first error of a method: nothing is written

	states map[reporting.Key]*state // the locked keys
}

// state is what a transaction knows of a key.
type state struct {
	stored  held           // as in the database, without its Data; Version 0: none
	put     *reporting.Row // what is to be written
	removed bool           // there is to be no row
	version int64          // grows with each Put
}

func (t *tx) Now() time.Time { return t.now }

// check refuses what comes too late, or after a failure: the database may have
// rolled the transaction back by itself, and its locks are gone then.
func (t *tx) check() error {
	if t.over {
		return errOver
	}
	if t.failed != nil {
		return t.failed
	}
	return t.ctx.Err()
}

func (t *tx) fail(err error) error {
	if t.failed == nil && !t.over {
		t.failed = err
	}
	return err
}

func (t *tx) Get(keys ...reporting.Key) ([]reporting.Row, error) {
	if err := t.check(); err != nil {
		return nil, t.fail(err)
	}
	answers := make([]reporting.Row, len(keys))
	asked := make([]reporting.Key, 0, len(keys))
	fresh := make([]state, len(keys))
	for i, k := range keys {
		answers[i].Key = k
		if st := t.states[k]; st == nil {
			if err := checkKey(k); err != nil {
				return nil, t.fail(err)
			}
			t.states[k] = &fresh[i]
		} else if st.put != nil || st.removed {
			continue
		}
		asked = append(asked, k)
	}
	if !slices.IsSortedFunc(asked, compareKeys) {
		slices.SortFunc(asked, compareKeys)
	}
	asked = slices.Compact(asked)
	data := make(map[reporting.Key][]byte, len(asked))
	err := t.store.dialect.lock(t.session, asked, func(h held) error {
		st := t.states[h.Key]
		if st == nil {
			return errors.New("the database answers a key that was not asked for: its collation is not of bytes")
		}
		data[h.Key] = h.Data
		h.Data = nil
		st.stored, st.version = h, h.Version
		return nil
	})
	if err != nil {
		return nil, t.fail(err)
	}
	given := len(asked) < len(keys)
	for i, k := range keys {
		switch st := t.states[k]; {
		case st.removed:
		case st.put != nil:
			answers[i] = *st.put
			answers[i].Data = bytes.Clone(st.put.Data)
		case st.stored.Version > 0:
			answers[i] = st.stored.Row
			answers[i].Data = data[k]
			if given {
				answers[i].Data = bytes.Clone(data[k]) // a key may come twice
			}
		}
	}
	return answers, nil
}

// got answers the state of a key that Get has answered.
func (t *tx) got(k reporting.Key) (*state, error) {
	if st := t.states[k]; st != nil {
		return st, nil
	}
	return nil, fmt.Errorf("sqlstore: a row of kind %d was written whose key the transaction did not get", k.Kind)
}

func (t *tx) Put(rows ...reporting.Row) error {
	if err := t.check(); err != nil {
		return t.fail(err)
	}
	for _, r := range rows {
		st, err := t.got(r.Key)
		if err == nil {
			err = checkRow(&r)
		}
		if err != nil {
			return t.fail(err)
		}
		st.version++
		r.Version = st.version
		r.Data = bytes.Clone(r.Data)
		r.Due, r.LeaseUntil, r.ClaimedAt, r.Since = exact(r.Due), exact(r.LeaseUntil), exact(r.ClaimedAt), exact(r.Since)
		st.put, st.removed = &r, false
	}
	return nil
}

func (t *tx) Delete(keys ...reporting.Key) error {
	if err := t.check(); err != nil {
		return t.fail(err)
	}
	for _, k := range keys {
		st, err := t.got(k)
		if err != nil {
			return t.fail(err)
		}
		st.put, st.removed = nil, true
	}
	return nil
}

// flush writes what was put and deleted, in the order of the keys, and says
// whether that is anything.
func (t *tx) flush() (bool, error) {
	ch := t.changes()
	if ch.none() {
		return false, nil
	}
	return true, t.store.dialect.write(t.session, ch)
}

func (t *tx) changes() *changes {
	ch := &changes{now: t.session.now}
	counts, leases := counting{}, leasing{}
	for k, st := range t.states {
		was := st.stored.Version > 0
		if was && (st.put != nil || st.removed) {
			counts[groupOf(&st.stored.Row)]--
			leases.add(&st.stored.Row, -1)
		}
		switch {
		case st.put != nil && was:
			ch.altered = append(ch.altered, alteration{&st.stored, st.put})
		case st.put != nil:
			ch.fresh = append(ch.fresh, st.put)
		case was && st.removed:
			ch.removed = append(ch.removed, st.stored)
		case !was:
			ch.unused = append(ch.unused, k)
		}
		if st.put != nil {
			counts[groupOf(st.put)]++
			leases.add(st.put, 1)
		}
	}
	slices.SortFunc(ch.altered, func(a, b alteration) int { return compareKeys(a.new.Key, b.new.Key) })
	slices.SortFunc(ch.fresh, func(a, b *reporting.Row) int { return compareKeys(a.Key, b.Key) })
	slices.SortFunc(ch.removed, func(a, b held) int { return compareKeys(a.Key, b.Key) })
	slices.SortFunc(ch.unused, compareKeys)
	ch.counts, ch.leases = counts.counts(), leases.leases()
	return ch
}
