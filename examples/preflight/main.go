// Preflight says whether a tenant is set up for reporting, before anything is
// reported: each check with what it saw and what to do.
//
//	go run ./examples/preflight
//
// Without a configuration it plays Microsoft's part itself, over TLS on
// loopback, and says SIMULATED; -simulate chooses among three tenants. Run it
// with -h for its flags, the variables that make it look at a real tenant, and
// its exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
