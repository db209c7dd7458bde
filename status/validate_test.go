package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

func TestValidateNamesTheField(t *testing.T) {
	valid := func() status.Device {
		return status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Successful, ClientCode: status.CodeSuccess, ReportTime: accepted,
			LastReported: last(compliance.StateCompliant, accepted, id),
		}
	}
	if err := valid().Validate(); err != nil {
		t.Fatalf("Validate of a valid Device: %v", err)
	}
	paris := time.FixedZone("CET", 3600)
	for _, tc := range []struct {
		name  string
		spoil func(*status.Device)
		want  []string
	}{
		{"blank id", func(d *status.Device) { d.AzureDeviceID = "" }, []string{"AzureDeviceID: blank without a reason"}},
		{"blank status", func(d *status.Device) { d.ComplianceStatus = 0 }, []string{"ComplianceStatus: blank without a reason"}},
		{"blank code", func(d *status.Device) { d.ClientCode = "" }, []string{"ClientCode: blank without a reason"}},
		{"blank time", func(d *status.Device) { d.ReportTime = time.Time{} },
			[]string{"ReportTime: blank without a reason", "ReportTime: blank, though ComplianceStatus is Successful"}},
		{"reason of an id", func(d *status.Device) { d.Blank.AzureDeviceID = status.BlankNoID },
			[]string{"AzureDeviceID: not blank, but has the reason no-id"}},
		{"reason of a time", func(d *status.Device) { d.Blank.ReportTime = status.BlankOff },
			[]string{"ReportTime: not blank, but has the reason off"}},
		{"reason without a name", func(d *status.Device) { d.ClientCode = ""; d.Blank.ClientCode = 99 },
			[]string{"ClientCode: BlankReason(99) has no text"}},
		{"status without a name", func(d *status.Device) { d.ComplianceStatus = 99 }, []string{"ComplianceStatus: ReportState(99) has no text"}},
		{"state without a name", func(d *status.Device) { d.LastReported.State = 99 }, []string{"LastReported.State: State(99) has no text"}},
		{"id that is no GUID", func(d *status.Device) { d.AzureDeviceID = "device\n1" },
			[]string{"AzureDeviceID: \"device\uFFFD1\" is not a GUID in lower case"}},
		{"id in upper case", func(d *status.Device) { d.LastReported.AzureDeviceID = strings.ToUpper(id) },
			[]string{`LastReported.AzureDeviceID: "007C8232-9489-4074-9B35-345B16F0A72D" is not a GUID in lower case`}},
		{"code not parsed", func(d *status.Device) { d.ClientCode = "success" }, []string{`ClientCode: not as parsed, which is "Success"`}},
		{"time not in UTC", func(d *status.Device) { d.ReportTime = accepted.In(paris) }, []string{"ReportTime: not in UTC"}},
		{"last time not in UTC", func(d *status.Device) { d.LastReported.Time = accepted.In(paris) }, []string{"LastReported.Time: not in UTC"}},
		{"another last time", func(d *status.Device) { d.LastReported.Time = earlier }, []string{"LastReported.Time: not the ReportTime, which is set"}},
		{"no last report", func(d *status.Device) { d.LastReported = status.LastReported{} }, []string{"LastReported.Time: not the ReportTime, which is set"}},
		{"nothing at all", func(d *status.Device) { *d = status.Device{} }, []string{
			"AzureDeviceID: blank without a reason", "ComplianceStatus: blank without a reason",
			"ClientCode: blank without a reason", "ReportTime: blank without a reason",
		}},
	} {
		d := valid()
		tc.spoil(&d)
		err := d.Validate()
		if err == nil {
			t.Errorf("%s: Validate = nil, want %q", tc.name, tc.want)
			continue
		}
		if diff := cmp.Diff(tc.want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", tc.name, diff)
		}
	}
}
