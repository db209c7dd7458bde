package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

const usage = `Onboarding takes a simulated tenant from consent to the first confirmed reports, and off again.

    onboarding

Exit codes
  0   every step was done
  1   a step failed; those after it were not begun
  2   it could not run
`

// The exit codes; the usage says what they mean.
const (
	exitDone   = 0
	exitFailed = 1
	exitNotRun = 2
)

// program is a run without its process.
type program struct {
	stdout, stderr io.Writer
	unsettle       func(*azuresim.Simulator) // lets Microsoft or the administrator act otherwise; nil: nothing
}

// run is the whole program. It answers the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("onboarding", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, usage)
		return exitDone
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err != nil {
		return p.fail(exitNotRun, err)
	}
	w, err := newWorld()
	if err != nil {
		return p.fail(exitNotRun, err)
	}
	defer w.close()
	if p.unsettle != nil {
		p.unsettle(w.sim)
	}

	s := &service{world: w}
	fmt.Fprintf(p.stdout, "SIMULATED  ONBOARDING\n\n  tenant %s\n", w.tenantID)
	for i, step := range s.steps() {
		did, err := step.do(ctx)
		if err != nil {
			return p.fail(exitFailed, fmt.Errorf("step %d, %s: %w", i+1, step.name, err))
		}
		if _, err := fmt.Fprintf(p.stdout, "\n  %2d  %s\n      %s\n", i+1, step.name, did); err != nil {
			return p.fail(exitFailed, err)
		}
	}
	fmt.Fprint(p.stdout, "\nSIMULATED  no answer above is Microsoft's\n")
	return exitDone
}

func (p *program) fail(code int, err error) int {
	fmt.Fprintf(p.stderr, "onboarding: %v\n", err)
	return code
}
