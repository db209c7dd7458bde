package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

// The exit codes; the usage says what they mean.
const (
	exitSuccess = 0
	exitPartial = 1
	exitFailure = 2
)

// program is a run without its process.
type program struct {
	getenv         func(string) string
	home           func() (string, error) // the user's own folder for settings
	stdout, stderr io.Writer
	terminal       bool               // stderr is one: show progress
	transport      policy.Transporter // to the real Microsoft; nil: over the network
	clock          func() time.Time   // nil: time.Now
}

// run is the whole program. It answers the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	s, err := parseFlags(args, p.stdout, p.stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitSuccess
	case err != nil:
		return exitFailure
	}
	c, real, err := environ.Read(p.getenv)
	if err != nil {
		return p.fail(err)
	}
	if s.apply && !real {
		return p.fail(fmt.Errorf("-apply sends to the real Microsoft, and nothing says which; missing: %s", strings.Join(environ.Missing(p.getenv), ", ")))
	}
	path, err := p.storePath(s.store, real)
	if err != nil {
		return p.fail(err)
	}
	f, name, err := readFile(s.fleet)
	if err != nil {
		return p.fail(fmt.Errorf("%s: %w", name, err))
	}
	p.say(name, f.faults)
	t := tally{rows: f.rows, faults: len(f.faults)}
	t.refused, t.flawed = countFaults(f.faults)
	if real {
		others := f.refuseOthers(c.TenantID)
		p.say(name, others)
		t.refused += f.rows - t.refused - len(f.devices)
	}
	if len(f.devices) == 0 {
		return p.fail(fmt.Errorf("%s: %s, and none that can be used", name, plural(f.rows, "row")))
	}

	l := label(c, real, s.apply)
	to, err := p.connect(c, real, f.devices)
	if err != nil {
		return p.fail(err)
	}
	defer to.close()
	records, err := p.report(ctx, s, work{
		account: account(c, real), path: path, shown: l.mark == markShown, devices: f.devices, file: name,
	}, to.reporter, &t)
	if err != nil {
		return p.fail(foreign(err, path))
	}
	t.tokens, t.calls = to.tokens.n.Load(), to.calls.n.Load()
	if err := p.write(s, l, records, t); err != nil {
		p.fail(err)
		return max(exitPartial, t.code())
	}
	return t.code()
}

// work is what is to be reported, and where that is kept.
type work struct {
	account, path string
	shown         bool // and not sent
	devices       []device
	file          string // the devices' name, for faults
}

// report reports the devices, or looks at what would be sent, and answers how
// each stands.
func (p *program) report(ctx context.Context, s settings, w work, to azure.Reporter, t *tally) (records []*record, err error) {
	// What is begun is written down and shown, also when ctx ends.
	whole := context.WithoutCancel(ctx)
	clock := p.clock
	if clock == nil {
		clock = time.Now
	}
	store, closeStore, err := openStore(whole, w.path, w.shown, clock)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	engine, err := newEngine(store, to, s.deleteObjects)
	if err != nil {
		return nil, err
	}
	devices, faults, err := observe(ctx, engine, w.account, w.devices, clock())
	if err != nil {
		return nil, err
	}
	p.say(w.file, faults)
	t.refused += len(faults)
	t.faults += len(faults)
	mode := reporting.ModeOn
	if w.shown {
		mode = reporting.ModeReportOnly
	}
	if err := direct(whole, engine, devices, mode); err != nil {
		return nil, err
	}
	if err := again(whole, engine, devices, s.approve); err != nil {
		return nil, err
	}
	if t.due, err = left(whole, engine, devices); err != nil {
		return nil, err
	}
	if !w.shown {
		m := meter{w: p.stderr, on: p.terminal}
		err := deliver(ctx, engine, devices, t.due, m.show)
		m.clear()
		if err != nil {
			return nil, err
		}
		t.interrupted = ctx.Err() != nil
	}
	t.store, t.sent = w.path, !w.shown
	if t.gone, err = gone(whole, engine, devices); err != nil {
		return nil, err
	}
	records, err = read(whole, engine, devices, s.deleteObjects)
	t.outcome(records)
	return records, err
}

func (p *program) fail(err error) int {
	fmt.Fprintf(p.stderr, "quickstart: %v\n", err)
	return exitFailure
}

// say names faults with their file.
func (p *program) say(file string, faults []fault) {
	for _, f := range faults {
		fmt.Fprintln(p.stderr, f.in(file))
	}
}

// readFile reads the fleet file at path, the included one where it is empty,
// and answers its name as well.
func readFile(path string) (f fleet, name string, err error) {
	if path == "" {
		f, err = readFleet(strings.NewReader(includedFleet))
		return f, includedName, err
	}
	file, err := os.Open(path)
	if err != nil {
		return fleet{}, path, errors.Unwrap(err) // which says the path again
	}
	defer file.Close()
	f, err = readFleet(file)
	return f, path, err
}

func (p *program) connect(c environ.Config, real bool, devices []device) (*connection, error) {
	if real {
		return connectMicrosoft(c, p.transport)
	}
	return connectSimulator(devices)
}

// write writes the result: tables, or one JSON object a device with the
// summary out of its way.
func (p *program) write(s settings, l labels, records []*record, t tally) error {
	out := bufio.NewWriter(p.stdout)
	if s.json {
		if err := writeJSON(out, l, records); err != nil {
			return err
		}
		writeSummary(p.stderr, l, records, t)
		return out.Flush()
	}
	writeTable(out, l, records, time.Now().UTC())
	writeSummary(out, l, records, t)
	return out.Flush()
}
