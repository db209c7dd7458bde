package azuresim

import (
	"fmt"
	"strings"
)

// Group is a group in a tenant's directory.
type Group struct {
	ID          string `json:"id,omitempty"` // object id; empty: made up
	DisplayName string `json:"displayName,omitempty"`
}

// AddGroup adds a group to a tenant and answers it with its ID filled in. It
// panics like [Simulator.AddTenant].
func (s *Simulator) AddGroup(tenantID string, g Group) Group {
	added, err := s.addGroup(tenantID, g)
	if err != nil {
		panic("azuresim: " + err.Error())
	}
	return added
}

func (s *Simulator) addGroup(tenantID string, g Group) (Group, error) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return Group{}, fmt.Errorf("no tenant %q", tenantID)
	}
	if g.ID == "" {
		g.ID = s.random.guid()
	}
	if !isGUID(g.ID) {
		return Group{}, fmt.Errorf("group id %q is not a GUID", g.ID)
	}
	g.ID = strings.ToLower(g.ID)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.groups[g.ID]; taken {
		return Group{}, fmt.Errorf("group %s is there already", g.ID)
	}
	t.groups[g.ID] = g
	return g, nil
}
