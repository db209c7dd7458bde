package prepare_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/prepare"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

const (
	tenant = "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80"
	device = "007c8232-9489-4074-9b35-345b16f0a72d"
	user   = "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11"
)

func valid() azure.Report {
	return azure.Report{TenantID: tenant, DeviceID: device, UserID: user, Platform: azure.PlatformIOS, State: compliance.StateCompliant}
}

func TestReportRefusesWhatValidateRefuses(t *testing.T) {
	r := valid()
	r.DeviceID, r.State = "x", 0
	got, notes, err := prepare.Report(r)
	if !errors.Is(err, azure.ErrInvalid) || err.Error() != r.Validate().Error() || got != (azure.Report{}) || notes != nil {
		t.Errorf("Report = %v, %v, %v, want the error of Validate and nothing else", got, notes, err)
	}
}

func TestReportCanonicalIDs(t *testing.T) {
	r := valid()
	r.ID = strings.ToUpper(tenant)
	r.TenantID, r.DeviceID, r.UserID = strings.ToUpper(tenant), strings.ToUpper(device), strings.ToUpper(user)
	got, notes, err := prepare.Report(r)
	require.NoError(t, err)
	want := valid()
	want.ID = tenant
	if got != want || notes != nil {
		t.Errorf("Report = %+v, notes %q, want %+v without notes", got, notes, want)
	}
}

func TestReportMakesAnID(t *testing.T) {
	first, _, err := prepare.Report(valid())
	require.NoError(t, err)
	second, _, err := prepare.Report(valid())
	require.NoError(t, err)
	if !guid.Valid(first.ID) || first.ID == second.ID {
		t.Errorf("made the ids %q and %q, want two different GUIDs", first.ID, second.ID)
	}
}

// What is fit to send already passes unchanged.
func TestReportKeepsTheRest(t *testing.T) {
	r := valid()
	r.ID = user
	r.UserPrincipalName, r.KeepObject, r.Trigger = "anna@contoso.example", true, azure.TriggerSync
	r.Inventory = azure.Inventory{DeviceName: "Ännas iPad", OSVersion: "17.5", Ownership: azure.OwnershipPersonal}
	r.LastCheckIn, r.UpdatedAt = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), time.Date(2026, 1, 31, 10, 0, 1, 0, time.UTC)
	got, notes, err := prepare.Report(r)
	require.NoError(t, err)
	if got != r || notes != nil {
		t.Errorf("Report = %v, notes %q, want it as it was", got, notes)
	}
}

func TestMending(t *testing.T) {
	// Outside the basic plane: one character, two UTF-16 code units.
	const smile = "\U0001f600"
	for _, tc := range []struct {
		name, in, want string
		note           string
	}{
		{"empty", "", "", ""},
		{"plain", "ANNAS-LAPTOP", "ANNAS-LAPTOP", ""},
		{"beyond ASCII", "Ännas " + smile, "Ännas " + smile, ""},
		{"256 characters", strings.Repeat("n", 256), strings.Repeat("n", 256), ""},
		{"300 characters", strings.Repeat("n", 300), strings.Repeat("n", 256), "DeviceName: 300 characters cut to 256"},
		{"256 of two bytes", strings.Repeat("ä", 256), strings.Repeat("ä", 256), ""},
		{"257 of two bytes", strings.Repeat("ä", 257), strings.Repeat("ä", 256), "DeviceName: 257 characters cut to 256"},
		{"128 pairs", strings.Repeat(smile, 128), strings.Repeat(smile, 128), ""},
		{"129 pairs", strings.Repeat(smile, 129), strings.Repeat(smile, 128), "DeviceName: 258 characters cut to 256"},
		{"a pair across the bound", strings.Repeat("n", 255) + smile, strings.Repeat("n", 255), "DeviceName: 257 characters cut to 255"},
		{"no room after the pair either", strings.Repeat("n", 255) + smile + "n", strings.Repeat("n", 255), "DeviceName: 258 characters cut to 255"},
		{"space at the bound", strings.Repeat("n", 255) + " nn", strings.Repeat("n", 255), "DeviceName: 258 characters cut to 255"},
		{"control characters", "A\x00N\nN\u0085A\x7f", "ANNA", "DeviceName: control characters, broken UTF-8 or outer space removed, 4 of 9 bytes left"},
		{"broken UTF-8", "AN\xff\xc3NA", "ANNA", "DeviceName: control characters, broken UTF-8 or outer space removed, 4 of 6 bytes left"},
		{"half a surrogate pair", "A\xed\xa0\xbdB", "AB", "DeviceName: control characters, broken UTF-8 or outer space removed, 2 of 5 bytes left"},
		{"a replacement character", "AN\ufffdNA", "ANNA", "DeviceName: control characters, broken UTF-8 or outer space removed, 4 of 7 bytes left"},
		{"outer space", " \tANNA\u00a0", "ANNA", "DeviceName: control characters, broken UTF-8 or outer space removed, 4 of 8 bytes left"},
		{"nothing left", "\x00\n ", "", "DeviceName: control characters, broken UTF-8 or outer space removed, 0 of 3 bytes left"},
	} {
		r := valid()
		r.Inventory.DeviceName = tc.in
		got, notes, err := prepare.Report(r)
		require.NoError(t, err, tc.name)
		var want []string
		if tc.note != "" {
			want = []string{tc.note}
		}
		if diff := cmp.Diff(tc.want, got.Inventory.DeviceName); diff != "" {
			t.Errorf("%s: name (-want +got):\n%s", tc.name, diff)
		}
		if diff := cmp.Diff(want, notes); diff != "" {
			t.Errorf("%s: notes (-want +got):\n%s", tc.name, diff)
		}
	}
}

