// Host is a small MDM service that reports its devices to Azure: it takes what
// devices and policies say over HTTP, keeps it through the reporting engine in
// a SQLite file, and shows the Azure Device Details of each device.
//
//	go run ./examples/host
//
// Without a configuration it plays Microsoft's part itself, with a few made-up
// tenants. README.md says what it serves and has requests to try.
//
// To see how the packages are used, read in this order: program.go (what is
// started, and the order in which it ends), checkin.go (what a device says, as
// an observation), devices.go (the Azure Device Details), tenants.go and
// actions.go (what administrators do), metrics.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once, which loses nothing
	p := program{getenv: os.Getenv, home: os.UserConfigDir, stdout: os.Stdout, stderr: os.Stderr}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
