package azuresim_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// shown is isCompliant of a device in Entra: null, true or false.
func (w *partnerWorld) shown(device string) string {
	d, _ := w.sim.Device(partnerTenant, device)
	if d.IsCompliant == nil {
		return "null"
	}
	return fmt.Sprint(*d.IsCompliant)
}

// A message runs for a while, and Entra shows it a while later.
func TestMessageTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{
			ProcessingDelay: 30 * time.Second, DirectoryDelay: 10 * time.Second,
			Running: []string{"Pending", "Queued", "Processing"},
		}})
		w.sim.Provision(partnerTenant, w.app.ClientID)
		w.upload(t, messageA, content(standing{managed: true, compliant: true}))
		start := time.Now()
		type moment struct{ After, Status, Shown string }
		var got []moment
		for _, after := range []time.Duration{0, 10, 20, 29, 30, 39, 40} {
			time.Sleep(time.Until(start.Add(after * time.Second)))
			got = append(got, moment{time.Since(start).String(), w.status(t, messageA).inside(t).Status, w.shown(partnerMac)})
		}
		want := []moment{
			{"0s", "Pending", "null"}, {"10s", "Queued", "null"}, {"20s", "Processing", "null"}, {"29s", "Processing", "null"},
			{"30s", "Completed", "null"}, {"39s", "Completed", "null"}, {"40s", "Completed", "true"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		m, _ := w.sim.PartnerMessage(partnerTenant, messageA)
		e, _ := w.sim.PartnerStanding(partnerTenant, partnerMac)
		if m.AcceptedAt != start || m.SettledAt != start.Add(30*time.Second) || e.ShownAt != start.Add(40*time.Second) || m.Polls != 7 {
			t.Errorf("accepted %v, settled %v, shown %v, %d polls", m.AcceptedAt, m.SettledAt, e.ShownAt, m.Polls)
		}
	})
}

// Nobody needs to look for things to have happened when they were due.
func TestMessagesSettleUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{ReadLag: 20 * time.Second, Partner: azuresim.PartnerOptions{ProcessingDelay: time.Minute, DirectoryDelay: time.Minute}})
		w.sim.Consent(partnerTenant, w.app.ClientID, "Device.Read.All", "update_device_attributes", "Application.Read.All")
		w.sim.Provision(partnerTenant, w.app.ClientID)
		w.upload(t, messageA, content(standing{managed: true, compliant: true}))
		start := time.Now()
		read := func() any {
			r := w.graph(t, w.token(t), http.MethodGet, "/devices(deviceId='"+partnerMac+"')?$select=isCompliant", "")
			return r.document(t)["isCompliant"]
		}
		time.Sleep(2*time.Minute + 10*time.Second)
		if got := read(); got != nil {
			t.Errorf("a read that lags behind sees %v", got)
		}
		time.Sleep(10 * time.Second)
		if got := read(); got != true {
			t.Errorf("a read after the lag sees %v", got)
		}
		if e, _ := w.sim.PartnerStanding(partnerTenant, partnerMac); e.ShownAt != start.Add(2*time.Minute) {
			t.Errorf("shown %v after the start", e.ShownAt.Sub(start))
		}
	})
}

