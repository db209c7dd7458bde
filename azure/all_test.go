package azure_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

// plain reports one by one and remembers the ids it was given. It answers each
// report's id in the receipt.
type plain struct{ given []string }

func (p *plain) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return azure.Receipt{}, &azure.Error{Kind: azure.ErrCanceled, Err: err}
	}
	p.given = append(p.given, r.ID)
	return azure.Receipt{MessageID: r.ID}, nil
}

// batching is plain with batches, whose sizes it remembers; spoil, where set,
// has its way with the answer and the slice it was given.
type batching struct {
	plain
	sizes []int
	spoil func(rs []azure.Report, results []azure.Result) []azure.Result
}

func (b *batching) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	b.sizes = append(b.sizes, len(rs))
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		results[i].Receipt, results[i].Err = b.Report(ctx, r)
	}
	if b.spoil != nil {
		results = b.spoil(rs, results)
	}
	return results
}

// numbered yields n reports with the ids r0, r1, ... and counts them in taken.
func numbered(n int, taken *int) iter.Seq[azure.Report] {
	return func(yield func(azure.Report) bool) {
		for i := range n {
			*taken = i + 1
			if !yield(azure.Report{ID: fmt.Sprintf("r%d", i)}) {
				return
			}
		}
	}
}

func TestReportAllYieldsEachWithItsResultInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 199, 200, 201, 450} {
		for _, r := range []azure.Reporter{&plain{}, &batching{}} {
			taken, seen := 0, 0
			for report, result := range azure.ReportAll(t.Context(), r, numbered(n, &taken)) {
				want := fmt.Sprintf("r%d", seen)
				if report.ID != want || result.Receipt.MessageID != want || result.Err != nil {
					t.Fatalf("%T: pair %d is %s with %s, %v", r, seen, report.ID, result.Receipt.MessageID, result.Err)
				}
				seen++
			}
			if seen != n || taken != n {
				t.Errorf("%T: took %d and yielded %d of %d reports", r, taken, seen, n)
			}
		}
	}
}

func TestReportAllGroups(t *testing.T) {
	taken, b := 0, &batching{}
	for range azure.ReportAll(t.Context(), b, numbered(450, &taken)) {
	}
	if diff := cmp.Diff([]int{200, 200, 50}, b.sizes); diff != "" {
		t.Errorf("sizes of the batches (-want +got):\n%s", diff)
	}
}

// A plain reporter is given a report only after the answer to the one before
// it was consumed; a batching one takes a group at a time.
func TestReportAllIsLazy(t *testing.T) {
	taken, seen := 0, 0
	for range azure.ReportAll(t.Context(), &plain{}, numbered(10, &taken)) {
		seen++
		if taken != seen {
			t.Fatalf("took %d reports when %d were answered", taken, seen)
		}
	}
	taken, seen = 0, 0
	for range azure.ReportAll(t.Context(), &batching{}, numbered(1000, &taken)) {
		if want := seen/200*200 + 200; taken != want {
			t.Fatalf("took %d reports when %d were answered, want %d", taken, seen, want)
		}
		seen++
	}
}

func TestReportAllDoesNothingUntilRanged(t *testing.T) {
	taken, p := 0, &plain{}
	azure.ReportAll(t.Context(), p, numbered(3, &taken))
	if taken != 0 || p.given != nil {
		t.Errorf("took %d and sent %v before anybody ranged over it", taken, p.given)
	}
}

func TestReportAllStopsWithItsConsumer(t *testing.T) {
	for _, tc := range []struct {
		reporter  azure.Reporter
		wantTaken int
	}{{&plain{}, 3}, {&batching{}, 200}} {
		taken, seen := 0, 0
		for range azure.ReportAll(t.Context(), tc.reporter, numbered(1000, &taken)) {
			if seen++; seen == 3 {
				break
			}
		}
		if taken != tc.wantTaken {
			t.Errorf("%T: took %d reports for a consumer that wanted 3, want %d", tc.reporter, taken, tc.wantTaken)
		}
	}
}

