package reporting

import (
	"cmp"
	"strings"
)

// compareKeys orders keys as a store does.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
}
