// Onboarding takes a customer's tenant from consent to the first confirmed
// report of a phone and of a PC, and off again.
//
//	go run ./examples/onboarding
//
// It plays Microsoft's part and the administrator's itself, over TLS on
// loopback: everything it shows is simulated, and nothing leaves the machine.
//
// To see how the packages are used, read steps.go: each step is what a service
// does at that point. The rest is the simulated world.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{stdout: os.Stdout, stderr: os.Stderr}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
