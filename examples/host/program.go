package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/examples/internal/channels"
	"github.com/mdmkit/devicestatus/examples/internal/storefile"
)

// program is a run without its process.
type program struct {
	getenv         func(string) string
	home           func() (string, error) // the user's own folder for settings
	stdout, stderr io.Writer
	transport      policy.Transporter                                  // to the real Microsoft; nil: over the network
	listen         func(network, address string) (net.Listener, error) // nil: net.Listen
}

// grace is how long requests under way have when the program is to end.
const grace = 20 * time.Second

// run is the whole program, until ctx ends. It answers the exit code: 0, or 1
// where it could not start or go on.
func (p *program) run(ctx context.Context, args []string) int {
	s, err := readSettings(args, p.getenv, p.home, p.stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	log := slog.New(slog.NewJSONHandler(p.stderr, nil))
	if err == nil {
		err = p.serve(ctx, s, log)
	}
	if err != nil {
		log.Error("host ends", "error", err)
		return 1
	}
	return 0
}

// serve starts everything, waits until ctx ends or something cannot go on, and
// ends everything in the order in which nothing is lost: no more requests,
// then no more reports, then the store.
func (p *program) serve(ctx context.Context, s settings, log *slog.Logger) (err error) {
	to, disconnect, err := p.connect(s, log)
	if err != nil {
		return err
	}
	defer disconnect()
	store, err := openStore(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	engine, err := reporting.New(store, to.Router, &reporting.Options{
		Logger: log, CredentialExpires: func(string) (time.Time, bool) { return to.Expires() },
	})
	if err != nil {
		return err
	}
	listen := p.listen
	if listen == nil {
		listen = net.Listen
	}
	listener, err := listen("tcp", s.listen)
	if err != nil {
		return err
	}

	running, stopRunning := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRunning()
	reports := make(chan error, 1)
	go func() { reports <- engine.Run(running) }()

	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	server := newServer(newService(engine, log, stopping), s.token, log)
	server.RegisterOnShutdown(stop)
	requests := make(chan error, 1)
	go func() {
		if s.cert != "" {
			requests <- server.ServeTLS(listener, s.cert, s.key)
			return
		}
		requests <- server.Serve(listener)
	}()
	log.Info("listening", "address", listener.Addr().String(), "simulated", !s.real)

	var fault error
	select {
	case <-ctx.Done():
		log.Info("ending")
	case fault = <-requests:
		requests <- fault
	case fault = <-reports:
		reports <- fault
	}
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(shutdown); err != nil {
		log.Warn("requests were cut off", "error", err)
		_ = server.Close() // they are cut off, whatever it answers
	}
	if err := <-requests; fault == nil && !errors.Is(err, http.ErrServerClosed) {
		fault = err
	}
	stopRunning()
	if err := <-reports; fault == nil {
		fault = err
	}
	log.Info("ended")
	return fault
}

// connect makes the channels to Microsoft, or to a simulator in this process.
func (p *program) connect(s settings, log *slog.Logger) (to *channels.Channels, disconnect func(), err error) {
	if s.real {
		to, err = channels.Microsoft(s.microsoft, p.transport, channels.OneAttempt)
		return to, func() {}, err
	}
	world := azuresim.DemoWorld()
	sim := azuresim.New(nil)
	if _, err := sim.Load(world); err != nil {
		return nil, nil, err
	}
	app := world.Applications[0]
	l, err := channels.Simulate(sim, app.ClientID, app.Secrets[0].Value, channels.OneAttempt)
	if err != nil {
		return nil, nil, err
	}
	log.Warn("SIMULATED: this program plays Microsoft's part; nothing leaves this machine")
	return l.Channels, l.Close, nil
}

// openStore opens the store, and sees to it that it holds what was reported to
// the same one as now.
func openStore(s settings) (*storefile.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	store, err := storefile.Open(ctx, s.store, nil)
	if err != nil {
		return nil, err
	}
	to := "the simulator"
	if s.real {
		to = "Microsoft " + s.microsoft.Authority
	}
	if err := store.For(ctx, to); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w; -store says another file", s.store, err), store.Close())
	}
	return store, nil
}
