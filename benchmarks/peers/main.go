// This program compares this library with what else a Go program could report
// devices to Microsoft Graph by: the generated Graph SDK, and net/http written
// by hand. README.md has the commands and what they showed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

// results is what is written as JSON.
type results struct {
	Machine  machine
	Protocol string
	Devices  int `json:",omitempty"`
	Rounds   int `json:",omitempty"`
	Cells    []cell
	Weights  []weight
	Targets  []target
	Faults   []faultRow
}

func main() {
	var r results
	var o options
	parts := flag.String("run", "load,faults", "what to run, of load, faults and weigh; weigh compiles msgraph-sdk-go from nothing: 3 minutes and 5 GiB")
	flag.StringVar(&r.Protocol, "protocol", "http", "http, https (HTTP/1.1) or h2 (HTTP/2 over TLS), for all alike")
	flag.IntVar(&r.Devices, "devices", 5000, "devices a measurement one a call; in batches four times as many")
	flag.IntVar(&r.Rounds, "rounds", 7, "measurements of each")
	flag.StringVar(&o.profiles, "profiles", "", "write CPU profiles of the clients into this folder; they disturb the figures")
	flag.IntVar(&o.packages, "p", 0, "packages that weigh compiles at once; 0: as go build does by itself")
	flag.StringVar(&o.out, "json", "", "write the results to this file as well, after each part")
	flag.Parse()
	o.parts = strings.Split(*parts, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &r, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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

// options are what is not said in the results.
type options struct {
	parts    []string
	profiles string
	packages int
	out      string
}

func run(ctx context.Context, r *results, o options) error {
	r.Machine = thisMachine()
	fmt.Printf("%v\n", r.Machine)
	programs, err := build(ctx)
	if err != nil {
		return err
	}
	defer programs.remove()
	s, err := programs.serve(ctx, r.Protocol)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, part := range o.parts {
		switch part {
		case "load":
			r.Cells, err = load(ctx, s, r.Devices, r.Rounds, o.profiles)
			if err == nil {
				fmt.Printf("\n## Reporting, over %s, %d rounds: median (least to most)\n\n%s", r.Protocol, r.Rounds, loadTable(r.Cells))
			}
		case "faults":
			r.Faults, err = faults(ctx, s)
			if err == nil {
				fmt.Printf("\n## Faults\n\n%s", faultTable(r.Faults))
			}
		case "weigh":
			r.Weights, err = weigh(ctx, o.packages)
			if err == nil {
				fmt.Printf("\n## A program of 20 lines\n\n%s", weightTable(r.Weights))
			}
		default:
			err = fmt.Errorf("-run: there is no part %q", part)
		}
		if err != nil {
			return err
		}
		r.Targets = targets(r.Cells, r.Weights)
		if err := r.save(o.out); err != nil {
			return err
		}
	}
	if len(r.Targets) > 0 {
		fmt.Printf("\n## Against the targets\n\n%s", targetTable(r.Targets))
	}
	return nil
}
