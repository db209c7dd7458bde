package storetest_test

import (
	"testing"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/azure/reporting/storetest"
)

// A service has written a Store for its own database and holds it against the
// contract. The parts left out are skipped by name. In a test file the function
// below stands as it is; a suite needs its t, so that this example is compiled
// and not run.
func ExampleTestStore() {
	_ = func(t *testing.T) { // func TestMyStore(t *testing.T)
		storetest.TestStore(t, storetest.Harness{
			Open: func(t *testing.T) reporting.Store {
				return memstore.New(nil) // the store to test, on an empty database
			},
			Second: func(t *testing.T, first reporting.Store) reporting.Store {
				return first // in a database: a connection of its own
			},
		})
	}
}
