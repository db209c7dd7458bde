package compliance_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/compliance"
)

func TestActionText(t *testing.T) {
	for _, tc := range []struct {
		action    compliance.Action
		text      string
		spellings []string
	}{
		{compliance.ActionSendAlert, "send-alert", []string{"Send Alert", "SEND_ALERT", "sendAlert"}},
		{compliance.ActionBlockEmail, "block-email", []string{"Block Email", "block_email", "blockemail"}},
		{compliance.ActionBlockAppConnect, "block-appconnect", []string{"Block AppConnect", "BlockAppConnect", "Block AppConnect Apps", "block_app_connect"}},
		{compliance.ActionQuarantine, "quarantine", []string{"Quarantine", "QUARANTINE"}},
		{compliance.ActionRetire, "retire", []string{"Retire", " retire"}},
	} {
		if got := tc.action.String(); got != tc.text {
			t.Errorf("String = %q, want %q", got, tc.text)
		}
		if got, err := tc.action.MarshalText(); err != nil || string(got) != tc.text {
			t.Errorf("MarshalText of %v = %q, %v, want %q", tc.action, got, err, tc.text)
		}
		for _, s := range append(tc.spellings, tc.text) {
			var got compliance.Action
			if err := got.UnmarshalText([]byte(s)); err != nil || got != tc.action {
				t.Errorf("UnmarshalText(%q) = %v, %v, want %v", s, got, err, tc.action)
			}
		}
	}
}

func TestStateText(t *testing.T) {
	for _, tc := range []struct {
		state     compliance.State
		text      string
		spellings []string
	}{
		{compliance.StateCompliant, "compliant", []string{"Compliant", "COMPLIANT"}},
		{compliance.StateNonCompliant, "non-compliant", []string{"Non-Compliant", "NonCompliant", "non_compliant", "non compliant"}},
		{compliance.StateRemoved, "removed", []string{"Removed"}},
	} {
		if got := tc.state.String(); got != tc.text {
			t.Errorf("String = %q, want %q", got, tc.text)
		}
		if got, err := tc.state.MarshalText(); err != nil || string(got) != tc.text {
			t.Errorf("MarshalText of %v = %q, %v, want %q", tc.state, got, err, tc.text)
		}
		for _, s := range append(tc.spellings, tc.text) {
			var got compliance.State
			if err := got.UnmarshalText([]byte(s)); err != nil || got != tc.state {
				t.Errorf("UnmarshalText(%q) = %v, %v, want %v", s, got, err, tc.state)
			}
		}
	}
}

func TestUnknownText(t *testing.T) {
	for _, s := range []string{"wipe", "Apps", "-", " ", "unspecified", "Action(3)", "3", "compliant-ish", "non", "remove"} {
		action := compliance.ActionRetire
		if err := action.UnmarshalText([]byte(s)); err == nil || action != compliance.ActionUnspecified || !strings.Contains(err.Error(), s) {
			t.Errorf("Action: UnmarshalText(%q) = %v, %v, want unspecified and an error that quotes it", s, action, err)
		}
		state := compliance.StateCompliant
		if err := state.UnmarshalText([]byte(s)); err == nil || state != compliance.StateUnspecified || !strings.Contains(err.Error(), s) {
			t.Errorf("State: UnmarshalText(%q) = %v, %v, want unspecified and an error that quotes it", s, state, err)
		}
	}
}

func TestZeroAndUnknownNumbers(t *testing.T) {
	if got := compliance.ActionUnspecified.String(); got != "unspecified" {
		t.Errorf("String of the zero Action = %q, want unspecified", got)
	}
	if got := compliance.StateUnspecified.String(); got != "unspecified" {
		t.Errorf("String of the zero State = %q, want unspecified", got)
	}
	if got := compliance.Action(9).String(); got != "Action(9)" {
		t.Errorf("String of Action(9) = %q", got)
	}
	if got := compliance.State(9).String(); got != "State(9)" {
		t.Errorf("String of State(9) = %q", got)
	}
	if got, err := compliance.Action(9).AppendText([]byte("x")); err == nil || string(got) != "x" {
		t.Errorf("AppendText of Action(9) = %q, %v, want x and an error", got, err)
	}
	if got, err := compliance.State(9).AppendText([]byte("x")); err == nil || string(got) != "x" {
		t.Errorf("AppendText of State(9) = %q, %v, want x and an error", got, err)
	}
}

func TestJSON(t *testing.T) {
	type row struct {
		Actions []compliance.Action
		Count   map[compliance.State]int
	}
	const want = `{"Actions":["","send-alert","retire"],"Count":{"":2,"non-compliant":1}}`
	j, err := json.Marshal(row{
		Actions: []compliance.Action{compliance.ActionUnspecified, compliance.ActionSendAlert, compliance.ActionRetire},
		Count:   map[compliance.State]int{compliance.StateUnspecified: 2, compliance.StateNonCompliant: 1},
	})
	if err != nil || string(j) != want {
		t.Errorf("JSON = %s, %v, want %s", j, err, want)
	}
	var back row
	if err := json.Unmarshal(j, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || string(again) != want {
		t.Errorf("JSON after a round trip = %s, %v, want %s", again, err, want)
	}
}

func FuzzActionUnmarshalText(f *testing.F) {
	for _, s := range []string{"", "retire", "Block AppConnect Apps", "block-email", "-", "\xff", strings.Repeat("x", 100)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a := compliance.ActionRetire
		if err := a.UnmarshalText(text); err != nil {
			if a != compliance.ActionUnspecified || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
				t.Errorf("UnmarshalText(%q) = %v, %q", text, a, err)
			}
			return
		}
		written, err := a.MarshalText()
		if err != nil || len(written) == 0 != (len(text) == 0) {
			t.Fatalf("UnmarshalText(%q) = %v, written %q, %v", text, a, written, err)
		}
		again := compliance.ActionRetire
		if err := again.UnmarshalText(written); err != nil || again != a {
			t.Errorf("%v written %q read %v, %v", a, written, again, err)
		}
	})
}

func FuzzStateUnmarshalText(f *testing.F) {
	for _, s := range []string{"", "compliant", "Non Compliant", "removed", "-", "\xff", strings.Repeat("x", 100)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := compliance.StateRemoved
		if err := s.UnmarshalText(text); err != nil {
			if s != compliance.StateUnspecified || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
				t.Errorf("UnmarshalText(%q) = %v, %q", text, s, err)
			}
			return
		}
		written, err := s.MarshalText()
		if err != nil || len(written) == 0 != (len(text) == 0) {
			t.Fatalf("UnmarshalText(%q) = %v, written %q, %v", text, s, written, err)
		}
		again := compliance.StateRemoved
		if err := again.UnmarshalText(written); err != nil || again != s {
			t.Errorf("%v written %q read %v, %v", s, written, again, err)
		}
	})
}
