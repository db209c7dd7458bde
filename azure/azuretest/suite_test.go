package azuretest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

func TestTheFakeKeepsTheContract(t *testing.T) {
	for name, w := range map[string]world{
		"Windows":     {},
		"Open":        {open: true},
		"iOS":         {platform: azure.PlatformIOS},
		"Late":        {platform: azure.PlatformAndroid, options: fake.Options{Channel: "intune", SettleAfter: 3}},
		"LateWindows": {options: fake.Options{SettleAfter: 1}},
	} {
		t.Run(name, func(t *testing.T) { TestReporter(t, w.harness()) })
	}
}

// plain has Report and nothing else.
type plain struct{ reporter azure.Reporter }

func (p plain) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	return p.reporter.Report(ctx, r)
}

// A harness without its optional parts, and a reporter without the optional
// interfaces: the rest of the rules run, and the others name what is missing.
func TestMissingParts(t *testing.T) {
	bare := world{}.harness()
	bare = Harness{NewReporter: bare.NewReporter, NewReport: bare.NewReport}
	noCalls := world{}.harness()
	noCalls.Calls, noCalls.Inventory = nil, nil
	noFaults := world{}.harness()
	noFaults.Fault = func(*testing.T, azure.Report, Fault) func() { return nil }
	thin := world{wrap: func(f *fake.Reporter) azure.Reporter { return plain{f} }}.harness()
	for _, tc := range []struct {
		name    string
		harness Harness
		missing map[string]string // of some rules
	}{
		{"bare", bare, map[string]string{
			"Report/Standing": "Harness.Standing", "Report/Again": "", "Receipt/Complete": "", "Invalid/SendsNothing": "Harness.Standing",
			"Errors/Throttled": "Harness.Fault(Throttled)", "Inventory/EmptyKeeps": "Harness.Inventory", "Batch/Empty": "",
			"Context/Canceled": "Harness.Standing", "Check/Verdict": "a channel that answers later",
		}},
		{"no calls", noCalls, map[string]string{"Invalid/SendsNothing": "", "Check/SettledUnchanged": "", "Inventory/Carried": ""}},
		{"no faults", noFaults, map[string]string{"Errors/Typed": "Harness.Fault(LostAnswer)", "Context/NoAnswer": "Harness.Fault(NoAnswer)"}},
		{"thin", thin, map[string]string{
			"Batch/Empty": "azure.BatchReporter (by azuretest.plain)", "Check/Foreign": "azure.Checker (by azuretest.plain)",
			"Removal/DeleteObject": "azure.Deleter (by azuretest.plain)", "Inventory/Carried": "azure.InventoryCarrier (by azuretest.plain)",
			"Verify/Error": "azure.Verifier (by azuretest.plain)", "Removal/KeepObject": "",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { TestReporter(t, tc.harness) })
		for _, r := range rules() {
			v := judge(t, tc.harness, r)
			if want, named := tc.missing[r.name]; named && v.missing != want {
				t.Errorf("%s: %s lacks %q, want %q", tc.name, r.name, v.missing, want)
			}
		}
	}
}

// Inside is the suite over a wrong reporter, for TestReporterFails.
func TestInside(t *testing.T) {
	switch os.Getenv("AZURETEST_INSIDE") {
	case "":
		t.Skip("run by TestReporterFails")
	case "wrong":
		TestReporter(t, world{wrap: func(f *fake.Reporter) azure.Reporter {
			b := &bent{Reporter: f}
			before(func(r *azure.Report) {
				if r.State == compliance.StateUnspecified {
					r.State = compliance.StateRemoved
				}
			})(b)
			return b
		}}.harness())
	case "panics":
		TestReporter(t, world{wrap: func(f *fake.Reporter) azure.Reporter { return plain{nil} }}.harness())
	case "empty":
		TestReporter(t, Harness{})
	}
}

// TestReporterFails runs the suite as its users do, in a process of its own,
// and sees it fail with the rule and its reason.
func TestReporterFails(t *testing.T) {
	for inside, want := range map[string][]string{
		"wrong": {
			"--- FAIL: TestInside/Invalid/NotEvaluated", "a report of unspecified: the standing of device 007c8232-9489-4074-9b35-000000000000 went from compliant to absent",
			"the rule: a device that was not evaluated", "--- PASS: TestInside/Report/Standing", "not looked at: a channel that answers later is missing",
		},
		"panics": {"--- FAIL: TestInside/Report/Standing", "panic: ", "--- FAIL: TestInside/Removal/Again"},
		"empty":  {"Harness.NewReporter and Harness.NewReport are needed"},
	} {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestInside$", "-test.v")
		cmd.Env = append(os.Environ(), "AZURETEST_INSIDE="+inside)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s: the suite passed:\n%s", inside, out)
		}
		for _, line := range want {
			if !strings.Contains(string(out), line) {
				t.Errorf("%s: the output lacks %q:\n%s", inside, line, out)
			}
		}
	}
}
