package reporting

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// What a target is counted by comes back from its label, whatever a host's
// reporter calls its errors, and fits into a row.
func TestLabel(t *testing.T) {
	for _, kind := range []azure.Kind{"", azure.ErrRejected, "a|b", azure.Kind(strings.Repeat("long ", 50)), azure.Kind("a" + strings.Repeat("ü", 50)), "a\x00\xffb"} {
		for _, held := range []compliance.State{none, compliant, nonCompliant, removed} {
			target := told(azureID1, status.CodeSuccess, nonCompliant, held)
			if kind != "" {
				target.Failure = &failure{Err: azure.Error{Kind: kind}, Retry: noon}
			}
			d := target.decide(noon, testRules())
			p, _ := target.phase(d)
			label := target.label(d, p)
			if len(label) > 100 || !utf8.ValidString(label) || strings.Contains(label, "\x00") {
				t.Errorf("%q, of %d bytes, does not fit into a row", label, len(label))
			}
			state, holds, k, back := parseLabel(label)
			want := map[azure.Kind]azure.Kind{
				"a|b": "a/b", "a\x00\xffb": "a/b", azure.Kind(strings.Repeat("long ", 50)): azure.Kind(strings.Repeat("long ", 8)),
				azure.Kind("a" + strings.Repeat("ü", 50)): azure.Kind("a" + strings.Repeat("ü", 19)),
			}[kind]
			if want == "" {
				want = kind
			}
			if state != target.reportState(d) || holds != held || k != want || back != p {
				t.Errorf("%q: %v, %v, %q, %q; want %v, %v, %q, %q", label, state, holds, k, back, target.reportState(d), held, want, p)
			}
		}
	}
	if state, holds, kind, p := parseLabel("of another version"); state != 0 || holds != none || kind != "" || p != phaseIdle {
		t.Errorf("a label that is none: %v, %v, %q, %q", state, holds, kind, p)
	}
}

// Where a target stands on its way, and since when.
func TestPhase(t *testing.T) {
	since := noon.Add(-2 * time.Hour)
	with := func(change func(t *target), t *target) *target {
		t.Records[0].Since = since
		change(t)
		return t
	}
	same := func(*target) {}
	for _, tc := range []struct {
		name  string
		t     *target
		phase phase
		since time.Time
	}{
		{"not sent", with(same, told(azureID1, status.CodeSuccess, compliant, none)), phaseUnsent, since},
		{"turned", with(same, told(azureID1, status.CodeSuccess, nonCompliant, compliant)), phaseUnsent, since},
		{"as accepted", with(same, told(azureID1, status.CodeSuccess, compliant, compliant)), phaseConfirmed, noon.Add(-time.Hour)},
		{"in progress", with(func(t *target) { t.Message = &message{Since: noon.Add(-time.Minute), PollAt: noon} }, told(azureID1, status.CodeSuccess, compliant, compliant)), phaseMessage, noon.Add(-time.Minute)},
		{"held", with(func(t *target) { t.Held = removed }, told(azureID1, status.CodeSuccess, removed, compliant)), phaseHeld, since},
		{"waits for the user", with(same, told(azureID1, status.CodeAccountLoggedOut, compliant, none)), phaseWaits, time.Time{}},
		{"no id", with(same, told("", status.CodeSuccess, compliant, none)), phaseWaits, time.Time{}},
		{"not evaluated", with(same, told(azureID1, status.CodeSuccess, none, none)), phaseIdle, time.Time{}},
		{"closing", &target{AzureID: azureID1, Floor: noon, Close: &closing{Platform: azure.PlatformIOS, Since: since}}, phaseUnsent, since},
		{"nobody's", &target{AzureID: azureID1, Floor: since}, phaseIdle, time.Time{}},
	} {
		p, at := tc.t.phase(tc.t.decide(noon, testRules()))
		if p != tc.phase || !at.Equal(tc.since) {
			t.Errorf("%s: %q since %v, want %q since %v", tc.name, p, at, tc.phase, tc.since)
		}
	}
}
