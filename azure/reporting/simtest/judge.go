package simtest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// judge holds a world that was left quiet against the rules.
func (w *world) judge() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.azure.settle(time.Now())
	for _, k := range slices.SortedFunc(maps.Keys(w.rules.wishes), compareRefs) {
		t := w.rules.wishes[k]
		if w.rules.tenants[k.tenant].mode() != reporting.ModeOn {
			continue
		}
		w.judgeTarget(t)
	}
	engine, err := reporting.New(w.store, &line{p: &process{w: w, name: "judge"}}, &w.plan.options)
	if err != nil {
		w.wrong("an engine could not be made: %v", err)
		return
	}
	for _, k := range slices.SortedFunc(maps.Keys(w.rules.records), compareKeys) {
		d, err := engine.Device(context.Background(), k.tenant, k.host)
		if err != nil {
			w.wrong("the details of %s: %v", k.host, err)
			continue
		}
		w.judgeDetails(w.rules.records[k], d.Device)
	}
}

func compareRefs(a, b ref) int { return compareKeys(key{a.tenant, a.id}, key{b.tenant, b.id}) }

// judgeTarget: Azure's final standing is what the rules say.
func (w *world) judgeTarget(t *target) {
	s := t.now()
	o := w.azure.objects[t.ref]
	h := w.watch.history(t.ref)
	if s.aim == vague || s.aim == nothing {
		return
	}
	if o == nil {
		o = &object{platform: s.platform, pairs: map[string]*pair{}}
	}
	if h.refused.After(t.wishes[len(t.wishes)-1].at) {
		return // shown as failed: judgeDetails
	}
	standing := func(user string) compliance.State {
		if o.platform == azure.PlatformWindows {
			return o.windows
		}
		if p := o.pairs[user]; p != nil {
			return p.state
		}
		return compliance.StateUnspecified
	}
	gone := o.platform == azure.PlatformWindows && (!o.exists || o.hidden)
	closed := func(user string) {
		if len(t.ever) > 1 && standing(user) == compliance.StateNonCompliant {
			return // records disagreed about the user: not compliant is enough
		}
		if got := standing(user); got != compliance.StateRemoved && got != compliance.StateUnspecified && !gone {
			w.wrong("Azure ends with %s for %.8s of user %.4s, which nobody claims any more: %v", got, t.id, user, s)
		}
	}
	switch s.aim {
	case report:
		if gone {
			return
		}
		if got := standing(s.user); got != s.state {
			w.wrong("Azure ends with %s for %.8s, not %s: %v", got, t.id, s.state, s)
		}
		inventory := o.inventory
		if p := o.pairs[s.user]; p != nil {
			inventory = p.inventory
		}
		if !s.conflict && (s.inventory.DeviceName != "" && inventory.DeviceName != s.inventory.DeviceName || s.inventory.OSVersion != "" && inventory.OSVersion != s.inventory.OSVersion) {
			w.wrong("Azure ends with inventory %+q for %.8s, not %+q", inventory, t.id, s.inventory)
		}
		if age := time.Since(h.at); age > 7*24*time.Hour+15*time.Minute {
			w.wrong("%.8s was reported %v ago", t.id, age)
		}
	case remove:
		if got := standing(s.user); got != compliance.StateRemoved && !gone && got != compliance.StateUnspecified {
			w.wrong("Azure ends with %s for %.8s, not removed: %v", got, t.id, s)
		}
		after := w.plan.options.DeleteAfter
		if after == 0 {
			after = 72 * time.Hour
		}
		if o.platform == azure.PlatformWindows && o.exists && !o.hybrid && !o.hidden && after > 0 && len(t.ever) == 1 && o.windows == compliance.StateRemoved &&
			w.clock.store(time.Now()).Sub(s.removed) > after+3*24*time.Hour && !slices.ContainsFunc(w.plan.spells, func(p spell) bool { return p.kind == keepsObjects && p.tenant == t.tenant }) {
			w.wrong("the object of %.8s was not deleted, removed at %v: %v", t.id, s.removed, s)
		}
	case release:
		if o.platform == azure.PlatformWindows {
			closed("")
		}
	}
	for _, user := range slices.Sorted(maps.Keys(o.pairs)) {
		if user != s.user || s.aim == release {
			closed(user)
		}
	}
	if o.platform != azure.PlatformWindows && s.aim == report {
		var newest write
		for _, each := range o.writes {
			if !each.updated.Before(newest.updated) {
				newest = each
			}
		}
		if newest.state != s.state {
			w.wrong("the newest message of %.8s says %s, not %s", t.id, newest.state, s.state)
		}
	}
}

