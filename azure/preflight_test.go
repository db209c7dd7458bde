package azure_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
)

// checked is a channel that says what it was asked.
type checked struct {
	*fake.Reporter
	name string
}

func (c checked) Preflight(_ context.Context, tenantID string, platforms ...azure.Platform) []azure.Finding {
	findings := []azure.Finding{{Check: c.name + ": " + tenantID, State: azure.CheckPassed}}
	for _, p := range platforms {
		findings = append(findings, azure.Finding{Check: c.name + ": " + p.String(), State: azure.CheckFailed})
	}
	return findings
}

func TestRouterPreflight(t *testing.T) {
	router := route(t,
		azure.Route{Reporter: checked{fake.New(nil), "graph"}, Platforms: []azure.Platform{azure.PlatformWindows}},
		azure.Route{Reporter: fake.New(nil), Platforms: []azure.Platform{azure.PlatformAndroid}},
		azure.Route{Reporter: checked{fake.New(nil), "intune"}, Platforms: []azure.Platform{azure.PlatformIOS, azure.PlatformIPadOS}})
	for _, tc := range []struct {
		name      string
		platforms []azure.Platform
		want      []string
	}{
		{"none", nil, nil},
		{"one channel", []azure.Platform{azure.PlatformWindows}, []string{"graph: t passed", "graph: windows failed"}},
		{
			"each is asked once, of its own, in the order of the routes",
			[]azure.Platform{azure.PlatformIPadOS, azure.PlatformWindows, azure.PlatformIOS},
			[]string{"graph: t passed", "graph: windows failed", "intune: t passed", "intune: ipados failed", "intune: ios failed"},
		},
		{
			"what nobody checks is said",
			[]azure.Platform{azure.PlatformMacOS, azure.PlatformAndroid, azure.PlatformIOS},
			[]string{"intune: t passed", "intune: ios failed", "router: a channel for android not-possible", "router: a channel for macos failed"},
		},
		{"no platform", []azure.Platform{azure.PlatformUnspecified}, []string{"router: a channel for unspecified failed"}},
	} {
		var got []string
		for _, f := range router.Preflight(t.Context(), "t", tc.platforms...) {
			got = append(got, f.Check+" "+f.State.String())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestFindingJSON(t *testing.T) {
	for _, tc := range []struct {
		finding azure.Finding
		want    string
	}{
		{azure.Finding{Check: "graph: token", State: azure.CheckPassed, Saw: "a token"}, `{"check":"graph: token","state":"passed","saw":"a token"}`},
		{
			azure.Finding{Check: "graph: read devices", State: azure.CheckNotPossible, Saw: "throttled", Advice: "wait", Err: &azure.Error{Kind: azure.ErrThrottled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused}},
			`{"check":"graph: read devices","state":"not-possible","saw":"throttled","advice":"wait","error":{"kind":"throttled","scope":"tenant","outcome":"refused"}}`,
		},
	} {
		text, err := json.Marshal(tc.finding)
		require.NoError(t, err)
		if diff := cmp.Diff(tc.want, string(text)); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
		var got azure.Finding
		require.NoError(t, json.Unmarshal(text, &got))
		if got.Check != tc.finding.Check || got.State != tc.finding.State || (got.Err == nil) != (tc.finding.Err == nil) {
			t.Errorf("read back as %+v", got)
		}
	}
}

// Microsoft's own sentence is for a page and not for a log.
func TestFindingInALog(t *testing.T) {
	var out bytes.Buffer
	f := azure.Finding{Check: "graph: token", State: azure.CheckFailed, Saw: "unauthorized", Err: &azure.Error{Kind: azure.ErrUnauthorized, Detail: "canary"}}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("checked", "finding", f)
	if text := out.String(); !strings.Contains(text, "graph: token") || strings.Contains(text, "canary") {
		t.Errorf("logged %s", text)
	}
}
