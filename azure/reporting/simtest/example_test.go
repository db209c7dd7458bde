package simtest_test

import (
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/azure/reporting/simtest"
)

// A service has written a Store for its own database and lets engines live on
// it. In a test file the function below stands as it is; a simulation needs its
// t, so that this example is compiled and not run.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestMyStoreInWorlds(t *testing.T)
		simtest.Run(t, simtest.Harness{
			Open: func(_ *testing.T, now func() time.Time) reporting.Store {
				return memstore.New(&memstore.Options{Clock: now}) // the store to test, on an empty database
			},
			Seeds: 50,
		})
	}
}
