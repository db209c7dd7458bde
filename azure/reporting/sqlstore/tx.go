package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var errOver = errors.New("sqlstore: the transaction is over")

// tx reads and locks at once, and writes at the end: in few statements, each
// row once.
type tx struct {
	store  *Store
	ctx    context.Context
	conn   *sql.Conn
	now    time.Time
	over   bool
	failed error // the first error of a method: nothing is written

	states map[reporting.Key]*state // the locked keys
}

// state is what a transaction knows of a key.
type state struct {
	stored  reporting.Row  // as in the database, without its Data; Version 0: none
	put     *reporting.Row // what is to be written
	removed bool           // there is to be no row
	version int64          // grows with each Put
	place   int64          // the dialect's
}

func (t *tx) Now() time.Time { return t.now }

// check refuses what comes too late.
func (t *tx) check() error {
	if t.over {
		return errOver
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
	asked = slices.Compact(sorted(asked))
	data := make(map[reporting.Key][]byte, len(asked))
	err := t.store.dialect.lock(t.ctx, t.conn, asked, func(r *reporting.Row, place int64) error {
		st := t.states[r.Key]
		if st == nil {
			return errors.New("the database answers a key that was not asked for: its collation is not of bytes")
		}
		data[r.Key] = r.Data
		r.Data = nil
		st.stored, st.version, st.place = *r, r.Version, place
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
			answers[i] = st.stored
			answers[i].Data = data[k]
			if given {
				answers[i].Data = bytes.Clone(data[k]) // a key may come twice
			}
		}
	}
	return answers, nil
}

// sorted sorts keys in place.
func sorted(keys []reporting.Key) []reporting.Key {
	slices.SortFunc(keys, compareKeys)
	return keys
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

// flush writes what was put and deleted, in the order of the keys.
func (t *tx) flush() error {
	var moved, still []placed
	var removed, unused []reporting.Key
	for k, st := range t.states {
		switch there := st.stored.Version > 0; {
		case st.put == nil && !there:
			unused = append(unused, k)
		case st.removed:
			removed = append(removed, k)
		case st.put == nil:
		case there && sameWork(&st.stored, st.put):
			still = append(still, placed{st.put, st.place})
		default:
			moved = append(moved, placed{st.put, st.place})
		}
	}
	byKey := func(a, b placed) int { return compareKeys(a.Key, b.Key) }
	slices.SortFunc(moved, byKey)
	slices.SortFunc(still, byKey)
	d := t.store.dialect
	if err := d.write(t.ctx, t.conn, moved, still); err != nil {
		return err
	}
	if err := d.remove(t.ctx, t.conn, sorted(removed)); err != nil {
		return err
	}
	return d.end(t.ctx, t.conn, sorted(unused))
}
