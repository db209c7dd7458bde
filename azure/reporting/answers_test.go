package reporting_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/status"
)

// batches is a reporter that answers a batch as a test wants.
type batches struct {
	*microsoft
	answer func(rs []azure.Report) []azure.Result
}

func (b *batches) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	if b.answer != nil {
		return b.answer(rs)
	}
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		results[i].Receipt, results[i].Err = b.Report(ctx, r)
	}
	return results
}

// A host's reporter that keeps its contract badly costs no device its report:
// what it says nothing of counts as not known, and is sent again.
func TestReporterThatAnswersBadly(t *testing.T) {
	one := func(h *trial) func(rs []azure.Report) []azure.Result {
		return func(rs []azure.Report) []azure.Result {
			receipt, _ := h.azure.accept(rs[0])
			return []azure.Result{{Receipt: receipt}}
		}
	}
	all := func(answer func(h *trial, r azure.Report) azure.Result) func(h *trial) func(rs []azure.Report) []azure.Result {
		return func(h *trial) func(rs []azure.Report) []azure.Result {
			return func(rs []azure.Report) []azure.Result {
				results := make([]azure.Result, len(rs))
				for i := range results {
					results[i] = answer(h, rs[i])
				}
				return results
			}
		}
	}
	fails := func(err error) func(h *trial) func(rs []azure.Report) []azure.Result {
		return all(func(*trial, azure.Report) azure.Result { return azure.Result{Err: err} })
	}
	answers := func(spoil func(r *azure.Receipt)) func(h *trial) func(rs []azure.Report) []azure.Result {
		return all(func(h *trial, r azure.Report) azure.Result {
			receipt, _ := h.azure.accept(r)
			spoil(&receipt)
			return azure.Result{Receipt: receipt}
		})
	}
	for name, play := range map[string]func(h *trial) func(rs []azure.Report) []azure.Result{
		"too few results": one,
		"none": func(*trial) func([]azure.Report) []azure.Result {
			return func([]azure.Report) []azure.Result { return nil }
		},
		"too many": func(h *trial) func(rs []azure.Report) []azure.Result {
			return func(rs []azure.Report) []azure.Result { return append(one(h)(rs), make([]azure.Result, 40)...) }
		},
		"foreign errors":                        fails(errors.New("the database of the host says user@example.com")),
		"wrapped errors":                        fails(errors.Join(errors.New("ours"), new(noAnswer))),
		"errors without kind, scope or outcome": fails(&azure.Error{}),
		"a scope that nobody knows":             fails(&azure.Error{Kind: azure.ErrUnavailable, Scope: 9, Outcome: azure.OutcomeRefused}),
		"an outcome that nobody knows":          fails(&azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: 9}),
		"no error, as an *azure.Error":          fails((*azure.Error)(nil)),
		"a form of removal that nobody knows":   answers(func(r *azure.Receipt) { r.Removal = 77 }),
		"a year that no text has": answers(func(r *azure.Receipt) {
			r.State, r.AcceptedAt = status.InProgress, time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
		}),
		"a failure without an error": answers(func(r *azure.Receipt) { r.State = status.Failed }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logged
				h := newTrial(t, nil)
				b := &batches{microsoft: h.azure, answer: play(h)}
				h.engine = engineOn(t, h.store, b, &reporting.Options{Logger: log.logger()})
				fleet := pcs(7, nil)
				h.see(fleet...)
				stop := h.run()
				time.Sleep(time.Second)
				for _, o := range fleet {
					d := h.device(o.DeviceID)
					if d.Failure != nil && d.Failure.Err != nil {
						t.Errorf("the stored failure holds %v", d.Failure.Err)
					}
					if !strings.HasPrefix(name, "too ") && d.ComplianceStatus == status.Successful {
						t.Errorf("shown %s", line(d.Device))
					}
				}
				stop()
				if strings.Contains(log.String(), "example.com") {
					t.Error("the log holds the text of a foreign error")
				}
				b.answer = nil
				h.engine = engineOn(t, h.store, b, nil)
				defer h.run()()
				time.Sleep(30 * time.Minute)
				for _, o := range fleet {
					if d := h.device(o.DeviceID); h.azure.state(o.AzureDeviceID) != compliant || d.ComplianceStatus != status.Successful {
						t.Errorf("in the end Azure holds %v, shown %s", h.azure.state(o.AzureDeviceID), line(d.Device))
					}
				}
			})
		})
	}
}

// plain is a reporter that is nothing else.
type plain struct{ r azure.Reporter }

func (p plain) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	return p.r.Report(ctx, r)
}

// A reporter without the optional parts: an object is not deleted, and a
// message in progress stays so until it is given up.
func TestPlainReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.later.Store(true)
		h.engine = engineOn(t, h.store, plain{h.azure}, &reporting.Options{Poll: time.Hour})
		defer h.run()()
		h.see(pc(nil))
		h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		time.Sleep(time.Minute)
		h.see(pc(in(removed)))
		time.Sleep(20 * time.Hour)
		if d := h.device("phone-1"); d.ComplianceStatus != status.InProgress || d.ReportTime.IsZero() {
			t.Errorf("the phone: %s", line(d.Device))
		}
		time.Sleep(60 * time.Hour)
		if d := h.device("pc-1"); d.Cause != "the directory object stays: unsupported" || d.LastReported.State != removed {
			t.Errorf("the PC: %s", line(d.Device))
		}
	})
}

// A reporter that panics is a fault of the host's program, and is not hidden:
// the process dies with the panic's text, and what was observed is kept.
func TestReporterThatPanics(t *testing.T) {
	if os.Getenv("REPORTING_TEST_PANICS") != "" {
		r := &microsoft{}
		r.play(func(context.Context, azure.Report) (azure.Receipt, error) { panic("the reporter is broken") })
		e, err := reporting.New(memstore.New(nil), r, nil)
		require.NoError(t, err)
		require.NoError(t, e.RegisterTenant(t.Context(), account, tenantID))
		_, err = e.Observe(t.Context(), pc(nil))
		require.NoError(t, err)
		_ = e.Run(t.Context())
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestReporterThatPanics$", "-test.timeout=30s")
	cmd.Env = append(os.Environ(), "REPORTING_TEST_PANICS=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: the reporter is broken") {
		t.Errorf("%v\n%s", err, out)
	}
}