// LastUpdateTime decides, not the order of arrival or of settling.
func TestLastUpdateTimeOrders(t *testing.T) {
	const first, second, third = "2026-01-31T10:00:00Z", "2026-01-31T10:00:01Z", "2026-01-31T10:00:02Z"
	type sent struct {
		updated   string
		compliant bool
		delay     time.Duration // beyond the usual
	}
	tests := []struct {
		name  string
		sent  []sent
		kept  []bool // in the order of settling
		shown string
	}{
		{"in order", []sent{{first, true, 0}, {second, false, 0}}, []bool{true, true}, "false"},
		{"older later", []sent{{second, false, 0}, {first, true, 0}}, []bool{true, false}, "false"},
		{"equal", []sent{{first, false, 0}, {first, true, 0}}, []bool{true, false}, "false"},
		{"newest settles first", []sent{{first, true, 5 * time.Second}, {third, false, 0}, {second, true, time.Second}}, []bool{true, false, false}, "false"},
		{"a while back", []sent{{third, true, 0}, {first, false, 0}, {second, false, 0}}, []bool{true, false, false}, "true"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{ProcessingDelay: time.Second}})
				w.sim.Provision(partnerTenant, w.app.ClientID)
				for i, s := range test.sent {
					w.sim.Decide(azuresim.MessageOutcome{Times: 1, Delay: s.delay})
					id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i)
					if got := w.upload(t, id, content(standing{managed: true, compliant: s.compliant, updated: s.updated})).inside(t); got.ErrorCode != "202" {
						t.Fatalf("refused: %+v", got)
					}
				}
				time.Sleep(time.Minute)
				for _, m := range w.sim.PartnerMessages(partnerTenant) {
					if m.Status != "Completed" {
						t.Errorf("an older message is %q", m.Status)
					}
				}
				var kept []bool
				for i, e := range w.sim.PartnerHistory(partnerTenant, partnerMac) {
					kept = append(kept, e.Kept)
					if e.Number != i+1 || !e.Kept && !e.ShownAt.IsZero() {
						t.Errorf("entry %d: %+v", i, e)
					}
				}
				if diff := cmp.Diff(test.kept, kept); diff != "" {
					t.Errorf("kept (-want +got)\n%s", diff)
				}
				if got := w.shown(partnerMac); got != test.shown {
					t.Errorf("Entra shows %s, want %s", got, test.shown)
				}
			})
		})
	}
}

// A standing that a newer one overtook on its way to Entra never shows.
func TestOvertakenOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{DirectoryDelay: time.Minute}})
		w.sim.Provision(partnerTenant, w.app.ClientID)
		w.upload(t, messageA, content(standing{managed: true, compliant: true}))
		time.Sleep(30 * time.Second)
		w.upload(t, messageB, content(standing{managed: true, updated: "2026-01-31T10:00:01Z"}))
		time.Sleep(45 * time.Second)
		if got := w.shown(partnerMac); got != "null" {
			t.Errorf("Entra shows %s", got)
		}
		time.Sleep(15 * time.Second)
		if got := w.shown(partnerMac); got != "false" {
			t.Errorf("Entra shows %s", got)
		}
	})
}

