package intune_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

// warm answers a Reporter that has reported once, so that what follows costs
// one call, over a transport that costs next to nothing.
func warm(tb testing.TB) (*intune.Reporter, azure.Report) {
	m := newMicrosoft(tb)
	m.users[tenantA+" "+upn1] = user1
	o := optionsOf(m)
	o.Transport = transport(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodPut {
			return m.Do(req)
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		const accepted = `{"ErrorCode":"202"}`
		return &http.Response{
			StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: req,
			Body: io.NopCloser(strings.NewReader(accepted)), ContentLength: int64(len(accepted)),
		}, nil
	})
	report := named(compliance.StateCompliant, upn1)
	report.Inventory = azure.Inventory{DeviceName: "Anna's iPhone", OSVersion: "18.2"}
	r := reporterOf(tb, m, o)
	if _, err := r.Report(tb.Context(), report); err != nil {
		tb.Fatal(err)
	}
	return r, report
}

// One report with warm caches: at most 120 allocations.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	r, report := warm(t)
	ctx := context.Background()
	n := testing.AllocsPerRun(200, func() {
		if _, err := r.Report(ctx, report); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%v allocations", n)
	if n > 120 {
		t.Errorf("%v allocations, want at most 120", n)
	}
}

func BenchmarkReport(b *testing.B) {
	r, report := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Report(b.Context(), report); err != nil {
			b.Fatal(err)
		}
	}
}
