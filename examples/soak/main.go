// Soak kills the reporting engine and looks whether anything was lost.
//
//	go run ./examples/soak -kills 200 -seed 1
//
// The program is the world around an engine: it simulates Microsoft on
// loopback, with its quotas and with faults, and is the host whose devices
// turn compliant and not, sign out, leave, enrol anew and get other Azure ids.
// The engine runs in a process of its own, a worker, over a database. It fetches
// what the host saw, and says that it has taken it only after Observe has
// returned nil; what it has not said so of is handed over again, and now and
// then in another order or twice. Workers are killed with SIGKILL: at their
// start, with observations in hand, while Microsoft looks at a request of
// theirs, in the moment in which they say that something is taken, or just
// then. Each is started again.
//
// In the end everything is left quiet until the store says that nothing is due
// any more. Then what every device is, as the program made it, is compared with
// what the simulator holds and with what the engine shows:
//
//   - nothing that was acknowledged is lost;
//   - the standing of every Azure id is what the rules say for the newest
//     record that claims it, and was the last that was written;
//   - no device shows details that contradict each other, or Microsoft;
//   - quotas were kept, and no directory object was deleted that a new
//     enrolment had claimed;
//   - the file of the database is whole.
//
// It prints what it did and found. It ends with 0 if all is well; with 1 if
// not, with what to look at; with 2 where the flags are wrong. A seed fixes the
// world and the moments, not what the machine makes of them: two runs of one
// seed differ.
//
// On PostgreSQL, with four workers, some of which stop for longer than their
// lease, and a server that goes away:
//
//	.ci/postgres run sh -c 'go run ./examples/soak -store postgres -workers 4 -stops 4 -cuts 4 \
//		-restarts 2 -restart ".ci/postgres restart $DEVICESTATUS_POSTGRES_FOLDER"'
//
// The engine's settings are shorter than their defaults, so that minutes do:
// see engineOptions. The flags:
//
//	-kills n      how often a worker is killed (default 200)
//	-stops n      how often one is stopped in the midst of a write for longer than its lease, goes on,
//	              and ends as it should (default 0)
//	-workers n    how many workers share the database (default 1)
//	-seed n       what happens (default 1)
//	-devices n    how many devices there are at first (default 200)
//	-tenants n    and tenants (default 4)
//	-rate n       changes of devices a second (default 25)
//	-life d       how long a worker lives at most until it is killed (default 2s)
//	-call d       the deadline of a call to Microsoft; a lease is 10s longer (default 1s)
//	-faults p     the share of requests to Microsoft that go wrong (default 0.03)
//	-patience d   how long all may take to settle after the last kill (default 10m)
//	-store s      sqlite:FILE, a file that is not there yet; or postgres:DSN, or postgres for the server
//	              that the variable DEVICESTATUS_POSTGRES names, where the run makes tables of its own
//	              (default: a file in a new temporary folder). What is new is removed unless something
//	              is wrong
//	-cuts n       how often all connections to the server are cut, between the kills (default 0)
//	-restarts n   how often the server is restarted between the kills, by -restart (default 0)
//	-restart cmd  the command that restarts the server
//	-forget n     the workers leave out every n-th observation, and acknowledge it all the same: the
//	              run has to fail (default 0: none)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

func main() {
	if isWorker(os.Args) {
		os.Exit(work(os.Stdin, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are what the flags say.
type settings struct {
	kills, stops, workers int
	seed                  uint64
	devices, tenants      int
	rate                  int
	life                  time.Duration
	call                  time.Duration
	faults                float64
	patience              time.Duration
	database              database // of SQLite without a file: a new one
	cuts, restarts        int
	restart               []string
	forget                int
	quotas                quotas
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{quotas: low()}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.kills, "kills", 200, "how often a worker is killed")
	flags.IntVar(&s.stops, "stops", 0, "how often a worker is stopped for longer than its lease, and goes on")
	flags.IntVar(&s.workers, "workers", 1, "how many workers share the database")
	flags.Uint64Var(&s.seed, "seed", 1, "what happens")
	flags.IntVar(&s.devices, "devices", 200, "how many devices there are at first")
	flags.IntVar(&s.tenants, "tenants", 4, "how many tenants there are")
	flags.IntVar(&s.rate, "rate", 25, "changes of devices a second")
	flags.DurationVar(&s.life, "life", 2*time.Second, "how long a worker lives at most until it is killed")
	flags.DurationVar(&s.call, "call", time.Second, "the deadline of a call to Microsoft; a lease is 10s longer")
	flags.Float64Var(&s.faults, "faults", 0.03, "the `share` of requests to Microsoft that go wrong")
	flags.DurationVar(&s.patience, "patience", 10*time.Minute, "how long all may take to settle after the last kill")
	store := flags.String("store", "", "the database, sqlite:`FILE`, postgres or postgres:DSN; empty: a file in a new temporary folder")
	flags.IntVar(&s.cuts, "cuts", 0, "how often all connections to the server are cut")
	flags.IntVar(&s.restarts, "restarts", 0, "how often the server is restarted")
	restart := flags.String("restart", "", "the `command` that restarts the server")
	flags.IntVar(&s.forget, "forget", 0, "workers lose every `n`-th observation on purpose; 0: none")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.restart = strings.Fields(*restart)
	s.database = database{Dialect: sqlstore.SQLite, Prefix: "soak_"}
	var err error
	if *store != "" {
		s.database, err = parseStore(*store, os.Getenv)
	}
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.kills < 0 || s.stops < 0 || s.forget < 0:
		err = errors.New("-kills, -stops and -forget must not be negative")
	case s.workers < 1 || s.devices < 1 || s.tenants < 1 || s.rate < 1 || s.life <= 0 || s.call <= 0 || s.patience <= 0:
		err = errors.New("-workers, -devices, -tenants, -rate, -life, -call and -patience have to be positive")
	case s.faults < 0 || s.faults > 0.5:
		err = errors.New("-faults has to lie between 0 and 0.5")
	case s.stops > 0 && !canStop:
		err = errors.New("-stops: this system cannot stop a process")
	case s.cuts < 0 || s.restarts < 0:
		err = errors.New("-cuts and -restarts must not be negative")
	case s.cuts+s.restarts > 0 && (s.database.Dialect == sqlstore.SQLite || s.cuts+s.restarts > s.kills):
		err = errors.New("-cuts and -restarts need -store postgres, and as many kills")
	case s.restarts > 0 && len(s.restart) == 0:
		err = errors.New("-restarts needs -restart")
	}
	if err != nil {
		fmt.Fprintln(stderr, "soak:", err)
	}
	return s, err
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	found, err := soak(ctx, s, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "soak:", err)
		return 1
	}
	if len(found) > 0 {
		return 1
	}
	return 0
}