func TestMessagesThatFail(t *testing.T) {
	tests := []struct {
		name string
		s    standing
		with func(w *partnerWorld)
		want partnerVerdict
	}{
		{name: "unknown device", s: standing{device: partnerGroup}, want: partnerVerdict{"Failed", "404", "DeviceNotFound: the directory has no such device."}},
		{name: "deleted device", with: func(w *partnerWorld) { w.sim.RemoveDevice(partnerTenant, partnerMac) },
			want: partnerVerdict{"Failed", "404", "DeviceNotFound: the directory has no such device."}},
		{name: "unknown user", s: standing{user: partnerGroup}, want: partnerVerdict{"Failed", "404", "UserNotFound: the directory has no such user."}},
		{name: "Windows", s: standing{system: "Windows"}, want: partnerVerdict{"Failed", "400", "UnsupportedPlatform: Os is none that the service takes."}},
		{name: "letter case of Os", s: standing{system: "MacOS"}, want: partnerVerdict{"Failed", "400", "UnsupportedPlatform: Os is none that the service takes."}},
		{name: "device of another platform", s: standing{device: partnerPhone}, want: partnerVerdict{"Failed", "400", "PlatformMismatch: Os does not fit the device in the directory."}},
		{name: "a PC that says it is a Mac", with: func(w *partnerWorld) {
			w.sim.UpdateDevice(partnerTenant, partnerMac, func(d *azuresim.Device) { d.OperatingSystem = "Windows" })
		}, want: partnerVerdict{"Failed", "400", "PlatformMismatch: Os does not fit the device in the directory."}},
		{name: "platform not registered", with: func(w *partnerWorld) {
			w.sim.RegisterPartner(partnerTenant, w.app.ClientID, azuresim.PartnerIOS)
		}, want: partnerVerdict{"Failed", "403", "PartnerNotRegistered: the tenant has not registered the partner for this platform."}},
		{name: "Android not registered", s: standing{system: "Android"}, with: func(w *partnerWorld) {
			w.sim.UpdateDevice(partnerTenant, partnerMac, func(d *azuresim.Device) { d.OperatingSystem = "AndroidForWork" })
		}, want: partnerVerdict{"Failed", "403", "PartnerNotRegistered: the tenant has not registered the partner for this platform."}},
		{name: "on script", with: func(w *partnerWorld) {
			w.sim.Decide(azuresim.MessageOutcome{Failed: true, ErrorCode: "5001", ErrorDetail: "ada@contoso.example is not licensed"})
		}, want: partnerVerdict{"Failed", "5001", "ada@contoso.example is not licensed"}},
		{name: "on script, no code", with: func(w *partnerWorld) { w.sim.Decide(azuresim.MessageOutcome{Failed: true}) }, want: partnerVerdict{"Failed", "500", ""}},
		{name: "script of another", with: func(w *partnerWorld) {
			w.sim.Decide(azuresim.MessageOutcome{Failed: true, Match: func(m azuresim.PartnerMessage) bool { return m.Reports[0].DeviceID == partnerPhone }})
		}, want: partnerVerdict{Status: "Completed"}},
		{name: "script withdrawn", with: func(w *partnerWorld) {
			remove := w.sim.Decide(azuresim.MessageOutcome{Failed: true})
			remove()
			remove()
		}, want: partnerVerdict{Status: "Completed"}},
		{name: "script used up", with: func(w *partnerWorld) {
			w.sim.Decide(azuresim.MessageOutcome{Failed: true, Times: 1})
			w.sim.Decide(azuresim.MessageOutcome{Times: 0})
			w.sim.Decide(azuresim.MessageOutcome{Failed: true, Match: func(azuresim.PartnerMessage) bool { return false }})
			w.upload(t, messageB, content(standing{device: partnerPhone, system: "iOS"}))
		}, want: partnerVerdict{Status: "Completed"}},
		{name: "never", with: func(w *partnerWorld) { w.sim.Decide(azuresim.MessageOutcome{Never: true}) }, want: partnerVerdict{Status: "Pending"}},
		{name: "iPad", s: standing{device: partnerPhone, system: "iPadOS", managed: true}, with: func(w *partnerWorld) {
			w.sim.UpdateDevice(partnerTenant, partnerPhone, func(d *azuresim.Device) { d.OperatingSystem = "IPad" })
		}, want: partnerVerdict{Status: "Completed"}},
		{name: "a text of the settings", s: standing{system: "mac"}, want: partnerVerdict{Status: "Completed"}},
		{name: "removal", s: standing{}, want: partnerVerdict{Status: "Completed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{
				OSTexts: map[string]azuresim.PartnerPlatform{"mac": azuresim.PartnerMacOS},
			}})
			w.sim.Provision(partnerTenant, w.app.ClientID)
			if test.with != nil {
				test.with(w)
			}
			if got := w.upload(t, messageA, content(test.s)).inside(t); got.ErrorCode != "202" {
				t.Fatalf("it was refused at once: %+v", got)
			}
			if diff := cmp.Diff(test.want, w.status(t, messageA).inside(t)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			device := test.s.device
			if device == "" {
				device = partnerMac
			}
			e, kept := w.sim.PartnerStanding(partnerTenant, device)
			if kept != (test.want.Status == "Completed") {
				t.Errorf("a standing: %v, %+v", kept, e)
			}
			if test.want.Status == "Failed" {
				h := w.sim.PartnerHistory(partnerTenant, device)
				if len(h) != 1 || h[0].Kept || h[0].ErrorCode != test.want.ErrorCode || !h[0].ShownAt.IsZero() {
					t.Errorf("history: %+v", h)
				}
			}
		})
	}
}

