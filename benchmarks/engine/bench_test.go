package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A small cell of each store is measured from its beginning to its end, which
// checks by itself that every device was observed and reported as it should be.
func TestMeasure(t *testing.T) {
	for _, store := range []string{inMemory, onSQLite} {
		t.Run(store, func(t *testing.T) {
			c, err := measure(t.Context(), plan{Store: store, Devices: 10_000, Tenants: 10, Rounds: 1, AtOnce: []int{1, 2}, Folder: t.TempDir()})
			require.NoError(t, err)
			for _, what := range []string{whatNew, whatUnchanged, whatChanged, whatDrain, whatClaim} {
				if m := c.find(what, 1, false); m == nil || m.figure(perSecond).Least <= 0 {
					t.Errorf("%s: %+v", what, m)
				}
			}
			if c.find(whatDrain, 2, false) == nil || c.find(whatChanged, 1, true) == nil || c.Memory.HeapPeak == 0 {
				t.Errorf("the cell is %+v", c)
			}
		})
	}
}