// Whatever was taken is yielded; nothing is taken after the context ended.
func TestReportAllWhenTheContextEnds(t *testing.T) {
	for _, tc := range []struct {
		name      string
		reporter  azure.Reporter
		endAt     int // the report at whose taking the context ends
		wantTaken int
		wantSent  int
	}{
		{"plain, before", &plain{}, 1, 1, 0},
		{"plain, midway", &plain{}, 5, 5, 4},
		{"batches, before", &batching{}, 1, 1, 0},
		{"batches, midway", &batching{}, 250, 250, 200},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		taken, yielded, sent := 0, 0, 0
		reports := func(yield func(azure.Report) bool) {
			for r := range numbered(1000, &taken) {
				if taken == tc.endAt {
					cancel()
				}
				if !yield(r) {
					return
				}
			}
		}
		for r, result := range azure.ReportAll(ctx, tc.reporter, reports) {
			if want := fmt.Sprintf("r%d", yielded); r.ID != want {
				t.Errorf("%s: pair %d is of report %s", tc.name, yielded, r.ID)
			}
			yielded++
			switch {
			case result.Err == nil:
				sent++
			case !errors.Is(result.Err, azure.ErrCanceled):
				t.Errorf("%s: error %v, want it canceled", tc.name, result.Err)
			}
		}
		if taken != tc.wantTaken || yielded != taken || sent != tc.wantSent {
			t.Errorf("%s: took %d, yielded %d, sent %d; want %d, %d, %d", tc.name, taken, yielded, sent, tc.wantTaken, tc.wantTaken, tc.wantSent)
		}
		cancel()
	}
}

// A reporter that breaks the contract of ReportBatch cannot make ReportAll
// break its own.
func TestReportAllOverWrongBatches(t *testing.T) {
	run := func(b *batching) (ids []string, errs []error) {
		taken := 0
		for r, result := range azure.ReportAll(t.Context(), b, numbered(3, &taken)) {
			ids, errs = append(ids, r.ID), append(errs, result.Err)
		}
		return ids, errs
	}

	ids, errs := run(&batching{spoil: func(_ []azure.Report, results []azure.Result) []azure.Result { return results[:1] }})
	if diff := cmp.Diff([]string{"r0", "r1", "r2"}, ids); diff != "" {
		t.Errorf("short results: reports (-want +got):\n%s", diff)
	}
	for i, err := range errs {
		e, ok := errors.AsType[*azure.Error](err)
		if ok != (i > 0) || ok && (e.Kind != azure.ErrUnexpected || e.Outcome != azure.OutcomeUnknown || e.Scope != azure.ScopeDevice) {
			t.Errorf("short results: error of report %d: %v, want nobody to be taken for answered", i, err)
		}
	}

	ids, errs = run(&batching{spoil: func(_ []azure.Report, results []azure.Result) []azure.Result {
		return append(results, azure.Result{}, azure.Result{})
	}})
	if len(ids) != 3 || errors.Join(errs...) != nil {
		t.Errorf("too many results: yielded %v with %v", ids, errs)
	}

	ids, _ = run(&batching{spoil: func(rs []azure.Report, results []azure.Result) []azure.Result {
		clear(rs)
		return results
	}})
	if diff := cmp.Diff([]string{"r0", "r1", "r2"}, ids); diff != "" {
		t.Errorf("a reporter that clears its input: reports (-want +got):\n%s", diff)
	}
}

func TestReportAllStartsNoGoroutine(t *testing.T) {
	before, taken := runtime.NumGoroutine(), 0
	for range azure.ReportAll(t.Context(), &batching{}, numbered(400, &taken)) {
		if now := runtime.NumGoroutine(); now > before {
			t.Fatalf("%d goroutines, %d before", now, before)
		}
	}
}
