// Package client is what the clients of this benchmark have in common: a job
// comes in, devices are reported, and what that cost goes out.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// Sender reports devices by one of the compared libraries.
type Sender interface {
	// One reports a device by a call of its own.
	One(ctx context.Context, d talk.Device) error
	// Many reports devices in $batch calls; errs[i] is the outcome of ds[i].
	Many(ctx context.Context, ds []talk.Device, errs []error)
}

// Throttled is an error after which the report may be sent again, when Wait is
// over.
type Throttled struct {
	Text string
	Wait time.Duration
}

func (t Throttled) Error() string { return t.Text }

// Main does the job in the first argument and prints its outcome.
func Main(dial func(talk.Job) (Sender, error)) {
	var job talk.Job
	if len(os.Args) != 2 || json.Unmarshal([]byte(os.Args[1]), &job) != nil {
		fmt.Fprintln(os.Stderr, "started by the benchmark program only: the argument is a job")
		os.Exit(2)
	}
	outcome, err := do(job, dial)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(outcome)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func do(job talk.Job, dial func(talk.Job) (Sender, error)) (talk.Outcome, error) {
	ctx := context.Background()
	if job.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, job.Timeout)
		defer cancel()
		ctx = limited
	}
	devices := make([]talk.Device, job.Devices+job.WarmUp)
	for i := range devices {
		devices[i] = talk.NewDevice(i + 1)
	}
	sender, err := dial(job)
	if err != nil {
		return talk.Outcome{}, err
	}
	if job.Fresh {
		sender = fresh{job, dial}
	}
	errs := make([]error, len(devices))
	report(ctx, job, sender, devices[job.Devices:], errs[job.Devices:])
	if err := errors.Join(errs[job.Devices:]...); err != nil {
		return talk.Outcome{}, fmt.Errorf("warming up: %w", err)
	}
	rounds := 1
	stop, err := profile(job.Profile)
	if err != nil {
		return talk.Outcome{}, err
	}
	outcome := measure(func() {
		report(ctx, job, sender, devices[:job.Devices], errs)
		if job.Requeue {
			rounds += requeue(ctx, job, sender, devices[:job.Devices], errs)
		}
	})
	stop()
	outcome.Rounds = rounds
	outcome.Errors = map[string]int{}
	for _, err := range errs[:job.Devices] {
		if err == nil {
			outcome.Delivered++
			continue
		}
		outcome.Errors[err.Error()]++
		if t, ok := errors.AsType[Throttled](err); ok {
			outcome.LongestAsked = max(outcome.LongestAsked, t.Wait)
		}
	}
	return outcome, nil
}

// report reports all devices once.
func report(ctx context.Context, job talk.Job, s Sender, devices []talk.Device, errs []error) {
	if job.Batch {
		s.Many(ctx, devices, errs)
		return
	}
	AtOnce(job.AtOnce, len(devices), func(i int) { errs[i] = s.One(ctx, devices[i]) })
}

// requeue reports what was throttled until nothing is, as whoever calls a
// channel without the engine does it, and answers in how many rounds.
func requeue(ctx context.Context, job talk.Job, s Sender, devices []talk.Device, errs []error) (rounds int) {
	for ; ; rounds++ {
		var again []int
		var wait time.Duration
		for i, err := range errs[:len(devices)] {
			if t, ok := errors.AsType[Throttled](err); ok {
				again = append(again, i)
				wait = max(wait, t.Wait)
			}
		}
		if len(again) == 0 {
			return rounds
		}
		time.Sleep(wait)
		left := make([]talk.Device, len(again))
		for at, i := range again {
			left[at] = devices[i]
		}
		ends := make([]error, len(again))
		report(ctx, job, s, left, ends)
		for at, i := range again {
			errs[i] = ends[at]
		}
	}
}

// AtOnce calls do with 0 to n-1, so many at once.
func AtOnce(atOnce, n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range max(1, atOnce) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

// MostItems is how many requests Microsoft takes in one $batch.
const MostItems = 20

// Twenties gives devices to send, twenty at a time, and turns a panic into the
// error of those that have none yet.
func Twenties(atOnce int, ds []talk.Device, errs []error, send func(ds []talk.Device, errs []error)) {
	AtOnce(atOnce, (len(ds)+MostItems-1)/MostItems, func(i int) {
		from, to := i*MostItems, min((i+1)*MostItems, len(ds))
		defer func() {
			if broken := recover(); broken != nil {
				text, _, _ := strings.Cut(fmt.Sprint(broken), "\n")
				for i := from; i < to; i++ {
					if errs[i] == nil {
						errs[i] = errors.New("panic: " + text)
					}
				}
			}
		}()
		send(ds[from:to], errs[from:to])
	})
}

// fresh gives each device a client of its own.
type fresh struct {
	job  talk.Job
	dial func(talk.Job) (Sender, error)
}

func (f fresh) One(ctx context.Context, d talk.Device) error {
	s, err := f.dial(f.job)
	if err != nil {
		return err
	}
	return s.One(ctx, d)
}

func (f fresh) Many(ctx context.Context, ds []talk.Device, errs []error) {
	s, err := f.dial(f.job)
	if err != nil {
		panic(err) // it could be made once already
	}
	s.Many(ctx, ds, errs)
}
