package status_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/status"
)

// enumeration is what ReportState and BlankReason have in common, so that one
// set of rules can be checked on both.
type enumeration[T any] interface {
	~uint8
	fmt.Stringer
	encoding.TextAppender
	encoding.TextMarshaler
}

func checkTexts[T enumeration[T], P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, typeName string, texts []string) {
	t.Helper()
	for v, text := range texts {
		value, shown := T(v), text
		if v == 0 {
			shown = "unspecified"
		}
		if got := value.String(); got != shown {
			t.Errorf("String of %d = %q, want %q", v, got, shown)
		}
		if got, err := value.MarshalText(); err != nil || string(got) != text {
			t.Errorf("MarshalText of %d = %q, %v, want %q", v, got, err, text)
		}
		for _, spelling := range []string{text, strings.ToUpper(text), strings.ReplaceAll(text, "-", " "), strings.ReplaceAll(text, "-", "")} {
			got := T(1)
			if err := P(&got).UnmarshalText([]byte(spelling)); err != nil || got != value {
				t.Errorf("UnmarshalText(%q) = %v, %v, want %v", spelling, got, err, value)
			}
		}
		key, err := json.Marshal(map[T]int{value: 1})
		if err != nil || string(key) != `{"`+text+`":1}` {
			t.Errorf("as a map key %v is %s, %v", value, key, err)
		}
	}

	beyond := T(len(texts))
	name := fmt.Sprintf("%s(%d)", typeName, len(texts))
	if got := beyond.String(); got != name {
		t.Errorf("String of a number without a name = %q, want %q", got, name)
	}
	if got, err := beyond.AppendText([]byte("x")); err == nil || string(got) != "x" || !strings.Contains(err.Error(), name) {
		t.Errorf("AppendText of %s = %q, %v, want x and an error that names it", name, got, err)
	}

	got := T(1)
	if err := P(&got).UnmarshalText([]byte("nonsense")); err == nil || got != 0 || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("UnmarshalText(nonsense) = %v, %v, want the zero value and an error that quotes it", got, err)
	}
}

func TestReportStateTexts(t *testing.T) {
	checkTexts[status.ReportState](t, "ReportState", []string{"", "In-progress", "Successful", "Failed"})
}

func TestBlankReasonTexts(t *testing.T) {
	texts := []string{
		"", "off", "not-called-yet", "not-evaluated", "no-result-yet", "client-error", "no-id", "no-code",
		"nothing-to-remove", "no-answer", "error", "waits-for-sign-in", "held", "report-only", "no-channel", "superseded",
	}
	checkTexts[status.BlankReason](t, "BlankReason", texts)

	seen := map[string]status.BlankReason{}
	for v := range len(texts) + 1 {
		reason := status.BlankReason(v)
		description := reason.Description()
		named := v > 0 && v < len(texts)
		if named != (description != "") {
			t.Errorf("Description of %v = %q", reason, description)
		}
		if twin, twice := seen[description]; twice && named {
			t.Errorf("%v and %v have the same description", twin, reason)
		}
		seen[description] = reason
	}
}

func FuzzReportStateText(f *testing.F) { fuzzText[status.ReportState](f) }

func FuzzBlankReasonText(f *testing.F) { fuzzText[status.BlankReason](f) }

// fuzzText holds an enumeration to it that a text either is an error and sets
// the zero value, or reads back the same after being written.
func fuzzText[T enumeration[T], P interface {
	*T
	encoding.TextUnmarshaler
}](f *testing.F) {
	for _, s := range []string{"", "In-progress", "failed", "not called yet", "WAITS_FOR_SIGN_IN", "-", "9", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := T(1)
		if err := P(&v).UnmarshalText(text); err != nil {
			if v != 0 {
				t.Errorf("UnmarshalText(%q) failed and set %v", text, v)
			}
			return
		}
		written, err := v.MarshalText()
		if err != nil {
			t.Fatalf("UnmarshalText(%q) = %v, which cannot be written: %v", text, v, err)
		}
		again := T(1)
		if err := P(&again).UnmarshalText(written); err != nil || again != v {
			t.Errorf("%q = %v, written %q, read back %v, %v", text, v, written, again, err)
		}
	})
}
