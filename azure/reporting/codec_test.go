package reporting

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

func TestPointerComesBack(t *testing.T) {
	for _, p := range []pointer{
		{target: azureID1, digest: [16]byte{1, 2, 3}, seen: noon.UnixMicro(), strict: true},
		{target: unlinked("a/b\xff"), seen: -1},
		{target: strings.Repeat("x", 200)},
	} {
		got, err := decodePointer(Row{Version: 1, Data: p.encode()})
		if diff := cmp.Diff(p, got, cmp.AllowUnexported(pointer{})); err != nil || diff != "" {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
	if p, err := decodePointer(Row{}); err != nil || p != (pointer{}) {
		t.Errorf("of no row: %v, %v", p, err)
	}
	for _, bad := range []string{"", "\x01", "{}", "\x02" + strings.Repeat("x", 100)} {
		if _, err := decodePointer(Row{Key: Key{kindDevice, azureID1, "pc-1"}, Version: 1, Data: []byte(bad)}); err == nil || !strings.Contains(err.Error(), "pc-1") {
			t.Errorf("%q: %v, want an error that names the device", bad, err)
		}
	}
}

// Whatever is in a pointer's row, reading it does not panic, and what can be
// read is written the same.
func FuzzPointer(f *testing.F) {
	p := pointer{target: azureID1, seen: 5}
	f.Add(p.encode(), int64(5))
	f.Add([]byte("{}"), int64(0))
	f.Add([]byte{}, int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, seen int64) {
		row := Row{Version: 1, Data: data}
		o := Observation{DeviceID: "d", Platform: azure.PlatformIOS, SeenAt: time.UnixMicro(seen % (1 << 50))}
		known := knows(row, &o, noon)
		p, err := decodePointer(row)
		if err != nil {
			if known {
				t.Error("a row that cannot be read counts as known")
			}
			return
		}
		again, err := decodePointer(Row{Version: 1, Data: p.encode()})
		if err != nil || again != p {
			t.Errorf("%v: %+v, want %+v", err, again, p)
		}
	})
}

// What an observation says nothing new beside: the same, not much later.
func TestKnows(t *testing.T) {
	o := Observation{Account: "a", TenantID: azureID1, DeviceID: "d", Platform: azure.PlatformIOS, State: compliant, SeenAt: noon}
	row := func(strict bool, seen time.Time) Row {
		p := pointer{target: azureID1, digest: o.digest(), seen: seen.UnixMicro(), strict: strict}
		return Row{Version: 1, Data: p.encode()}
	}
	for _, tc := range []struct {
		name   string
		strict bool
		seen   time.Time // what is known
		change func(o *Observation)
		now    time.Time
		want   bool
	}{
		{"the same", false, noon, nil, noon, true},
		{"the same, of a device that is not compliant", true, noon, nil, noon, true},
		{"a bit later", false, noon.Add(-time.Minute), nil, noon, true},
		{"a bit later, of a device that is not compliant", true, noon.Add(-time.Minute), nil, noon, false},
		{"an hour later", false, noon.Add(-time.Hour), nil, noon, false},
		{"earlier", true, noon.Add(time.Minute), nil, noon, true},
		{"another name", false, noon, func(o *Observation) { o.Inventory.DeviceName = "x" }, noon, false},
		{"another state", false, noon, func(o *Observation) { o.State = nonCompliant }, noon, false},
		{"another spelling of the id", false, noon, func(o *Observation) { o.TenantID = strings.ToUpper(o.TenantID) }, noon, true},
		{"known under a clock that was set back", false, noon.Add(time.Hour), nil, noon, false},
	} {
		seen := o
		if tc.change != nil {
			tc.change(&seen)
		}
		if got := knows(row(tc.strict, tc.seen), &seen, tc.now); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// Two observations that differ in anything that matters have two digests, also
// where one field's end could be another's beginning.
func TestDigest(t *testing.T) {
	seen := map[[16]byte]string{}
	for name, change := range map[string]func(o *Observation){
		"none": func(*Observation) {}, "account": func(o *Observation) { o.Account = "b" },
		"enrolment": func(o *Observation) { o.EnrollmentID = "x" }, "enrolled": func(o *Observation) { o.EnrolledAt = noon },
		"azure id": func(o *Observation) { o.AzureDeviceID = azureID2 }, "code": func(o *Observation) { o.ClientCode = "x" },
		"user": func(o *Observation) { o.UserID = userID1 }, "upn": func(o *Observation) { o.UserPrincipalName = "x" },
		"name": func(o *Observation) { o.Inventory.DeviceName = "x" }, "version": func(o *Observation) { o.Inventory.OSVersion = "x" },
		"name, version": func(o *Observation) { o.Inventory.DeviceName, o.Inventory.OSVersion = "x", "x" },
		"longer name":   func(o *Observation) { o.Inventory.DeviceName = "xx" },
		"ownership":     func(o *Observation) { o.Inventory.Ownership = azure.OwnershipCompany },
		"platform":      func(o *Observation) { o.Platform = azure.PlatformIPadOS }, "state": func(o *Observation) { o.State = removed },
	} {
		o := Observation{Account: "a", Platform: azure.PlatformIOS}
		change(&o)
		if was, there := seen[o.digest()]; there {
			t.Errorf("%s and %s have one digest", name, was)
		}
		seen[o.digest()] = name
	}
	same := Observation{Account: "a", Platform: azure.PlatformIOS, SeenAt: noon, LastCheckIn: noon, ClientCode: "user canceled"}
	other := Observation{Account: "a", Platform: azure.PlatformIOS, ClientCode: "User_Cancelled"}
	if same.digest() != other.digest() {
		t.Error("times or spellings make a difference")
	}
}
