package reporting_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var errStore = errors.New("the disk is full")

// faulty is a store whose calls fail when a test wants it, before they did
// anything or after.
type faulty struct {
	reporting.Store
	mu    sync.Mutex
	calls map[string]int
	fail  func(method string, n int) (fails, after bool) // n counts the calls of all methods from one on
	n     int
	next  string
}

// failNext has the next call of a method fail.
func (f *faulty) failNext(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = method
}

func (f *faulty) count(method string) (fails, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[method]++
	f.n++
	if f.next == method {
		f.next = ""
		return true, false
	}
	if f.fail == nil {
		return false, false
	}
	return f.fail(method, f.n)
}

func (f *faulty) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	fails, after := f.count("Update")
	if fails && !after {
		return errStore
	}
	err := f.Store.Update(ctx, fn)
	if fails && err == nil {
		err = errStore
	}
	return err
}

func (f *faulty) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	fails, after := f.count("Claim")
	if fails && !after {
		return nil, errStore
	}
	rows, err := f.Store.Claim(ctx, c)
	if fails && err == nil {
		return nil, errStore
	}
	return rows, err
}

func (f *faulty) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	if fails, _ := f.count("Queues"); fails {
		return nil, errStore
	}
	return f.Store.Queues(ctx, after, limit)
}

func (f *faulty) NextDue(ctx context.Context) (time.Time, error) {
	if fails, _ := f.count("NextDue"); fails {
		return time.Time{}, errStore
	}
	return f.Store.NextDue(ctx)
}

func (f *faulty) Scan(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	if fails, _ := f.count("Scan"); fails {
		return nil, errStore
	}
	return f.Store.Scan(ctx, kind, tenant, after, limit)
}

func (f *faulty) Tally(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
	if fails, _ := f.count("Tally"); fails {
		return nil, errStore
	}
	return f.Store.Tally(ctx, kind, tenant, before)
}
