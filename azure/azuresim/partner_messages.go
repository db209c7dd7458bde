package azuresim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// PartnerMessage is a message about devices that the partner services
// accepted.
type PartnerMessage struct {
	ID       string // in lower case
	TenantID string
	ClientID string
	Request  int    // number in the ledger of the request that was accepted
	Content  string // as received
	Reports  []PartnerReport

	AcceptedAt time.Time
	SettledAt  time.Time // when its status became final; zero: it is still running
	Status     string    // Completed or Failed; empty while it is running
	// ErrorCode and ErrorDetail say why it is Failed.
	ErrorCode   string
	ErrorDetail string

	Uploads int // how often it was accepted, the first time included
	Polls   int // how often its status was asked for
}

// message is a PartnerMessage with what is going to become of it.
type message struct {
	PartnerMessage
	scripted *MessageOutcome
}

// upload answers PUT DataUploadMessages(guid'…').
func (x *exchange) upload(route partnerRoute) answer {
	body, refused := x.partnerBody()
	if refused != nil {
		return *refused
	}
	t, options := x.caller.tenant, &x.sim.options.Partner
	if body.guid("TenantId") != t.info.ID {
		body.blame("TenantId", "is not the tenant of the token")
	}
	body.utc("UploadTime")
	content := body.text("Content")
	if err := body.done(); err != nil {
		return x.verdict(partnerBadContent, err.Error())
	}
	if limit := options.MaxContentBytes; limit > 0 && len(content) > limit {
		return x.verdict(partnerTooLong, "Content is too long")
	}
	reader := &contentReader{tenantID: t.info.ID, many: options.ManyDevices}
	reports, err := reader.read(content)
	if err != nil {
		return x.verdict(partnerBadContent, err.Error())
	}
	m := &message{PartnerMessage: PartnerMessage{
		ID: route.key, TenantID: t.info.ID, ClientID: x.caller.claims.AppID, Request: x.record.Number,
		Content: content, Reports: reports, AcceptedAt: x.now, Uploads: 1,
	}}
	return x.accept(t, m)
}

// accept takes a message in, unless the tenant or an earlier message of the
// same id is in the way.
func (x *exchange) accept(t *tenant, m *message) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.partner.provisioned(m.ClientID) {
		return x.verdict(partnerForbidden, "The partner is not provisioned for the tenant.")
	}
	t.partner.heard(m.ClientID, x.now)
	if old := t.partner.message(m.ID, m.ClientID, x.now, x.sim.options.Partner.MessageLifetime); old != nil {
		if old.Content != m.Content {
			return x.verdict(partnerConflict, "There is another message of this id.")
		}
		old.Uploads++
		return x.verdict(partnerAccepted, "")
	}
	m.scripted = x.sim.outcomes.pick(m.PartnerMessage)
	t.partner.remember(m, x.sim.options.Partner.MessageLimit)
	delay := x.sim.options.Partner.ProcessingDelay
	if m.scripted != nil {
		delay += m.scripted.Delay
	}
	if m.scripted == nil || !m.scripted.Never {
		t.partner.schedule(event{at: m.AcceptedAt.Add(delay), message: m})
		x.sim.settleLocked(t, x.now)
	}
	return x.verdict(partnerAccepted, "")
}

// remember adds a message, and forgets the oldest beyond the limit.
func (p *partnerSide) remember(m *message, limit int) {
	p.messages[m.ID] = m
	p.accepted = append(p.accepted, m)
	if len(p.accepted) <= limit {
		return
	}
	oldest := p.accepted[0]
	if p.messages[oldest.ID] == oldest {
		delete(p.messages, oldest.ID)
	}
	p.accepted[0] = nil
	p.accepted = p.accepted[1:]
}

// verdict answers an upload; anything but 202 is a refusal.
func (x *exchange) verdict(code, detail string) answer {
	status := http.StatusOK
	if code != partnerAccepted {
		status = x.sim.options.Partner.RefusalStatus
	}
	return x.partnerJSON(status, map[string]any{"ErrorCode": x.partnerCode(code), "ErrorDetail": text(detail)})
}

// message finds a message of one partner as long as it is known; nil: it is
// not.
func (p *partnerSide) message(id, clientID string, now time.Time, lifetime time.Duration) *message {
	m := p.messages[id]
	if m == nil || m.ClientID != clientID || lifetime > 0 && now.Sub(m.AcceptedAt) >= lifetime {
		return nil
	}
	return m
}

// messageStatus answers GET DataUploadMessages(guid'…').
func (x *exchange) messageStatus(route partnerRoute) answer {
	t, options := x.caller.tenant, &x.sim.options.Partner
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.partner.message(route.key, x.caller.claims.AppID, x.now, options.MessageLifetime)
	switch {
	case m != nil:
	case options.UnknownMessage == UnknownMessageFailed:
		return x.statusAnswer("Failed", partnerNotFound, "There is no such message.")
	default:
		return x.graphError(http.StatusNotFound, "NotFound", "There is no such message.")
	}
	status := m.Status
	if status == "" {
		status = options.Running[min(m.Polls, len(options.Running)-1)]
	}
	m.Polls++
	return x.statusAnswer(status, m.ErrorCode, m.ErrorDetail)
}

func (x *exchange) statusAnswer(status, code, detail string) answer {
	return x.partnerJSON(http.StatusOK, struct {
		Status      string
		ErrorCode   any
		ErrorDetail any
	}{status, x.partnerCode(code), text(detail)})
}

// PartnerMessages answers the messages that were accepted for a tenant, in the
// order of their acceptance, whatever their lifetime, the newest
// PartnerOptions.MessageLimit of them.
func (s *Simulator) PartnerMessages(tenantID string) []PartnerMessage {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]PartnerMessage, len(t.partner.accepted))
	for i, m := range t.partner.accepted {
		all[i] = m.PartnerMessage
		all[i].Reports = slices.Clone(m.Reports)
	}
	return all
}

// PartnerMessage answers one accepted message by its id; false: there was
// none.
func (s *Simulator) PartnerMessage(tenantID, id string) (PartnerMessage, bool) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return PartnerMessage{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	m := t.partner.messages[strings.ToLower(id)]
	if m == nil {
		return PartnerMessage{}, false
	}
	found := m.PartnerMessage
	found.Reports = slices.Clone(m.Reports)
	return found, true
}