// The registration of a device takes a while to reach Intune.
func TestMessageBeforeReplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{ReplicationLag: time.Minute})
		w.sim.Provision(partnerTenant, w.app.ClientID)
		d, err := w.sim.RegisterDevice(partnerTenant, azuresim.Device{OperatingSystem: "macOS"})
		if err != nil {
			t.Fatal(err)
		}
		w.upload(t, messageA, content(standing{device: d.DeviceID}))
		time.Sleep(time.Minute)
		w.upload(t, messageB, content(standing{device: d.DeviceID}))
		if a, b := w.status(t, messageA).inside(t), w.status(t, messageB).inside(t); a.Status != "Failed" || b.Status != "Completed" {
			t.Errorf("before %+v, after %+v", a, b)
		}
	})
}

// A device that is deleted on the way is left alone.
func TestDeletedOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{HardDelete: true, Partner: azuresim.PartnerOptions{DirectoryDelay: time.Minute}})
		w.sim.Provision(partnerTenant, w.app.ClientID)
		w.upload(t, messageA, content(standing{managed: true}))
		w.sim.RemoveDevice(partnerTenant, partnerMac)
		time.Sleep(time.Minute)
		if e, _ := w.sim.PartnerStanding(partnerTenant, partnerMac); !e.Kept || !e.ShownAt.IsZero() {
			t.Errorf("%+v", e)
		}
	})
}

func TestMessageIDs(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.Provision(partnerTenant, w.app.ClientID)
	one, other := content(standing{managed: true}), content(standing{managed: true, compliant: true, updated: "2026-01-31T11:00:00Z"})
	w.upload(t, messageA, one)
	if got := w.upload(t, "AAAAAAAA-0000-4000-8000-00000000000A", one).inside(t); got.ErrorCode != "202" {
		t.Errorf("the same again: %+v", got)
	}
	if got := w.upload(t, messageA, other).inside(t); got.ErrorCode != "409" {
		t.Errorf("another Content: %+v", got)
	}
	if m, _ := w.sim.PartnerMessage(partnerTenant, messageA); m.Uploads != 2 || m.Content != one {
		t.Errorf("%d uploads", m.Uploads)
	}
	if h := w.sim.PartnerHistory(partnerTenant, partnerMac); len(h) != 1 {
		t.Errorf("history: %+v", h)
	}
	// Another partner's messages are nobody's business.
	stranger := w.sim.AddApplication(azuresim.Application{Secrets: []azuresim.Secret{{Value: "s3cret"}}, Roles: w.app.Roles})
	w.sim.Consent(partnerTenant, stranger.ClientID)
	w.app = stranger
	if got := w.status(t, messageA); got.verdict() != (verdict{404, "NotFound"}) {
		t.Errorf("a stranger sees %d %s", got.status, got.body)
	}
	if got := w.upload(t, messageB, one).inside(t); got.ErrorCode != "403" {
		t.Errorf("a stranger who did not provision: %+v", got)
	}
}

func TestMessagesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{
			MessageLifetime: time.Hour, UnknownMessage: azuresim.UnknownMessageFailed,
		}})
		w.sim.Provision(partnerTenant, w.app.ClientID)
		unknown := partnerVerdict{"Failed", "404", "There is no such message."}
		if got := w.status(t, messageA).inside(t); got != unknown {
			t.Errorf("never sent: %+v", got)
		}
		w.upload(t, messageA, content(standing{managed: true}))
		time.Sleep(time.Hour - time.Second)
		if got := w.status(t, messageA).inside(t); got.Status != "Completed" {
			t.Errorf("in time: %+v", got)
		}
		time.Sleep(time.Second)
		if got := w.status(t, messageA).inside(t); got != unknown {
			t.Errorf("too late: %+v", got)
		}
		if got := w.upload(t, messageA, content(standing{managed: true, updated: "2026-02-01T00:00:00Z"})).inside(t); got.ErrorCode != "202" {
			t.Errorf("the id again: %+v", got)
		}
		if got := len(w.sim.PartnerMessages(partnerTenant)); got != 2 {
			t.Errorf("%d messages", got)
		}
	})
}

