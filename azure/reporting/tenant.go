package reporting

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/internal/enum"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Mode says what an Engine does for a tenant.
type Mode uint8

// The modes. ModeUnspecified is the zero value and not a mode.
const (
	ModeUnspecified Mode = iota
	ModeOn
	ModeOff        // nothing is sent; observations are kept
	ModePaused     // as off, for a while: reports show as in progress
	ModeReportOnly // nothing is sent; what would be is shown

	// ModeOffBoarding: OffBoard has begun. Every device is closed, observations
	// are refused, and no other mode can be set.
	ModeOffBoarding
)

var modes = enum.Names{
	Type:  "Mode",
	Texts: []string{"", "on", "off", "paused", "report-only", "off-boarding"},
}

// String answers on, off, paused, report-only or off-boarding; "unspecified" for the zero
// value; and Mode(9) for a number without a name.
func (m Mode) String() string { return modes.String(uint8(m)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (m Mode) AppendText(b []byte) ([]byte, error) { return modes.AppendText(b, uint8(m)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (m Mode) MarshalText() ([]byte, error) { return m.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (m *Mode) UnmarshalText(text []byte) error {
	v, err := modes.Parse(text)
	*m = Mode(v)
	return err
}

// tenantDocument is a registered tenant.
type tenantDocument struct {
	Account string    `json:"account"`
	Mode    Mode      `json:"mode"`
	Since   time.Time `json:"since"`

	LastSuccess time.Time `json:"lastSuccess,omitzero"`

	// The channels have permissions of their own, so that one may be shut while
	// the other is open.
	Windows channelDocument `json:"windows,omitzero"`
	Others  channelDocument `json:"others,omitzero"`
}

// channelDocument is how one channel of a tenant fares.
type channelDocument struct {
	Parked *parking `json:"parked,omitempty"`

	// Refused are devices whose writes were forbidden without a success
	// between: three of them park the channel.
	Refused []string `json:"refused,omitempty"`
}

// tryNow lets what is parked try at once.
func (t *tenantDocument) tryNow(now time.Time) {
	for _, p := range []*parking{t.Windows.Parked, t.Others.Parked} {
		if p != nil {
			p.Probe = now
		}
	}
}

// channel answers the channel of a queue.
func (t *tenantDocument) channel(letter string) *channelDocument {
	if letter == queueGraph || letter == queueDelete {
		return &t.Windows
	}
	return &t.Others
}

// parked answers what waits of a tenant: the first channel that does.
func (t *tenantDocument) parked() *parking {
	if t.Windows.Parked != nil {
		return t.Windows.Parked
	}
	return t.Others.Parked
}

// sends reports whether anything is sent for the tenant.
func (t *tenantDocument) sends() bool { return t.Mode == ModeOn || t.Mode == ModeOffBoarding }

// parking is why a channel of a tenant waits: a fault of all of its devices. One
// device at a time tries, each time another.
type parking struct {
	Err   azure.Error `json:"error"`
	Since time.Time   `json:"since"`
	Probe time.Time   `json:"probe"`           // when the next may try
	Taken bool        `json:"taken,omitempty"` // somebody tries now, who is given up at Probe
	Tries int         `json:"tries"`
}

// ErrForeignTenant: the tenant is registered for another account.
var ErrForeignTenant = errors.New("the tenant is registered for another account")

// ErrUnknownTenant: the tenant is not registered.
var ErrUnknownTenant = errors.New("the tenant is not registered")

func unknownTenant(id string) error {
	return fmt.Errorf("TenantID %s: %w", quote(id), ErrUnknownTenant)
}

// ErrOffBoarding: the tenant is being off-boarded.
var ErrOffBoarding = errors.New("the tenant is being off-boarded")

// RegisterTenant makes a tenant the account's, in mode on. A tenant that is
// the account's already is left as it is; one of another account is refused
// with [ErrForeignTenant].
func (e *Engine) RegisterTenant(ctx context.Context, account, tenantID string) error {
	return e.updateTenant(ctx, account, tenantID, func(tx Tx, t *tenantDocument, known bool) error {
		if !known {
			*t = tenantDocument{Account: account, Mode: ModeOn, Since: tx.Now()}
		}
		return nil
	})
}

// SetMode sets what is done for a tenant. It is durable when it returns: nothing
// new is sent for a tenant that is not on, by any process, but calls to
// Microsoft that are under way are not called back. A tenant that is switched
// on goes on at once in this process, and within a minute in others.
func (e *Engine) SetMode(ctx context.Context, account, tenantID string, m Mode) error {
	if text, err := m.MarshalText(); err != nil || len(text) == 0 || m == ModeOffBoarding {
		return fmt.Errorf("reporting: mode %v is not one that can be set", m)
	}
	err := e.updateTenant(ctx, account, tenantID, func(tx Tx, t *tenantDocument, known bool) error {
		if !known {
			return unknownTenant(tenantID)
		}
		if t.Mode == ModeOffBoarding {
			return ErrOffBoarding
		}
		if t.Mode != m {
			t.Mode, t.Since = m, tx.Now()
		}
		return nil
	})
	e.wake(true, guid.Canonical(tenantID))
	return err
}

func (e *Engine) updateTenant(ctx context.Context, account, tenantID string, change func(tx Tx, t *tenantDocument, known bool) error) error {
	switch {
	case account == "" || len(account) > mostAccount || containsControl(account) || !utf8.ValidString(account):
		return fmt.Errorf("reporting: account %.60q is empty, too long, holds control characters or is not UTF-8", account)
	case !guid.Valid(tenantID):
		return fmt.Errorf("reporting: tenant %.40q is not a GUID", tenantID)
	}
	key := Key{Kind: kindTenant, Tenant: guid.Canonical(tenantID)}
	err := e.update(ctx, func(tx Tx) error {
		rows, err := tx.Get(key)
		if err != nil {
			return err
		}
		var t tenantDocument
		if err := decodeJSON(rows[0], &t); err != nil {
			return err
		}
		known := rows[0].Version != 0
		if known && t.Account != account {
			return ErrForeignTenant
		}
		if err := change(tx, &t, known); err != nil {
			return err
		}
		if t.Account == "" {
			return ErrUnknownTenant // it was off-boarded since the caller looked
		}
		rows[0].Data = encodeJSON(&t)
		return tx.Put(rows[0])
	})
	if err != nil {
		return fmt.Errorf("reporting: tenant %s: %w", key.Tenant, err)
	}
	return nil
}

// tenant reads a tenant without locking it. known is false where it is not
// registered.
func (e *Engine) tenant(ctx context.Context, tenantID string) (t tenantDocument, known bool, err error) {
	rows, err := e.store.Scan(ctx, kindTenant, tenantID, Key{}, 1)
	if err != nil || len(rows) == 0 {
		return t, false, err
	}
	return t, true, decodeJSON(rows[0], &t)
}

// registered answers a tenant that has to be registered. To the store, no tenant
// is every tenant.
func (e *Engine) registered(ctx context.Context, tenantID string) (tenantDocument, error) {
	if tenantID == "" {
		return tenantDocument{}, unknownTenant("")
	}
	t, known, err := e.tenant(ctx, tenantID)
	if err == nil && !known {
		err = unknownTenant(tenantID)
	}
	return t, err
}