// glance looks at the details of a device in the middle of a world.
func (w *world) glance(d dice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rules.records) == 0 {
		return
	}
	k := pick(d, slices.SortedFunc(maps.Keys(w.rules.records), compareKeys)...)
	engine, err := reporting.New(w.store, &line{p: &process{w: w, name: "glance"}}, &w.plan.options)
	if err != nil {
		w.wrong("an engine could not be made: %v", err)
		return
	}
	got, err := engine.Device(context.Background(), k.tenant, k.host)
	if err == nil {
		err = got.Device.Validate()
	}
	if err != nil {
		w.wrong("the details of %s: %v: %+v", k.host, err, got.Device)
	}
	rec := w.rules.records[k]
	h := w.watch.history(ref{k.tenant, rec.azureID})
	if got.ComplianceStatus == status.Successful && h.message != "" && h.user == rec.user && w.plan.deaths == 0 && w.plan.storeFaults == 0 && w.plan.freezes == 0 && rec.state == h.state {
		w.wrong("the details of %s are successful, and its message is in progress: %+v", k.host, got.Device)
	}
}

// judgeDetails: what the administrator sees is what happened.
func (w *world) judgeDetails(rec *record, d status.Device) {
	fault := func(what string) {
		w.wrong("the details of %s (%s %s %q, id %.8s): %s: %+v", rec.host, rec.platform, rec.state, rec.code, rec.azureID, what, d)
	}
	mode := w.rules.tenants[rec.tenant].mode()
	if err := d.Validate(); err != nil {
		fault(err.Error())
	}
	if d.Explain() == "" {
		fault("no explanation")
	}
	if rec.gray || rec.lost != "" {
		return
	}
	if d.AzureDeviceID != rec.azureID {
		fault("another id")
	}
	if d.ClientCode != rec.code && !(rec.platform == azure.PlatformWindows && rec.code == "" && d.ClientCode == status.CodeSuccess) {
		fault("another code")
	}
	wants := func(s status.ReportState, why status.BlankReason) {
		if d.ComplianceStatus != s || d.Blank.ReportTime != why {
			fault("not " + s.String() + ", " + why.String())
		}
	}
	if mode == reporting.ModeOff {
		wants(status.ReportStateUnspecified, status.BlankOff)
		return
	}
	if mode != reporting.ModeOn {
		return
	}
	code := rec.code
	if code == "" && rec.platform == azure.PlatformWindows && rec.azureID != "" {
		code = status.CodeSuccess
	}
	if rec.azureID == "" {
		switch {
		case rec.state == compliance.StateRemoved:
			if d.Blank.ReportTime != status.BlankNothingToRemove {
				fault("not nothing to remove")
			}
		case rec.state == compliance.StateUnspecified:
			wants(status.InProgress, status.BlankNotEvaluated)
		case code == "":
			wants(status.InProgress, status.BlankNoResult)
		case code == status.CodeSuccess:
			wants(status.Failed, status.BlankNoID)
		default:
			wants(status.Failed, status.BlankClientError)
		}
		return
	}
	k := ref{rec.tenant, rec.azureID}
	t := w.rules.wishes[k]
	s := t.now()
	h := w.watch.history(k)
	o := w.azure.objects[k]
	if s.aim == vague {
		return
	}
	if s.conflict && rec.state != compliance.StateRemoved && s.enrolledWith(w.rules, rec) && !d.Conflict {
		fault("conflict is not as it is")
	}
	if s.claimants < 2 && rec.state != compliance.StateRemoved && d.Conflict {
		fault("a conflict that there is not")
	}
	if s.owner != rec.host || s.conflict {
		return
	}
	switch {
	case !h.refused.IsZero() && h.state != s.state && s.aim != hold: // what waits is not what was refused
		if d.ComplianceStatus == status.Successful {
			fault("successful, though it was refused")
		}
	case s.aim == report && h.message != "" && h.state == s.state && time.Since(h.began) < time.Hour && d.ComplianceStatus == status.InProgress:
		// The weekly report, of which Microsoft has not said what became.
	case s.aim == report && o != nil && (o.exists || o.platform != azure.PlatformWindows), s.aim == remove && len(t.ever) == 1 && len(t.users) < 2:
		if d.ComplianceStatus != status.Successful || d.LastReported.State != s.state || d.LastReported.AzureDeviceID != rec.azureID {
			fault("not successful")
			return
		}
		if s.aim == report && !h.unknown && d.ReportTime.Sub(h.at).Abs() > time.Second && d.ReportTime.Sub(w.clock.store(h.at)).Abs() > time.Second {
			fault("another time than " + h.at.String())
		}
	case s.aim == report:
		wants(status.Failed, status.BlankError)
	case s.aim == hold:
		if d.ComplianceStatus == status.Successful {
			if d.LastReported.State != compliance.StateCompliant {
				fault("successful, though compliant was never sent")
			}
		} else if rec.code != "" || rec.waits {
			wants(status.Failed, status.BlankWaitsForSignIn)
		}
	}
}

// enrolledWith reports whether a record is one of those between which nothing
// tells.
func (s wish) enrolledWith(r *rules, rec *record) bool {
	for _, other := range r.records {
		if other.tenant == rec.tenant && other.azureID == rec.azureID && newer(other, rec) {
			return false
		}
	}
	return true
}