// The oldest messages go first; what they did stays.
func TestMessagesAreBounded(t *testing.T) {
	w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{MessageLimit: 2}})
	w.sim.Provision(partnerTenant, w.app.ClientID)
	var ids []string
	for i := range 4 {
		ids = append(ids, fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i))
		w.upload(t, ids[i], content(standing{managed: true, updated: fmt.Sprintf("2026-01-31T10:00:%02dZ", i)}))
	}
	var known []string
	for _, m := range w.sim.PartnerMessages(partnerTenant) {
		known = append(known, m.ID)
	}
	if diff := cmp.Diff(ids[2:], known); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for i, want := range []int{404, 404, 200, 200} {
		if got := w.status(t, ids[i]).status; got != want {
			t.Errorf("message %d: got %d, want %d", i, got, want)
		}
	}
	if got := len(w.sim.PartnerHistory(partnerTenant, partnerMac)); got != 4 {
		t.Errorf("%d entries", got)
	}
}

// ErrorCode is a number, where the settings say so and it is one.
func TestNumericCodes(t *testing.T) {
	w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{NumericCodes: true}})
	w.sim.Provision(partnerTenant, w.app.ClientID)
	if got, want := w.upload(t, messageA, content(standing{})).body, `{"ErrorCode":202,"ErrorDetail":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w.sim.Decide(azuresim.MessageOutcome{Failed: true, ErrorCode: "Busy"})
	w.upload(t, messageB, content(standing{}))
	if got, want := w.status(t, messageB).body, `{"Status":"Failed","ErrorCode":"Busy","ErrorDetail":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Old entries of a device go first; what was answered stays as it was.
func TestPartnerHistoryIsBounded(t *testing.T) {
	w := newPartnerWorld(t, &azuresim.Options{HistoryLimit: 2})
	w.sim.Provision(partnerTenant, w.app.ClientID)
	for i := range 7 {
		id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i)
		w.upload(t, id, content(standing{managed: true, updated: fmt.Sprintf("2026-01-31T10:00:%02dZ", i)}))
	}
	got := w.sim.PartnerHistory(partnerTenant, partnerMac)
	want := []azuresim.PartnerEntry{{Number: 6, Kept: true}, {Number: 7, Kept: true}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(azuresim.PartnerEntry{}, "MessageID", "ClientID", "At", "Report", "ShownAt")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Many write, poll and look at once.
func TestPartnerConcurrency(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.Provision(partnerTenant, w.app.ClientID)
	address, header := w.devices(t), http.Header{"Authorization": {"Bearer " + w.partnerToken(t)}, "Content-Type": {"application/json"}}
	done := make(chan string)
	for i := range 16 {
		go func() {
			id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i)
			body := envelope(content(standing{managed: true, compliant: i == 7, updated: fmt.Sprintf("2026-01-31T10:00:%02dZ", i%8)}))
			at := address + "/DataUploadMessages(guid'" + id + "')?api-version=1.2"
			_, err := w.try(t, http.MethodPut, at, body, header)
			r, err2 := w.try(t, http.MethodGet, at, "", header)
			w.sim.Device(partnerTenant, partnerMac)
			w.sim.PartnerHistory(partnerTenant, partnerMac)
			done <- fmt.Sprint(err, err2, r.body)
		}()
	}
	for range 16 {
		if got, want := <-done, `<nil> <nil>{"Status":"Completed","ErrorCode":null,"ErrorDetail":null}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	e, _ := w.sim.PartnerStanding(partnerTenant, partnerMac)
	if got := e.Report.LastUpdate.Second(); got != 7 || w.shown(partnerMac) != fmt.Sprint(e.Report.Compliant) {
		t.Errorf("the newest is second %d, Entra shows %s", got, w.shown(partnerMac))
	}
}
