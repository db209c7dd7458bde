package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// The whole page. With UPDATE_GOLDEN=1 the file is written anew.
func TestWriteMetrics(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 1, 31, hour, 0, 0, 0, time.UTC) }
	var b strings.Builder
	writeMetrics(&b, reporting.Counters{
		Tenants: 2, Parked: 1, Devices: map[status.ReportState]int{status.Successful: 5, status.Failed: 1, status.ReportStateUnspecified: 2},
		Compliant: 4, Queued: map[string]int{"restrict": 1, "compliant": 2}, Failing: map[azure.Kind]int{azure.ErrThrottled: 1, "odd\"\n\\": 2},
		Held: 3, Overdue: 6, OldestRestrict: at(1), OldestConfirmed: at(2), Sent: 70, Failed: map[azure.Kind]int64{azure.ErrUnavailable: 8},
	}, []reporting.Tenant{
		{TenantID: tenantA, Mode: reporting.ModeOn, Since: at(1), LastSuccess: at(3), Unsent: 2},
		{TenantID: tenantB, Mode: reporting.ModePaused, Since: at(4), LastSuccess: at(3)},
	})
	path := filepath.Join("testdata", "metrics.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Name, labels, value: the text format has no more to it here.
	sample := regexp.MustCompile(`^[a-z_]+(\{([a-z]+="(\\["\\n]|[^"\\\n])*",?)+\})? -?\d+$`)
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "# ") && !sample.MatchString(line) {
			t.Errorf("not a sample: %s", line)
		}
	}
}

// However often somebody asks, it is counted every quarter of a minute.
func TestMetricsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "")
		tenants := func() string {
			return regexp.MustCompile(`(?m)^devicestatus_tenants \d+$`).FindString(b.want(200, "GET", "/metrics", ""))
		}
		got := []string{tenants()}
		b.want(200, "PUT", "/v1/tenants/"+tenantB, `{"account":"fabrikam","mode":"on"}`)
		got = append(got, tenants())
		time.Sleep(metricsAge) // virtual
		got = append(got, tenants())
		if diff := cmp.Diff([]string{"devicestatus_tenants 1", "devicestatus_tenants 1", "devicestatus_tenants 2"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What is served is described, what is described is served, and the alerts
// speak of samples that there are.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("service.go")
	require.NoError(t, err)
	find := func(pattern string, in []byte) []string {
		var all []string
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(in, -1) {
			all = append(all, string(m[1]))
		}
		return all
	}
	served := find(`HandleFunc\("([^"]+)"`, source)
	described := find("(?m)^\\| `([A-Z]+ /[^`?]*)", text)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("served, described (-want +got):\n%s", diff)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "metrics.golden"))
	require.NoError(t, err)
	alerts := find(`(devicestatus_[a-z_]+)`, text)
	require.NotEmpty(t, alerts)
	for _, name := range alerts {
		if !strings.Contains(string(golden), "# TYPE "+name+" ") {
			t.Errorf("README.md speaks of %s, which there is not", name)
		}
	}
}
