package memstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// tx collects what is put until it commits. The store's turn is its own.
type tx struct {
	store  *Store
	ctx    context.Context
	number uint64
	now    time.Time
	over   bool
	failed error // the first error of a method: nothing is written

	absent map[reporting.Key]bool           // keys got that have no row
	staged map[reporting.Key]*reporting.Row // what is written at the end; Version 0: deleted
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
	rows := make([]reporting.Row, len(keys))
	size := 0
	for i, k := range keys {
		if len(t.staged) > 0 {
			if staged := t.staged[k]; staged != nil {
				rows[i] = *staged
				size += len(staged.Data)
				continue
			}
		}
		if e := t.store.rows[k]; e != nil {
			e.got = t.number
			rows[i] = e.Row
			size += len(e.Data)
			continue
		}
		if err := checkKey(k); err != nil {
			return nil, t.fail(err)
		}
		if t.absent == nil {
			t.absent = map[reporting.Key]bool{}
		}
		t.absent[k] = true
		rows[i].Key = k
	}
	// One block holds the copies of all; each has its part and cannot grow
	// into the next.
	block := make([]byte, 0, size)
	for i := range rows {
		if data := rows[i].Data; data != nil {
			at := len(block)
			block = append(block, data...)
			rows[i].Data = block[at:len(block):len(block)]
		}
	}
	return rows, nil
}

// current answers the version of a key that Get has answered.
func (t *tx) current(k reporting.Key) (version int64, err error) {
	if staged := t.staged[k]; staged != nil {
		return staged.Version, nil
	}
	if e := t.store.rows[k]; e != nil && e.got == t.number {
		return e.Version, nil
	}
	if t.absent[k] {
		return 0, nil
	}
	return 0, fmt.Errorf("memstore: a row of kind %d was written whose key the transaction did not get", k.Kind)
}

func (t *tx) stage(r reporting.Row) {
	if t.staged == nil {
		t.staged = map[reporting.Key]*reporting.Row{}
	}
	t.staged[r.Key] = &r
}

func (t *tx) Put(rows ...reporting.Row) error {
	if err := t.check(); err != nil {
		return t.fail(err)
	}
	for _, r := range rows {
		version, err := t.current(r.Key)
		if err == nil {
			err = checkRow(&r)
		}
		if err != nil {
			return t.fail(err)
		}
		r.Version = version + 1
		if was := t.store.rows[r.Key]; version == 0 && was != nil {
			r.Version = was.Version + 1 // deleted and put again in one transaction
		}
		r.Data = bytes.Clone(r.Data)
		r.Due, r.LeaseUntil, r.ClaimedAt, r.Since = exact(r.Due), exact(r.LeaseUntil), exact(r.ClaimedAt), exact(r.Since)
		t.stage(r)
	}
	return nil
}

func (t *tx) Delete(keys ...reporting.Key) error {
	if err := t.check(); err != nil {
		return t.fail(err)
	}
	for _, k := range keys {
		if _, err := t.current(k); err != nil {
			return t.fail(err)
		}
		t.stage(reporting.Row{Key: k})
	}
	return nil
}

// commit writes what was staged. woken says whether a row with a Queue is
// among it.
func (t *tx) commit() (woken bool) {
	s := t.store
	for k, row := range t.staged {
		e := s.rows[k]
		switch {
		case row.Version == 0 && e == nil:
		case row.Version == 0:
			s.drop(e)
			delete(s.rows, k)
		case e == nil:
			e = &entry{Row: *row}
			s.rows[k] = e
			s.add(e)
		default:
			s.change(e, *row)
		}
		woken = woken || row.Queue != ""
	}
	return woken
}
