package simtest

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// ref names a device at Microsoft.
type ref struct{ tenant, id string }

// lane is what has a quota of its own: a tenant and a channel.
type lane struct{ tenant, channel string }

const (
	graph   = "graph"
	partner = "intune"
)

func channelOf(p azure.Platform) string {
	if p == azure.PlatformWindows {
		return graph
	}
	return partner
}

// microsoft is what Azure holds, by its own rules: on Windows the last write to
// arrive is kept; on other platforms the message with the newest
// LastUpdateTime, for each pair of device and user. The world's lock guards it.
type microsoft struct {
	objects  map[ref]*object
	messages map[string]*message
	open     []*message // accepted and not processed yet
	meters   map[lane]*meter
	writes   int
}

// object is one device.
type object struct {
	platform azure.Platform
	exists   bool
	hybrid   bool
	deleted  int
	hidden   bool // a removal was told that it is not there, while it only could not be found

	// windows is the standing of a Windows device, StateUnspecified where
	// nobody has written since it was registered; pairs that of others, by
	// user.
	windows   compliance.State
	inventory azure.Inventory
	pairs     map[string]*pair

	writes []write // in the order in which they took effect
}

type pair struct {
	state     compliance.State
	updated   time.Time
	inventory azure.Inventory
}

// write is one report that reached Microsoft and took effect.
type write struct {
	n       int
	at      time.Time
	state   compliance.State
	user    string
	updated time.Time
	kept    bool // it was the newest then
}

// message is a report that the partner services took.
type message struct {
	ref
	report  azure.Report
	updated time.Time
	settles time.Time // when it is processed
	failed  bool      // its verdict: it has no effect
	unknown bool      // nobody knows of it when asked
	n       int
	done    bool
}

func newMicrosoft() *microsoft {
	return &microsoft{objects: map[ref]*object{}, messages: map[string]*message{}, meters: map[lane]*meter{}}
}

func (m *microsoft) object(k ref, p azure.Platform) *object {
	o := m.objects[k]
	if o == nil {
		o = &object{platform: p, pairs: map[string]*pair{}}
		m.objects[k] = o
	}
	return o
}

// register makes the object of a device, anew where it was deleted.
func (m *microsoft) register(k ref, p azure.Platform, hybrid bool) {
	o := m.object(k, p)
	if !o.exists {
		o.windows, o.inventory = compliance.StateUnspecified, azure.Inventory{}
	}
	o.exists, o.hybrid = true, hybrid
}

// patch is a write through Microsoft Graph.
func (m *microsoft) patch(r azure.Report) (found bool) {
	o := m.objects[ref{r.TenantID, canonical(r.DeviceID)}]
	if o == nil || !o.exists {
		return false
	}
	m.writes++
	o.windows = r.State
	if i := mended(r.Inventory); r.State != compliance.StateRemoved {
		o.inventory.DeviceName = cmp.Or(i.DeviceName, o.inventory.DeviceName)
		o.inventory.OSVersion = cmp.Or(i.OSVersion, o.inventory.OSVersion)
	}
	o.writes = append(o.writes, write{n: m.writes, at: time.Now(), state: r.State, updated: r.UpdatedAt, kept: true})
	return true
}

// accept is a message's 202.
func (m *microsoft) accept(id string, r azure.Report, settles time.Time, failed, unknown bool) {
	m.writes++
	g := &message{
		ref: ref{r.TenantID, canonical(r.DeviceID)}, report: r, n: m.writes, settles: settles, failed: failed, unknown: unknown,
		updated: r.UpdatedAt.UTC().Truncate(time.Second), // as RFC 3339 with whole seconds
	}
	m.messages[id] = g
	m.open = append(m.open, g)
}

// settle processes the messages that are due by now, in the order in which
// that happens at Microsoft.
func (m *microsoft) settle(now time.Time) {
	slices.SortStableFunc(m.open, func(a, b *message) int { return a.settles.Compare(b.settles) })
	for len(m.open) > 0 && !m.open[0].settles.After(now) {
		g := m.open[0]
		m.open = m.open[1:]
		g.done = true
		if g.failed {
			continue
		}
		o := m.object(g.ref, g.report.Platform)
		user := userOf(g.report)
		p := o.pairs[user]
		if p == nil {
			p = &pair{}
			o.pairs[user] = p
		}
		newest := !g.updated.Before(p.updated)
		if newest {
			p.state, p.updated = g.report.State, g.updated
			i := mended(g.report.Inventory)
			p.inventory.DeviceName = cmp.Or(i.DeviceName, p.inventory.DeviceName)
			p.inventory.OSVersion = cmp.Or(i.OSVersion, p.inventory.OSVersion)
		}
		o.writes = append(o.writes, write{n: g.n, at: g.settles, state: g.report.State, user: user, updated: g.updated, kept: newest})
	}
}

// userOf names the user of a report on the partner channel.
func userOf(r azure.Report) string {
	if r.UserID != "" {
		return canonical(r.UserID)
	}
	return r.UserPrincipalName
}

func canonical(id string) string { return strings.ToLower(id) }

// mended is an inventory as the channels send it: without what no directory
// shows, and cut to 256 characters.
func mended(i azure.Inventory) azure.Inventory {
	return azure.Inventory{DeviceName: mendedText(i.DeviceName), OSVersion: mendedText(i.OSVersion)}
}

func mendedText(s string) string {
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == utf8.RuneError || unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "")))
	left := 256
	for at, c := range s {
		if left -= utf16.RuneLen(c); left < 0 {
			return strings.TrimSpace(s[:at])
		}
	}
	return s
}
