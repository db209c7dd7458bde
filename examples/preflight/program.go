package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/examples/internal/channels"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

// The exit codes; the usage says what they mean.
const (
	exitPassed = 0
	exitFailed = 1
	exitNotRun = 2
)

// program is a run without its process.
type program struct {
	getenv         func(string) string
	stdout, stderr io.Writer
	transport      policy.Transporter // to the real Microsoft; nil: over the network
}

// run is the whole program. It answers the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	s, err := parseFlags(args, p.stdout, p.stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitPassed
	case err != nil:
		return exitNotRun
	}
	t, err := p.tenant(ctx, s)
	if err != nil {
		return p.fail(err)
	}
	defer t.close()

	findings := t.router.Preflight(ctx, t.id, s.platforms...)
	if ctx.Err() != nil {
		return p.fail(errors.New("interrupted"))
	}
	out := bufio.NewWriter(p.stdout)
	write := writeText
	if s.json {
		write = writeJSON
	}
	if err := errors.Join(write(out, t, s.platforms, findings), out.Flush()); err != nil {
		return p.fail(err)
	}
	return codeOf(findings)
}

func (p *program) fail(err error) int {
	fmt.Fprintf(p.stderr, "preflight: %v\n", err)
	return exitNotRun
}

func codeOf(findings []azure.Finding) int {
	for _, f := range findings {
		if f.State == azure.CheckFailed {
			return exitFailed
		}
	}
	return exitPassed
}

// target is the tenant to look at, and how.
type target struct {
	id, name  string
	simulated bool
	router    azure.Preflighter
	close     func()
}

func (p *program) tenant(ctx context.Context, s settings) (target, error) {
	c, real, err := environ.Read(p.getenv)
	switch {
	case err != nil:
		return target{}, err
	case !real:
		return simulate(ctx, s.simulate)
	case s.simulate != "":
		return target{}, errors.New("-simulate, and the variables of a real tenant: one of the two")
	}
	to, err := channels.Microsoft(c, p.transport)
	if err != nil {
		return target{}, err
	}
	where := c.Authority
	if where == "" {
		where = "the global cloud"
	}
	return target{id: c.TenantID, name: where, router: to.Router, close: func() {}}, nil
}
