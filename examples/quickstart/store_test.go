package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// By default what a simulator was told lies beside what Microsoft was, not
// with it.
func TestStorePath(t *testing.T) {
	p := program{home: func() (string, error) { return "home", nil }}
	for want, real := range map[string]bool{"home/devicestatus/quickstart.db": true, "home/devicestatus/quickstart-simulated.db": false} {
		got, err := p.storePath("", real)
		require.NoError(t, err)
		if filepath.ToSlash(got) != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, err = p.storePath("mine.db", real); err != nil || got != "mine.db" {
			t.Errorf("%s, %v, want mine.db", got, err)
		}
	}
	p.home = func() (string, error) { return "", errors.New("$HOME is not defined") }
	if _, err := p.storePath("", true); err == nil || !strings.Contains(err.Error(), "-store") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}

// What was only looked at is not kept, and shows what is left to be sent.
func TestShownIsNotKept(t *testing.T) {
	sim := microsoft(t, nil, withSecret())
	store := filepath.Join(t.TempDir(), "store.db")
	run := func(rows []string, args ...string) ended {
		return runWith(t.Context(), t, secretEnv(), sim.Client(), append(args, "-store", store, "-fleet", writeFleet(t, rows...))...)
	}
	good, retired := []string{windows(tenantA, "1", "none"), windows(tenantA, "2", "none")}, []string{windows(tenantA, "1", "retire"), windows(tenantA, "2", "retire")}

	got := run(retired)
	require.Equal(t, exitSuccess, got.code, got.stderr)
	require.Contains(t, got.stdout, "0 to Microsoft for 2 reports")
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was looked at made a store: %v", err)
	}
	require.Equal(t, exitSuccess, run(good, "-apply").code)
	got = run(retired[:1])
	require.Contains(t, got.stdout, "0 to Microsoft for 1 report\n")
	require.Contains(t, got.stdout, "1 device of earlier files not in this one")
	got = run(good)
	require.Contains(t, got.stdout, "0 to Microsoft for 0 reports")

	// A removal is final, so that one that was kept would show here.
	require.Equal(t, exitSuccess, run(good, "-apply").code)
	for _, n := range []string{"1", "2"} {
		if d, _ := sim.Device(tenantA, azureID(n)); !*d.IsCompliant || sim.WriteCount(tenantA, azureID(n)) != 1 {
			t.Errorf("device %s: compliant %v after %d writes", n, *d.IsCompliant, sim.WriteCount(tenantA, azureID(n)))
		}
	}
}

// A store of reports to one is not taken for one of reports to another.
func TestForeignStore(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store.db")
	args := []string{"-store", store, "-fleet", writeFleet(t, windows(tenantA, "1", "none"))}
	require.Equal(t, exitSuccess, runWith(t.Context(), t, nil, nil, args...).code)
	for _, more := range [][]string{{"-apply"}, nil} {
		got := runWith(t.Context(), t, secretEnv(), nil, append(more, args...)...)
		if got.code != exitFailure || !strings.Contains(got.stderr, "-store says another file") {
			t.Errorf("%v: exit code %d: %s", more, got.code, got.stderr)
		}
	}
}

// Tenants that the file does not name are left alone, whatever the store still
// has to send for them.
func TestOtherTenantsWait(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { otherTenantsWait(t, filepath.Join(dir, "store.db")) })
}

func otherTenantsWait(t *testing.T, store string) {
	sim := microsoft(t, nil, withSecret())
	sim.Consent(tenantB, clientID)
	sim.AddDevice(tenantB, azuresim.Device{DeviceID: azureID("6")})
	run := func(to policy.Transporter, tenantID string, rows ...string) ended {
		env := with(secretEnv(), envTenant, tenantID)
		return runWith(t.Context(), t, env, to, "-apply", "-store", store, "-fleet", writeFleet(t, rows...))
	}
	// Tenant B is kept, and cannot be sent now.
	undo := sim.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Status: 503})
	require.Equal(t, exitFailure, run(sim.Client(), tenantB, windows(tenantB, "6", "none")).code)
	undo()
	// A device that Azure does not know keeps the next run going for a minute.
	require.Equal(t, exitPartial, run(sim.Client(), tenantA, windows(tenantA, "1", "none"), windows(tenantA, "9", "none")).code)
	if a, b := sim.WriteCount(tenantA, azureID("1")), sim.WriteCount(tenantB, azureID("6")); a != 1 || b != 0 {
		t.Errorf("%d writes in the file's tenant, %d in the other, want 1 and 0", a, b)
	}
	require.Equal(t, exitSuccess, run(sim.Client(), tenantB, windows(tenantB, "6", "none")).code)
	if n := sim.WriteCount(tenantB, azureID("6")); n != 1 {
		t.Errorf("%d writes once it is the file's tenant, want 1", n)
	}
}

// What was mended is tried at once, however long it would have waited.
func TestMended(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sim := microsoft(t, nil, withSecret())
		args := []string{"-apply", "-store", filepath.Join(dir, "store.db"), "-fleet", writeFleet(t, windows(tenantA, "1", "none"))}
		got := runWith(t.Context(), t, with(secretEnv(), envSecret, "wrong"), sim.Client(), args...)
		require.Equal(t, exitFailure, got.code, got.stderr)
		began := time.Now()
		got = runWith(t.Context(), t, secretEnv(), sim.Client(), args...)
		if took := time.Since(began); got.code != exitSuccess || took > 10*time.Second { // virtual
			t.Errorf("exit code %d after %v", got.code, took)
		}
	})
}

// Many devices that are retired at once wait for somebody to say that it is
// meant.
func TestManyRetired(t *testing.T) {
	sim := microsoft(t, nil, withSecret())
	id := func(n int) string { return fmt.Sprintf("dddddddd-0000-4000-8000-%012d", 1000+n) }
	for n := range 30 {
		sim.AddDevice(tenantA, azuresim.Device{DeviceID: id(n)})
	}
	rows := func(actions string) (rows []string) {
		for n := range 30 {
			rows = append(rows, fmt.Sprintf("%s,PC-%d,windows,%s,,,%s,,,", tenantA, n, id(n), actions))
		}
		return rows
	}
	store := filepath.Join(t.TempDir(), "store.db")
	run := func(actions string, args ...string) ended {
		return runWith(t.Context(), t, secretEnv(), sim.Client(), append(args, "-apply", "-store", store, "-fleet", writeFleet(t, rows(actions)...))...)
	}
	removed := func() (n int) {
		for _, d := range sim.Devices(tenantA) {
			if d.IsManaged != nil && !*d.IsManaged {
				n++
			}
		}
		return n
	}
	var got []int
	for _, step := range []struct {
		actions string
		args    []string
		code    int
		says    string
	}{
		{"none", nil, exitSuccess, ""},
		{"retire", nil, exitFailure, "30 devices: the removal is held, for too many were retired at once."},
		{"retire", []string{"-approve"}, exitSuccess, ""},
	} {
		ran := run(step.actions, step.args...)
		if ran.code != step.code || !strings.Contains(ran.stdout, step.says) {
			t.Errorf("%s %v: exit code %d, want %d:\n%s%s", step.actions, step.args, ran.code, step.code, ran.stderr, ran.stdout)
		}
		got = append(got, removed())
	}
	if diff := cmp.Diff([]int{0, 0, 30}, got); diff != "" {
		t.Errorf("removed after each run (-want +got):\n%s", diff)
	}
}
