package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const head = "tenant,device,platform,actions\n"

func readString(text string) (fleet, error) { return readFleet(strings.NewReader(text)) }

// standings is what a fleet amounts to.
func standings(f fleet) map[string]compliance.State {
	all := map[string]compliance.State{}
	for _, d := range f.devices {
		all[d.hostID] = d.state()
	}
	return all
}

// The included fleet is what the usage promises: clean, and with one of each.
func TestIncludedFleet(t *testing.T) {
	f, err := readString(includedFleet)
	require.NoError(t, err)
	require.Empty(t, f.faults)
	require.Len(t, f.devices, 200)
	platforms, actions, codes, ids := map[azure.Platform]bool{}, map[compliance.Action]bool{}, map[status.ClientCode]bool{}, map[string]bool{}
	for _, d := range f.devices {
		platforms[d.platform], codes[d.code] = true, true
		for _, a := range d.actions {
			actions[a] = true
		}
		if d.azureID != "" && ids[d.azureID] {
			t.Errorf("%s: another device has the same Azure id", d.hostID)
		}
		ids[d.azureID] = true
	}
	for p := azure.PlatformWindows; p <= azure.PlatformMacOS; p++ {
		require.True(t, platforms[p], p)
	}
	for a := compliance.ActionSendAlert; a <= compliance.ActionRetire; a++ {
		require.True(t, actions[a], a)
	}
	for _, c := range []status.ClientCode{
		"", status.CodeSuccess, status.CodeInternalError, status.CodeWorkplaceJoinRequired, status.CodeInteractionRequired,
		status.CodeServerDeclinedScopes, status.CodeServerProtectionPoliciesRequired, status.CodeUserCancelled,
		status.CodeAccountLoggedOut, "Broker_Update_Required",
	} {
		require.True(t, codes[c], c)
	}
}

// Every row of the second file whose device begins with OK is used, whatever
// stands around it.
func TestBadFleetKeepsGoodRows(t *testing.T) {
	text, err := os.ReadFile("bad-fleet.csv")
	require.NoError(t, err)
	f, err := readString(string(text))
	require.NoError(t, err)
	got := standings(f)
	want := map[string]compliance.State{
		"OK-01": compliance.StateCompliant, "OK-02": compliance.StateRemoved, "OK-03": compliance.StateNonCompliant,
		"OK-04": compliance.StateCompliant, "OK-05": compliance.StateNonCompliant, "OK-06": compliance.StateCompliant,
		"OK-07": compliance.StateNonCompliant, "OK-08": compliance.StateNonCompliant, "OK-09": compliance.StateCompliant,
		"OK-10": compliance.StateUnspecified, "OK-11": compliance.StateCompliant,
	}
	bad := cmpopts.IgnoreMapEntries(func(host string, _ compliance.State) bool { return strings.HasPrefix(host, "BAD") })
	if diff := cmp.Diff(want, got, bad); diff != "" {
		t.Errorf("good devices (-want +got):\n%s", diff)
	}
	for _, host := range []string{"BAD-01", "BAD-03"} {
		require.Equal(t, compliance.StateNonCompliant, got[host], "an unknown action fails closed")
	}
	require.Equal(t, compliance.StateRemoved, got["BAD-02"], "an unknown action hides no Retire")
}

func TestRow(t *testing.T) {
	f, err := readString("Last Check-In,OS-VERSION,Device Name,user,actions,client code,azure_device_id,platform,device,tenant\r\n" +
		`2026-01-31T08:15:00+01:00,10.0.1,"Ada's ""spare"", PC",ada@contoso.example,Block Email; quarantine,user canceled,` +
		strings.ToUpper(azureID("1")) + ", Windows ,PC-1," + strings.ToUpper(tenantA) + "\r\n" +
		",,,EEEEEEEE-0000-4000-8000-000000000001,NONE,,,iPad OS,T-1," + tenantA)
	require.NoError(t, err)
	require.Empty(t, f.faults)
	want := []device{{
		line: 2, tenantID: tenantA, hostID: "PC-1", platform: azure.PlatformWindows, azureID: azureID("1"), code: status.CodeUserCancelled,
		upn: "ada@contoso.example", evaluated: true, actions: []compliance.Action{compliance.ActionBlockEmail, compliance.ActionQuarantine},
		inventory:   azure.Inventory{DeviceName: `Ada's "spare", PC`, OSVersion: "10.0.1"},
		lastCheckIn: time.Date(2026, 1, 31, 7, 15, 0, 0, time.UTC),
	}, {
		line: 3, tenantID: tenantA, hostID: "T-1", platform: azure.PlatformIPadOS, evaluated: true,
		userID: "eeeeeeee-0000-4000-8000-000000000001",
	}}
	if diff := cmp.Diff(want, f.devices, cmp.AllowUnexported(device{}, azure.Inventory{})); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

func TestNoUsableFile(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "the file is empty"},
		{"a byte order mark alone", "\ufeff", "the file is empty"},
		{"blank lines", "\n\r\n ,,\n", "the file is empty"},
		{"no header", tenantA + ",PC-1,windows,none\n", "line 1: no header: the first line names the columns, and these are missing: tenant, device, platform, actions"},
		{"columns missing", "tenant,device\n", "line 1: no header: the first line names the columns, and these are missing: platform, actions"},
		{"a column twice", "tenant,device,platform,Device,actions\n", "line 1: the column device is there twice"},
		{"semicolons", "tenant;device;platform;actions\n", "line 1: columns are separated by commas, not by semicolons or tabs"},
		{"UTF-16", "\xff\xfet\x00e\x00", "line 1: the file is UTF-16; save it as UTF-8"},
		{"bad quoting", "\n\"tenant,device\n", `line 2: extraneous or missing " in quoted-field at byte 15 (a quoted value ends on its line)`},
		{"one endless line", strings.Repeat("x", mostLine+1), fmt.Sprintf("line 1: longer than %d bytes", mostLine)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := readString(tc.text)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error %q, want %q", err, tc.want)
			}
			if len(f.devices)+f.rows != 0 {
				t.Errorf("%d rows of nothing", f.rows)
			}
		})
	}
}

