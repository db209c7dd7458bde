package graph_test

import (
	"errors"
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

// After a 400 the device's operating system is read, to explain it. Where that
// read fails, in a batch as alone, the 400 is the answer and not the read.
func TestExplanationThatFails(t *testing.T) {
	w := newWorld(t, nil, &graph.Options{ClientOptions: onceOptions()})
	w.sim.Inject(azuresim.Fault{Match: onGraph("PATCH"), Status: 400, Code: "Request_BadRequest"})
	w.sim.Inject(azuresim.Fault{Match: onGraph("GET"), Status: 429, Code: "TooManyRequests"})
	report := w.report(compliance.StateNonCompliant)
	_, alone := w.reporter.Report(t.Context(), report)
	inBatch := w.reporter.ReportBatch(t.Context(), []azure.Report{report})[0].Err
	for name, err := range map[string]error{"alone": alone, "in a batch": inBatch} {
		if !errors.Is(err, azure.ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
		if e, _ := errors.AsType[*azure.Error](err); e == nil || e.StatusCode != 400 {
			t.Errorf("%s: %v, want the 400", name, err)
		}
	}
}
