package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// The whole output of some runs. With UPDATE_GOLDEN=1 the files are written
// anew.
func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		name string
		code int
		run  func(t *testing.T) ended
	}{
		{"help", exitSuccess, func(t *testing.T) ended { return runWith(t.Context(), t, nil, nil, "-h") }},
		{"fleet", exitSuccess, func(t *testing.T) ended { return runWith(t.Context(), t, nil, nil) }},
		{"bad-fleet", exitPartial, func(t *testing.T) ended { return runWith(t.Context(), t, nil, nil, "-fleet", "bad-fleet.csv") }},
		{"apply", exitPartial, applied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.run(t)
			require.Equal(t, tc.code, got.code, got.stderr)
			text := got.stderr
			if text != "" {
				text = "standard error:\n" + text + "\nstandard output:\n"
			}
			text = steady(text + got.stdout)
			path := filepath.Join("testdata", tc.name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// applied is a run against the real Microsoft in which every kind of answer
// comes, in virtual time.
func applied(t *testing.T) (got ended) {
	fleet := writeFleet(t,
		windows(tenantA, "1", "none"), windows(tenantA, "2", "quarantine"), windows(tenantA, "3", "retire"),
		windows(tenantA, "4", "block-email"), windows(tenantA, "5", "none"), windows(tenantA, "9", "none"))
	synctest.Test(t, func(t *testing.T) {
		sim := microsoft(t, nil, withSecret())
		sim.UpdateDevice(tenantA, azureID("4"), func(d *azuresim.Device) { d.Restricted = true })
		sim.Inject(azuresim.Fault{Match: azuresim.ForDevice(azureID("5")), Reset: azuresim.ResetAfter})
		sim.Inject(azuresim.Fault{Match: azuresim.ForDevice(azureID("2")), Times: 1, Status: 429, Code: "TooManyRequests", RetryAfter: "2.128"})
		// The file's folder is the test's own and differs from run to run.
		t.Chdir(filepath.Dir(fleet))
		got = runWith(t.Context(), t, secretEnv(), sim.Client(), "-apply", "-delete-objects", "-fleet", filepath.Base(fleet))
	})
	return got
}

// steady takes out of an output what no two runs have in common.
func steady(text string) string {
	for _, change := range []struct{ pattern, with string }{
		{`\b\d\d:\d\d:\d\d\b`, "hh:mm:ss"},
		{`DETAILS, \d{4}-\d\d-\d\d`, "DETAILS, yyyy-mm-dd"},
		{`\d+ to Microsoft`, "NN to Microsoft"}, // how many go into a batch is a matter of time
		{`store     \S+`, "store     FILE"},
		{`(request-id|request id) [0-9a-f-]{36}`, "$1 ..."},
	} {
		text = regexp.MustCompile(change.pattern).ReplaceAllString(text, change.with)
	}
	return text
}
