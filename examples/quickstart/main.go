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
// To see how the packages are used, read in this order: connection.go
// (credential and reporter), store.go (the engine and its SQLite file),
// observe.go (what the engine is told), deliver.go (running it), record.go (the
// Azure Device Details that come back).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who presses Ctrl-C again does not want to wait
	p := program{getenv: os.Getenv, home: os.UserConfigDir, stdout: os.Stdout, stderr: os.Stderr, terminal: isTerminal(os.Stderr)}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// isTerminal reports whether somebody watches f.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
