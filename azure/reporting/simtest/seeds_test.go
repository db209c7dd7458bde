package simtest_test

import (
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/azure/reporting/simtest"
)

var (
	seeds = flag.Int("seeds", simtest.DefaultSeeds, "how many worlds to simulate")
	first = flag.Uint64("first", 1, "the seed of the first")
	twin  = flag.Int("twice", simtest.DefaultTwice, "how many of them to simulate twice")
	steps = flag.String("steps", "", "a file for every step; with -seeds 1")
)

func TestSeeds(t *testing.T) {
	var log io.Writer
	twice := *twin
	if *steps != "" {
		f, err := os.Create(*steps)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		log, twice = f, -1
	}
	simtest.Run(t, simtest.Harness{Open: open, Seeds: *seeds, First: *first, Twice: twice, Log: log})
}

func open(_ *testing.T, now func() time.Time) reporting.Store {
	return memstore.New(&memstore.Options{Clock: now})
}
