// Quickstart reports a fleet of devices to Azure, from the compliance policies'
// actions to the Azure Device Details that an administrator sees.
//
//	go run ./examples/quickstart
//
// Without a configuration it plays Microsoft's part itself, over TLS on
// loopback, and says SIMULATED. Run it with -h for its flags, the fleet file's
// columns, the variables that make it talk to the real Microsoft, and its exit
// codes.
//
// To see how the packages are used, read in this order: plan.go (standing and
// what is sent), connection.go (credential and reporter), send.go (reports and
// answers), details.go (the four fields, and why one is blank).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr, terminal: isTerminal(os.Stderr)}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// isTerminal reports whether somebody watches f.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
