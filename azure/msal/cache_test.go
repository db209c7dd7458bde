package msal

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/stretchr/testify/require"
)

// Whatever leaves the cache takes its tokens out of the index, or the index
// would grow for ever.
func TestIndexHoldsWhatTheSlotsHold(t *testing.T) {
	c := newCache(2)
	now := time.Now()
	token := func(text string) azcore.AccessToken {
		return azcore.AccessToken{Token: text, ExpiresOn: now.Add(time.Hour)}
	}
	var slots []*slot
	for i := range 3 {
		s := c.slot(fmt.Sprint("tenant ", i), slotKey{scopes: "s"})
		c.keep(s, token("shared"), "", now)
		slots = append(slots, s)
	}
	require.Len(t, c.held["shared"], 2, "the third tenant put the first out")
	c.keep(slots[0], token("orphan"), "", now)
	require.NotContains(t, c.held, "orphan", "a tenant that has left keeps nothing")
	c.keep(slots[1], token("new"), "", now)
	require.Equal(t, []*slot{slots[2]}, c.held["shared"])
	c.discard("shared")
	require.False(t, slots[2].alive(now))
	require.True(t, slots[1].alive(now))
	c.discard("new")
	require.Empty(t, c.held)
	require.Len(t, c.tenants, 2)
	require.Equal(t, 2, c.recent.Len())
}

// A tenant that comes back while its earlier self is still asking keeps its own
// token.
func TestTenantThatCameBack(t *testing.T) {
	c := newCache(1)
	key := slotKey{scopes: "s"}
	before := c.slot("a", key)
	c.slot("b", key)
	after := c.slot("a", key)
	require.NotSame(t, before, after)
	c.keep(before, azcore.AccessToken{Token: "late", ExpiresOn: time.Now().Add(time.Hour)}, "", time.Now())
	require.Empty(t, c.held)
	require.False(t, after.alive(time.Now()))
}

// Clients of a secret that is no longer there are let go.
func TestRetain(t *testing.T) {
	older, newer := Secret("older"), Secret("newer")
	tn := &tenant{
		clients: map[clientKey]*confidential.Client{{proof: older.of().id}: {}, {cae: true, proof: older.of().id}: {}, {proof: newer.of().id}: {}},
		refused: map[proofID]refusal{newer.of().id: {}},
	}
	tn.retain([]Proof{newer}, setID([]Proof{newer}))
	if _, kept := tn.clients[clientKey{proof: newer.of().id}]; !kept || len(tn.clients) != 1 || len(tn.refused) != 0 {
		t.Errorf("%d clients, %d refusals kept, want the newer's client alone", len(tn.clients), len(tn.refused))
	}
}

// A context without an exchange, as in a Transport that a host calls itself.
func TestExchangeOfAnyContext(t *testing.T) {
	if exchangeOf(context.Background()) == nil {
		t.Error("nil")
	}
}
