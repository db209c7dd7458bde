package azure_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

// enumeration is what every enumeration of the package implements.
type enumeration interface {
	comparable
	fmt.Stringer
	encoding.TextAppender
	encoding.TextMarshaler
}

// checkTexts holds one type against its texts, of which the first is the zero
// value's.
func checkTexts[E enumeration, P interface {
	*E
	encoding.TextUnmarshaler
}](t *testing.T, of func(uint8) E, texts ...string) {
	t.Helper()
	var zero E
	name := strings.TrimPrefix(fmt.Sprintf("%T", zero), "azure.")
	t.Run(name, func(t *testing.T) {
		for v, want := range texts {
			e := of(uint8(v))
			if shown := e.String(); v > 0 && shown != want || v == 0 && shown != "unspecified" {
				t.Errorf("String of %d = %q, want %q", v, shown, want)
			}
			text, err := e.MarshalText()
			if err != nil || string(text) != want {
				t.Errorf("MarshalText of %v = %q, %v, want %q", e, text, err, want)
			}
			if appended, err := e.AppendText([]byte("x")); err != nil || string(appended) != "x"+want {
				t.Errorf("AppendText of %v = %q, %v, want %q", e, appended, err, "x"+want)
			}
			for _, spelling := range []string{want, strings.ToUpper(want), strings.ReplaceAll(want, "-", " ")} {
				got := of(1)
				if err := P(&got).UnmarshalText([]byte(spelling)); err != nil || got != e {
					t.Errorf("UnmarshalText(%q) = %v, %v, want %v", spelling, got, err, e)
				}
			}
		}

		// As a value and as the key of a map.
		in := map[E]E{}
		for v := range texts {
			in[of(uint8(v))] = of(uint8(v))
		}
		page, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("json.Marshal: %v", err)
		}
		var out map[E]E
		if err := json.Unmarshal(page, &out); err != nil {
			t.Fatalf("json.Unmarshal(%s): %v", page, err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Errorf("JSON round trip (-want +got):\n%s", diff)
		}

		for _, v := range []uint8{uint8(len(texts)), 255} {
			unknown := of(v)
			if want := fmt.Sprintf("%s(%d)", name, v); unknown.String() != want {
				t.Errorf("String of %d = %q, want %q: its number must stay visible", v, unknown, want)
			}
			if text, err := unknown.MarshalText(); err == nil {
				t.Errorf("MarshalText of %v = %q without an error; it could not be read back", unknown, text)
			}
		}
		got := of(1)
		err = P(&got).UnmarshalText([]byte("no such\ntext"))
		if err == nil || got != zero || !strings.Contains(err.Error(), `no such\ntext`) {
			t.Errorf("UnmarshalText of unknown text = %v, %v, want the zero value and an error that quotes it", got, err)
		}
	})
}

func TestTexts(t *testing.T) {
	checkTexts(t, func(v uint8) azure.Platform { return azure.Platform(v) }, "", "windows", "ios", "ipados", "android", "macos")
	checkTexts(t, func(v uint8) azure.Ownership { return azure.Ownership(v) }, "", "company", "personal")
	checkTexts(t, func(v uint8) azure.Trigger { return azure.Trigger(v) }, "", "change", "inventory", "refresh", "sync")
	checkTexts(t, func(v uint8) azure.Scope { return azure.Scope(v) }, "", "device", "tenant", "service")
	checkTexts(t, func(v uint8) azure.Outcome { return azure.Outcome(v) }, "", "not-sent", "refused", "unknown")
	checkTexts(t, func(v uint8) azure.RemovalForm { return azure.RemovalForm(v) }, "", "marked", "protected", "deleted", "absent")
	checkTexts(t, func(v uint8) azure.Verdict { return azure.Verdict(v) }, "", "match", "mismatch", "absent")
	checkTexts(t, func(v uint8) azure.CheckState { return azure.CheckState(v) }, "", "passed", "failed", "not-possible")
}

// The constants stand for the texts that their names say.
func TestConstants(t *testing.T) {
	for got, want := range map[fmt.Stringer]string{
		azure.PlatformWindows:   "windows",
		azure.PlatformIOS:       "ios",
		azure.PlatformIPadOS:    "ipados",
		azure.PlatformAndroid:   "android",
		azure.PlatformMacOS:     "macos",
		azure.OwnershipCompany:  "company",
		azure.OwnershipPersonal: "personal",
		azure.TriggerChange:     "change",
		azure.TriggerInventory:  "inventory",
		azure.TriggerRefresh:    "refresh",
		azure.TriggerSync:       "sync",
		azure.ScopeDevice:       "device",
		azure.ScopeTenant:       "tenant",
		azure.ScopeService:      "service",
		azure.OutcomeNotSent:    "not-sent",
		azure.OutcomeRefused:    "refused",
		azure.OutcomeUnknown:    "unknown",
		azure.RemovalMarked:     "marked",
		azure.RemovalProtected:  "protected",
		azure.RemovalDeleted:    "deleted",
		azure.RemovalAbsent:     "absent",
		azure.VerdictMatch:      "match",
		azure.VerdictMismatch:   "mismatch",
		azure.VerdictAbsent:     "absent",
		azure.CheckPassed:       "passed",
		azure.CheckFailed:       "failed",
		azure.CheckNotPossible:  "not-possible",
	} {
		if got.String() != want {
			t.Errorf("%T: String = %q, want %q", got, got, want)
		}
	}
}