// Several things mended at once, each with its note; the report still goes.
func TestMendingNotesEachField(t *testing.T) {
	r := valid()
	r.Inventory = azure.Inventory{DeviceName: "\x00" + strings.Repeat("n", 300), OSVersion: strings.Repeat("1.", 200), Ownership: 77}
	r.LastCheckIn = time.Date(12_026, 1, 1, 0, 0, 0, 0, time.UTC)
	got, notes, err := prepare.Report(r)
	require.NoError(t, err)
	want := []string{
		"DeviceName: control characters, broken UTF-8 or outer space removed, 300 of 301 bytes left",
		"DeviceName: 300 characters cut to 256",
		"OSVersion: 400 characters cut to 256",
		"Ownership: Ownership(77) is not an ownership, left out",
		"LastCheckIn: the year 12026 cannot be written, left out",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if got.Inventory.Ownership != azure.OwnershipUnspecified || !got.LastCheckIn.IsZero() {
		t.Errorf("Report = %v with ownership %v and check-in %v, want both left out", got, got.Inventory.Ownership, got.LastCheckIn)
	}
}

// Inventory and Report mend alike, so that a host's comparison of two carried
// inventories speaks of what is sent.
func TestInventory(t *testing.T) {
	in := azure.Inventory{DeviceName: " x\n", OSVersion: strings.Repeat("7", 999), Ownership: azure.OwnershipCompany}
	r := valid()
	r.Inventory = in
	sent, _, err := prepare.Report(r)
	require.NoError(t, err)
	if got := prepare.Inventory(in); got != sent.Inventory {
		t.Errorf("Inventory = %v, want %v as Report sends it", got, sent.Inventory)
	}
}

func FuzzMending(f *testing.F) {
	for _, s := range []string{"", "ANNAS-LAPTOP", " a\x00b\xff ", strings.Repeat("ä", 300), strings.Repeat("n", 255) + "\U0001f600", "\ufffd", "a\u2028b\u200b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := valid()
		r.Inventory.DeviceName = s
		sent, notes, err := prepare.Report(r)
		if err != nil {
			t.Fatalf("a name refused the report: %v", err)
		}
		got := sent.Inventory.DeviceName
		if !utf8.ValidString(got) || len(utf16.Encode([]rune(got))) > 256 || strings.ContainsFunc(got, unicode.IsControl) || got != strings.TrimSpace(got) {
			t.Errorf("mended to %q, which is not fit to send", got)
		}
		if again := prepare.Inventory(sent.Inventory); again != sent.Inventory {
			t.Errorf("mended %q again to %q", got, again.DeviceName)
		}
		if (got != s) != (len(notes) > 0) {
			t.Errorf("%q became %q with the notes %q", s, got, notes)
		}
		for _, note := range notes {
			if !strings.HasPrefix(note, "DeviceName: ") || strings.ContainsFunc(note, func(c rune) bool { return c > '~' || c < ' ' }) {
				t.Errorf("note %q", note)
			}
		}
		// Nothing is added or reordered: what is left is a subsequence.
		rest := []rune(s)
		for _, c := range got {
			at := slices.Index(rest, c)
			if at < 0 {
				t.Fatalf("mended %q to %q, which has more than it", s, got)
			}
			rest = rest[at+1:]
		}
	})
}