func TestFileForms(t *testing.T) {
	row := tenantA + ",PC-1,windows,none"
	for _, tc := range []struct{ name, text string }{
		{"plain", head + row + "\n"},
		{"no end of line at the end", head + row},
		{"CR LF", strings.ReplaceAll(head+row+"\n", "\n", "\r\n")},
		{"byte order mark", "\ufeff" + head + row},
		{"blank lines", "\n" + head + "\n\r\n" + row + "\n,,,\n\n"},
		{"header quoted, in capitals", `"TENANT"," Device ",PLATFORM,ACTIONS` + "\n" + row},
		{"values quoted", head + `"` + strings.ReplaceAll(row, ",", `","`) + `"`},
		{"spaces around values", head + strings.ReplaceAll(row, ",", " ,  ")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := readString(tc.text)
			require.NoError(t, err)
			require.Empty(t, f.faults)
			want := map[string]compliance.State{"PC-1": compliance.StateCompliant}
			if diff := cmp.Diff(want, standings(f)); diff != "" || f.rows != 1 {
				t.Errorf("%d rows; standings (-want +got):\n%s", f.rows, diff)
			}
		})
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, text := range []string{"", head, head + tenantA + ",PC-1,windows,none\n"} {
		f, err := readFleet(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || len(f.devices) > 0 {
			t.Errorf("after %d bytes: %d devices, %v; want the reader's error alone", len(text), len(f.devices), err)
		}
	}
}

func TestStricterDuplicateCounts(t *testing.T) {
	states := []struct {
		actions string
		state   compliance.State
	}{{"", compliance.StateUnspecified}, {"none", compliance.StateCompliant}, {"quarantine", compliance.StateNonCompliant}, {"retire", compliance.StateRemoved}}
	for i, first := range states {
		for j, second := range states {
			f, err := readString(head + tenantA + ",PC,windows," + first.actions + "\n" + tenantB + ",PC,windows,none\n" + tenantA + ",PC,windows," + second.actions)
			require.NoError(t, err)
			require.Len(t, f.devices, 2, "another tenant's device is another device")
			require.Len(t, f.faults, 1)
			want := states[max(i, j)].state
			if got := f.devices[0].state(); got != want {
				t.Errorf("%v and %v: %v, want %v", first.state, second.state, got, want)
			}
		}
	}
}

// FuzzReadFleet holds reading to what it promises of any file: a row that is
// good by itself is used wherever it stands, no fault or error can disturb a
// terminal, and whatever is used can be planned and has valid details.
//
//	go test ./examples/quickstart -fuzz FuzzReadFleet -fuzztime 60s
func FuzzReadFleet(f *testing.F) {
	bad, err := os.ReadFile("bad-fleet.csv")
	if err != nil {
		f.Fatal(err)
	}
	// Line by line: of long seeds the fuzzer spends its time making them short.
	first, rest, _ := strings.Cut(string(bad), "\n")
	for line := range strings.Lines(rest) {
		if len(line) < 400 {
			f.Add(first + "\n" + line)
		}
	}
	for _, seed := range []string{"", "\ufeff", head, head + "\"", head + tenantA + ",PC,windows,none;;\n", "a;b\n", head + "\xff\xfe,\x00,,\n"} {
		f.Add(seed)
	}
	good := "ffffffff-0000-4000-8000-000000000001,GOOD,windows,quarantine"
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readString(text)
		if err != nil {
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("error %q", err)
			}
			return
		}
		refused, flawed := countFaults(got.faults)
		if used := len(got.devices); used+refused != got.rows || flawed > used {
			t.Errorf("%d rows, but %d used and %d refused; %d flawed", got.rows, used, refused, flawed)
		}
		for _, f := range got.faults {
			if strings.ContainsFunc(f.in("file"), unicode.IsControl) || len(f.in("file")) > 500 {
				t.Errorf("fault %q", f.in("file"))
			}
		}
		for _, r := range observed(t, got.devices) {
			if err := r.details.Validate(); err != nil {
				t.Errorf("line %d: %v", r.line, err)
			}
		}

		// The same rows, with a good one behind them.
		if !strings.HasPrefix(text, head) || strings.Contains(text, "GOOD") {
			return
		}
		more, err := readString(text + "\n" + good)
		if err != nil || !slices.ContainsFunc(more.devices, func(d device) bool { return d.hostID == "GOOD" }) {
			t.Errorf("a good row behind %q is lost: %v", text, err)
		}
	})
}

// observed is what the engine makes of devices, none of which it may refuse.
func observed(t *testing.T, devices []device) []*record {
	engine, err := newEngine(memstore.New(nil), fake.New(nil), false)
	require.NoError(t, err)
	taken, faults, err := observe(t.Context(), engine, "a", devices, time.Now())
	require.NoError(t, err)
	if len(faults) > 0 || len(taken) != len(devices) {
		t.Errorf("the engine refuses %v", faults)
	}
	records, err := read(t.Context(), engine, taken, false)
	require.NoError(t, err)
	return records
}
