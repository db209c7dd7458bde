// This program measures the engine of this library, azure/reporting, on its
// stores: how many observations a second they take, how many reports a second
// workers bring out of them, and what that takes of memory, processor and disk
// as a fleet grows. README.md has the commands.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
)

// results is what is written as JSON.
type results struct {
	Machine machine
	Rounds  int
	Cells   []*cell
	Sizing  []*simulated
}

type options struct {
	parts, stores []string
	sizes         []int
	sizing        []fleetSize
	plan          plan
	json, docs    string
	plot          string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	switch os.Getenv(roleVariable) {
	case roleWorker:
		return work(ctx, os.Getenv(dsnVariable))
	case roleCell:
		var p plan
		if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
			return err
		}
		p.Postgres = os.Getenv(dsnVariable)
		c, err := measure(ctx, p)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(c)
	}
	o, err := parse()
	if err != nil {
		return err
	}
	var r *results
	if o.plot != "" {
		if r, err = load(o.plot); err != nil {
			return err
		}
	} else if r, err = take(ctx, o); err != nil {
		return err
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	if o.docs == "" {
		return nil
	}
	return r.document(o.docs)
}

func parse() (o options, err error) {
	parts := flag.String("run", "load,sizing", "what to run, of load and sizing")
	stores := flag.String("stores", strings.Join([]string{inMemory, onSQLite, onPostgres}, ","), "the stores of load")
	sizes := flag.String("devices", "10000,100000,1000000", "the fleets of load: powers of ten of at least 10000")
	atOnce := flag.String("at-once", "1,2,4", "callers of Observe, and workers")
	sizing := flag.String("sizing", "10000x1,10000x100,100000x1,100000x100,100000x1000,1000000x1,1000000x100", "the fleets of sizing: devices x tenants")
	flag.IntVar(&o.plan.Rounds, "rounds", 5, "measurements of each")
	flag.IntVar(&o.plan.Calls, "calls", 4, "calls in flight of a worker (Options.CallsInFlight); 0: the default of the engine, for the latency of a real service")
	flag.IntVar(&o.plan.Tenants, "tenants", 10, "tenants among which the devices of load are spread")
	flag.StringVar(&o.plan.Postgres, "postgres", os.Getenv("DEVICESTATUS_POSTGRES"), "DSN of PostgreSQL, as a URL; default $DEVICESTATUS_POSTGRES; empty leaves it out")
	flag.StringVar(&o.plan.Folder, "folder", os.TempDir(), "where SQLite's files are made")
	flag.StringVar(&o.plan.Profiles, "profiles", "", "write CPU profiles into this folder; they disturb the figures")
	flag.StringVar(&o.json, "json", "", "write the results to this file as well, after each cell; what it holds of other cells stays")
	flag.StringVar(&o.docs, "docs", "", "rewrite the tables and plots of performance.md in this folder")
	flag.StringVar(&o.plot, "plot", "", "measure nothing: take the results from this file")
	flag.Parse()
	o.parts, o.stores = strings.Split(*parts, ","), strings.Split(*stores, ",")
	if o.sizes, err = numbers(*sizes); err != nil {
		return o, fmt.Errorf("-devices: %w", err)
	}
	if o.plan.AtOnce, err = numbers(*atOnce); err != nil {
		return o, fmt.Errorf("-at-once: %w", err)
	}
	if o.sizing, err = fleetSizes(*sizing); err != nil {
		return o, fmt.Errorf("-sizing: %w", err)
	}
	return o, nil
}

func numbers(text string) (all []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number above zero", part)
		}
		all = append(all, n)
	}
	return all, nil
}

func load(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &results{}
	return r, json.Unmarshal(text, r)
}

// save writes the results so far.
func (r *results) save(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
