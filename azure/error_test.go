package azure_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
)

// full is an error with everything in it; the sentence in Detail must show
// nowhere but in JSON.
func full() *azure.Error {
	return &azure.Error{
		Op: "graph: report", Kind: azure.ErrThrottled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused,
		StatusCode: 429, ErrorCode: "TooManyRequests", RequestID: user, ClientRequestID: device,
		RetryAfter: 90 * time.Second, Detail: "a sentence of Microsoft's", Err: errors.New("the cause"),
	}
}

func TestErrorText(t *testing.T) {
	for _, tc := range []struct {
		err  *azure.Error
		want string
	}{
		{full(), "graph: report: throttled (tenant, refused): 429 TooManyRequests, retry after 1m30s, request-id " + user + ", client-request-id " + device + ": the cause"},
		{&azure.Error{}, ""},
		{&azure.Error{Kind: azure.ErrRejected}, "rejected"},
		{&azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService}, "unavailable (service, unspecified)"},
		{&azure.Error{Op: "x", Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, ErrorCode: "AADSTS7000222"}, "x: unauthorized (tenant, not-sent) AADSTS7000222"},
		{&azure.Error{Kind: "own", Scope: 9, Outcome: 8, Err: context.Canceled}, "own (Scope(9), Outcome(8)): context canceled"},
	} {
		if diff := cmp.Diff(tc.want, tc.err.Error()); diff != "" {
			t.Errorf("Error (-want +got):\n%s", diff)
		}
	}
}

// Whatever Err, Op or Microsoft's codes hold, the text is one printable line of
// bounded length.
func TestErrorIsOneLine(t *testing.T) {
	for _, text := range []string{
		"two\nlines", "a\r\nb\tc\x00d\x1b[31m", "line\u2028separator\u0085next", "broken \xff\xfe text",
		strings.Repeat("ä", 5000), strings.Repeat("x", 5000), strings.Repeat("x", 1999) + "ä", strings.Repeat("\xf0\x9f\x98\x80", 600),
	} {
		for _, err := range []*azure.Error{
			{Kind: azure.ErrUnexpected, Err: errors.New(text)},
			{Kind: azure.ErrUnexpected, Op: text, ErrorCode: text, RequestID: text},
			{Kind: azure.Kind(text)},
		} {
			got := err.Error()
			if len(got) > 2000 || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x00\x1b\u2028\u0085") {
				t.Errorf("Error with %.20q has %d bytes: %q", text, len(got), got)
			}
			if len(text) > 2000 && len(got) < 1997 || len(text) == 5000 && len(got) != 2000 {
				t.Errorf("Error with %.20q has %d bytes; it was cut where it need not be", text, len(got))
			}
		}
	}
}

func TestErrorIs(t *testing.T) {
	kinds := []azure.Kind{
		azure.ErrInvalid, azure.ErrUnsupported, azure.ErrDeviceNotFound, azure.ErrUserNotFound, azure.ErrUnauthorized,
		azure.ErrForbidden, azure.ErrThrottled, azure.ErrUnavailable, azure.ErrConflict, azure.ErrRejected,
		azure.ErrUnexpected, azure.ErrCanceled,
	}
	texts := map[string]bool{}
	for _, kind := range kinds {
		err := fmt.Errorf("host: %w", &azure.Error{Kind: kind, Err: context.DeadlineExceeded})
		for _, other := range kinds {
			if got := errors.Is(err, other); got != (other == kind) {
				t.Errorf("errors.Is(%v, %v) = %v", err, other, got)
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("errors.Is(%v, context.DeadlineExceeded) = false, want its cause to be found", err)
		}
		if e, ok := errors.AsType[*azure.Error](err); !ok || e.Kind != kind {
			t.Errorf("errors.AsType(%v) = %v, %v", err, e, ok)
		}
		if text := kind.Error(); text == "" || texts[text] || strings.ContainsAny(text, " \n-") {
			t.Errorf("the text %q of a kind is empty, taken, or no label", text)
		}
		texts[kind.Error()] = true
	}
	if errors.Is(&azure.Error{Kind: azure.ErrInvalid}, errors.New("invalid")) {
		t.Error("an error of the same text is taken for the kind")
	}
}

func TestErrorJSON(t *testing.T) {
	for _, want := range []*azure.Error{full(), {Kind: azure.ErrConflict}, {Kind: "own", RetryAfter: 1500 * time.Millisecond}} {
		text, err := json.Marshal(want)
		require.NoError(t, err)
		var got *azure.Error
		require.NoError(t, json.Unmarshal(text, &got), "%s", text)
		sameText := cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })
		if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Err" },
			cmp.Comparer(func(a, b error) bool { return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error() }))); diff != "" {
			t.Errorf("JSON round trip of %s (-want +got):\n%s", text, diff)
		}
		if diff := cmp.Diff(error(want), error(got), sameText); diff != "" {
			t.Errorf("text after the round trip (-want +got):\n%s", diff)
		}
	}

	text, err := json.Marshal(full())
	require.NoError(t, err)
	want := `{"op":"graph: report","kind":"throttled","scope":"tenant","outcome":"refused","statusCode":429,"errorCode":"TooManyRequests",` +
		`"requestId":"` + user + `","clientRequestId":"` + device + `","detail":"a sentence of Microsoft's","retryAfter":"1m30s","cause":"the cause"}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}

	for _, bad := range []string{`{"scope":"galaxy"}`, `{"retryAfter":"soon"}`, `{"retryAfter":7}`, `[]`, `{`} {
		e := full()
		if err := json.Unmarshal([]byte(bad), e); err == nil {
			t.Errorf("json.Unmarshal(%s) = nil, want an error", bad)
		}
		if diff := cmp.Diff(full().Error(), e.Error()); diff != "" {
			t.Errorf("json.Unmarshal(%s) failed and changed its target (-want +got):\n%s", bad, diff)
		}
	}
	if _, err := json.Marshal(&azure.Error{Scope: 99}); err == nil {
		t.Error("json.Marshal of a scope without a name = nil, want an error")
	}
}

// Detail is for the administrator's eye: JSON holds it, no log and no verb of
// fmt does.
func TestErrorHidesDetail(t *testing.T) {
	e := full()
	for name, value := range map[string]any{
		"the error":         e,
		"wrapped":           fmt.Errorf("host: %w", e),
		"joined":            errors.Join(errors.New("other"), e),
		"in a receipt":      azure.Receipt{Channel: "graph", Failure: e},
		"behind a pointer":  &azure.Receipt{Channel: "graph", Failure: e},
		"a result":          azure.Result{Err: e},
		"a result with two": azure.Result{Err: e, Receipt: azure.Receipt{MessageID: device, Failure: e}},
	} {
		for _, shown := range everyShape(value) {
			if strings.Contains(shown, "sentence") {
				t.Errorf("%s shows Detail: %s", name, shown)
			}
		}
	}
	for _, shown := range everyLog(azure.Result{Err: e}) {
		if !strings.Contains(shown, "throttled (tenant, refused)") {
			t.Errorf("the log of a failed result does not say why: %s", shown)
		}
	}
}

// everyLog answers what the handlers of slog write of v.
func everyLog(v any) []string {
	var text, page bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&page, nil)).Info("m", "v", v)
	return []string{text.String(), page.String()}
}

// everyShape answers all that fmt and slog make of v.
func everyShape(v any) []string {
	return append(everyLog(v), fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v), fmt.Sprintf("%q", v))
}
