package storetest

import (
	"testing"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

func TestMemstoreKeepsTheContract(t *testing.T) {
	t.Run("Whole", func(t *testing.T) { TestStore(t, inMemory(nil)) })
	t.Run("Bare", func(t *testing.T) {
		TestStore(t, Harness{Open: func(*testing.T) reporting.Store { return memstore.New(nil) }})
	})
}
