package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// trial puts both before one answer of the server's that msgraph-sdk-go is
// known to take badly.
type trial struct {
	fault  string
	answer string // what the server does
	script talk.Script
	job    talk.Job
	our    *talk.Job // where this library is called in another way
	theirs contender // msgraph-sdk-go, as it is or with compression off
	says   func(talk.Outcome, talk.Seen) string
	shows  func(talk.Outcome, talk.Seen) bool // the fault
}

// faultRow is what a trial showed.
type faultRow struct {
	Fault, Answer    string
	SDK, Ours        string
	SDKHas, OursHave bool
}

// atOnce bounds how many clients are under way: most of them wait.
const atOnce = 6

// faults runs every trial with a process and a session for each contender.
func faults(ctx context.Context, s *server) ([]faultRow, error) {
	rows := make([]faultRow, len(trials))
	failed := make([]error, 2*len(trials))
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, t := range trials {
		rows[i] = faultRow{Fault: t.fault, Answer: t.answer}
		try := func(c contender, job talk.Job, name string, says *string, shows *bool, failed *error) {
			turns <- struct{}{}
			defer func() { <-turns }()
			outcome, seen, err := t.try(ctx, s, c, job, fmt.Sprintf("fault-%d-%s", i, name))
			if err != nil {
				*failed = err
				return
			}
			*says, *shows = t.says(outcome, seen), t.shows(outcome, seen)
			fmt.Fprintf(os.Stderr, "%s, %s: %s: %s\n", t.fault, t.answer, c.Name, *says)
		}
		job := t.job
		if t.our != nil {
			job = *t.our
		}
		all.Go(func() { try(t.theirs, t.job, "sdk", &rows[i].SDK, &rows[i].SDKHas, &failed[2*i]) })
		all.Go(func() { try(ours, job, "ours", &rows[i].Ours, &rows[i].OursHave, &failed[2*i+1]) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (t trial) try(ctx context.Context, s *server, c contender, job talk.Job, session string) (outcome talk.Outcome, seen talk.Seen, err error) {
	if err = s.follow(ctx, session, t.script); err != nil {
		return outcome, seen, err
	}
	if outcome, err = s.work(ctx, c, session, job); err != nil {
		return outcome, seen, err
	}
	seen, err = s.seen(ctx, session)
	return outcome, seen, err
}

func faultTable(rows []faultRow) string {
	var b strings.Builder
	b.WriteString("| fault of msgraph-sdk-go | the server | msgraph-sdk-go | this library | reproduced | here |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		reproduced, here := "yes", "no"
		if !r.SDKHas {
			reproduced = "**no**"
		}
		if r.OursHave {
			here = "**as well**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Fault, r.Answer, r.SDK, r.Ours, reproduced, here)
	}
	return b.String()
}

// ended says what became of few devices.
func ended(o talk.Outcome, s talk.Seen) string {
	return fmt.Sprintf("calls: %d, written: %d%s", s.Calls, s.Devices, failures(o))
}

// failures says how often the client said what.
func failures(o talk.Outcome) string {
	var b strings.Builder
	for _, text := range slices.Sorted(maps.Keys(o.Errors)) {
		b.WriteString("; " + text)
		if n := o.Errors[text]; n > 1 {
			fmt.Fprintf(&b, " (%d times)", n)
		}
	}
	return b.String()
}

func rounded(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	if d > time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
