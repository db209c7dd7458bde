package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/compliance"
)

type ended struct {
	code           int
	stdout, stderr string
}

func runWith(ctx context.Context, unsettle func(*azuresim.Simulator), args ...string) ended {
	var stdout, stderr bytes.Buffer
	p := program{stdout: &stdout, stderr: &stderr, unsettle: unsettle}
	code := p.run(ctx, args)
	return ended{code, stdout.String(), stderr.String()}
}

// The whole output. With UPDATE_GOLDEN=1 the file is written anew.
func TestGolden(t *testing.T) {
	var sim *azuresim.Simulator
	got := runWith(t.Context(), func(s *azuresim.Simulator) { sim = s })
	require.Equal(t, exitDone, got.code, got.stderr)
	require.Empty(t, got.stderr)
	path := filepath.Join("testdata", "onboarding.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got.stdout), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got.stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	for _, canary := range []string{"anna@", "ANNAS-PHONE", "PC-17"} {
		if strings.Contains(got.stdout, canary) {
			t.Errorf("%s is printed", canary)
		}
	}

	// What Microsoft holds in the end is what was said.
	phone, _ := sim.Device(tenantID, phoneID)
	pc, _ := sim.Device(tenantID, pcID)
	if phone.IsManaged == nil || *phone.IsManaged || *phone.IsCompliant || pc.DeletedAt.IsZero() {
		t.Errorf("the phone is %+v, the PC was deleted at %v", phone, pc.DeletedAt)
	}
	if tenant, known := sim.PartnerTenant(tenantID, clientID); !known || tenant.Provisioned != 2 {
		t.Errorf("the tenant is provisioned: %+v", tenant)
	}
	if policies := sim.PartnerPolicies(tenantID, clientID); len(policies) != 1 {
		t.Errorf("%d policies, want one", len(policies))
	}
	if strays := sim.Strays(); len(strays) != 0 {
		t.Errorf("requests went astray: %v", strays)
	}
	if n := len(sim.PartnerHistory(tenantID, phoneID)); n != 2 {
		t.Errorf("%d standings of the phone, want compliant and removed", n)
	}
}

// A step that fails is named, with what Microsoft said, and ends the run.
func TestFailures(t *testing.T) {
	inject := func(f azuresim.Fault) func(*azuresim.Simulator) {
		return func(sim *azuresim.Simulator) { sim.Inject(f) }
	}
	for _, tc := range []struct {
		name     string
		unsettle func(*azuresim.Simulator)
		stderr   string
	}{
		{"consent is refused", func(s *azuresim.Simulator) { s.SetAdministrator(tenantID, azuresim.Administrator{Refuses: true}) },
			"step 1, the administrator consents: intune: consent refused: permission_denied"},
		{"the state is forged", func(s *azuresim.Simulator) {
			s.SetAdministrator(tenantID, azuresim.Administrator{State: "forged"})
		}, "step 1, the administrator consents: intune: no such consent is pending"},
		{"provisioning fails inside a 200", inject(azuresim.Fault{Match: azuresim.ForPartnerTenants(), Partner: &azuresim.PartnerFault{HTTPStatusCode: 403, ErrorDetail: "no"}}),
			"step 3, the service provisions the tenant: intune: provision: not_provisioned"},
		{"no policy for the platform", func(s *azuresim.Simulator) {
			s.Inject(azuresim.Fault{Match: azuresim.ForPartnerPolicies(), Status: http.StatusForbidden})
		}, "step 4, it makes a compliance policy: intune: policy: forbidden"},
		{"the phone's message fails", func(s *azuresim.Simulator) {
			s.Decide(azuresim.MessageOutcome{Failed: true, ErrorCode: "17", ErrorDetail: "canary-detail"})
		}, "step 7, it reports a phone and a PC as compliant: intune: check: rejected (device, refused): 200 17"},
		{"the PC is in a restricted unit", func(s *azuresim.Simulator) {
			s.UpdateDevice(tenantID, pcID, func(d *azuresim.Device) { d.Restricted = true })
		}, "step 7, it reports a phone and a PC as compliant: graph: report: forbidden"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := runWith(t.Context(), tc.unsettle)
			if got.code != exitFailed || !strings.Contains(got.stderr, tc.stderr) {
				t.Errorf("exit code %d, stderr, want %q in it: %s", got.code, tc.stderr, got.stderr)
			}
			if strings.Contains(got.stderr, "canary") {
				t.Errorf("Microsoft's own detail is printed: %s", got.stderr)
			}
			if strings.Contains(got.stdout, "no answer above is Microsoft's") {
				t.Errorf("it went on:\n%s", got.stdout)
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"-h"}, exitDone, usage, ""},
		{[]string{"-nonsense"}, exitNotRun, "", "onboarding: flag provided but not defined: -nonsense\n"},
		{[]string{"now"}, exitNotRun, "", "onboarding: unexpected argument \"now\"\n"},
	} {
		if diff := cmp.Diff(ended{tc.code, tc.stdout, tc.stderr}, runWith(t.Context(), nil, tc.args...), cmp.AllowUnexported(ended{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tc.args, diff)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := runWith(ctx, nil); got.code != exitFailed || !strings.Contains(got.stderr, "step 1, the administrator consents: ") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputFails(t *testing.T) {
	var stderr bytes.Buffer
	p := program{stdout: brokenPipe{}, stderr: &stderr}
	if code := p.run(t.Context(), nil); code != exitFailed || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

// Two reports of one device never carry the same second.
func TestReportsOfOneDeviceDiffer(t *testing.T) {
	w, err := newWorld()
	require.NoError(t, err)
	defer w.close()
	s := &service{world: w}
	for range 3 {
		before := s.updatedAt
		_, _ = s.report(compliance.StateCompliant)(t.Context()) // refused: nobody consented
		if s.updatedAt.Unix() <= before.Unix() {
			t.Errorf("%v after %v", s.updatedAt, before)
		}
	}
}
