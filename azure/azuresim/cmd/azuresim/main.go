// Azuresim is Microsoft's side of device status reporting, simulated, as a
// program for hosts written in any language. It listens on loopback, under one
// address that is the Entra authority, Microsoft Graph and the Intune partner
// compliance services.
//
//	azuresim [flags]
//
// It prints what a host needs to connect and then serves until it gets SIGINT
// or SIGTERM; requests under way have five seconds to finish. It ends with 0
// after a signal, 1 when it cannot serve, 2 when the flags are wrong.
//
// Clients that verify authorities, as MSAL does, must have instance discovery
// switched off, for they would ask Microsoft about an unknown host.
//
// The flags:
//
//	-listen addr          loopback address for HTTPS (default 127.0.0.1:8443; port 0: any)
//	-plain addr           loopback address for plain HTTP as well (default: none)
//	-world file           JSON file with tenants, applications, users, groups and devices (default: a built-in demo)
//	-ca file              where the certificate to trust is written (default: a new temporary folder,
//	                      removed at the end)
//	-seed n               seed of everything that is made up (default 1)
//	-token-lifetime d     how long tokens live (default 1h)
//	-read-lag d           how far reads stay behind writes (default 0)
//	-processing-delay d   how long a partner message runs before its status is final (default 0)
//	-directory-delay d    how long after that Entra shows it at the device (default 0)
//	-fresh-tokens n       every n-th new token is refused once by the partner services (default 0: none)
//	-latency d            waited before each request (default 0)
//	-no-throttle          no quotas (default: Microsoft's published ones)
//	-print-world          print the world as JSON, as an example for -world, and end
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

const grace = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type settings struct {
	listen, plain, world, ca string
	options                  azuresim.Options
	printWorld               bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("azuresim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8443", "loopback `address` for HTTPS; port 0 takes any")
	flags.StringVar(&s.plain, "plain", "", "loopback `address` for plain HTTP as well; empty: none")
	flags.StringVar(&s.world, "world", "", "JSON `file` with tenants, applications, users, groups and devices; empty: a built-in demo")
	flags.StringVar(&s.ca, "ca", "", "`file` to write the certificate to trust to; empty: in a new temporary folder, removed at the end")
	flags.Uint64Var(&s.options.Seed, "seed", 1, "seed of everything that is made up")
	flags.DurationVar(&s.options.TokenLifetime, "token-lifetime", time.Hour, "how long tokens live")
	flags.DurationVar(&s.options.ReadLag, "read-lag", 0, "how far reads stay behind writes")
	flags.DurationVar(&s.options.Partner.ProcessingDelay, "processing-delay", 0, "how long a partner message runs before its status is final")
	flags.DurationVar(&s.options.Partner.DirectoryDelay, "directory-delay", 0, "how long after that Entra shows it at the device")
	flags.IntVar(&s.options.Partner.FreshTokens.Every, "fresh-tokens", 0, "every `n`-th new token is refused once by the partner services; 0: none")
	flags.DurationVar(&s.options.Latency, "latency", 0, "waited before each request")
	flags.BoolVar(&s.options.Throttle.Off, "no-throttle", false, "no quotas instead of Microsoft's published ones")
	flags.BoolVar(&s.printWorld, "print-world", false, "print the world as JSON and end")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		err := fmt.Errorf("azuresim: unexpected argument %q", flags.Arg(0))
		fmt.Fprintln(stderr, err)
		return s, err
	}
	return s, nil
}

// run is the program without its process: it serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := s.serve(ctx, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func (s *settings) serve(ctx context.Context, stdout io.Writer) (err error) {
	world, err := s.readWorld()
	if err != nil {
		return err
	}
	if s.printWorld {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(world)
	}
	sim := azuresim.New(&s.options)
	world, err = sim.Load(world)
	if err != nil {
		return err
	}
	secure, err := sim.Listen(s.listen)
	if err != nil {
		return err
	}
	listeners := []*azuresim.Loopback{secure}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		for _, l := range listeners {
			if failed := l.Shutdown(ending); failed != nil {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	plain := ""
	if s.plain != "" {
		l, err := sim.ListenPlain(s.plain)
		if err != nil {
			return err
		}
		listeners, plain = append(listeners, l), l.URL()
	}
	ca, remove, err := s.writeCA(secure.CertPEM())
	if err != nil {
		return err
	}
	defer remove()
	if err := describe(stdout, world, secure.URL(), plain, ca); err != nil {
		return err
	}
	<-ctx.Done()
	_, err = fmt.Fprintf(stdout, "Stopped after %d requests.\n", sim.Received())
	return err
}

func (s *settings) readWorld() (azuresim.World, error) {
	if s.world == "" {
		return azuresim.DemoWorld(), nil
	}
	file, err := os.Open(s.world)
	if err != nil {
		return azuresim.World{}, fmt.Errorf("azuresim: %w", err)
	}
	defer file.Close()
	return azuresim.ReadWorld(file)
}

// writeCA writes the certificate and answers where, and how to take it away.
func (s *settings) writeCA(pem []byte) (path string, remove func(), err error) {
	path, remove = s.ca, func() {}
	if path == "" {
		folder, err := os.MkdirTemp("", "azuresim-")
		if err != nil {
			return "", nil, fmt.Errorf("azuresim: %w", err)
		}
		path, remove = filepath.Join(folder, "ca.pem"), func() { _ = os.RemoveAll(folder) }
	}
	if err := os.WriteFile(path, pem, 0o644); err != nil {
		remove()
		return "", nil, fmt.Errorf("azuresim: %w", err)
	}
	return path, remove, nil
}

// describe prints what a host needs. The secrets are those of a world that
// exists in this process only.
func describe(w io.Writer, world azuresim.World, address, plain, ca string) error {
	out := &lines{to: w}
	out.printf("Microsoft, SIMULATED: nothing here reaches Microsoft.\n\n")
	out.printf("authority      %s\n", address)
	out.printf("graph          %s/v1.0\n", address)
	out.printf("scope          %s/.default (or https://graph.microsoft.com/.default)\n", address)
	out.printf("partner scope  https://api.manage.microsoft.com//.default\n")
	out.printf("partner uris   %s/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints\n", address)
	out.printf("consent        %s/{tenant}/adminconsent?client_id=...&state=...&redirect_uri=...\n", address)
	if plain != "" {
		out.printf("plain HTTP     %s\n", plain)
	}
	out.printf("trust          %s\n", ca)
	for _, t := range world.Tenants {
		out.printf("tenant         %s %s\n", t.ID, t.Domain)
		for _, p := range t.Partners {
			out.printf("  partner      %s %s\n", p.ClientID, standing(p))
		}
		for _, u := range t.Users {
			out.printf("  user         %s %s\n", u.ID, u.UserPrincipalName)
		}
		for _, g := range t.Groups {
			out.printf("  group        %s %s\n", g.ID, g.DisplayName)
		}
		for _, d := range t.Devices {
			out.printf("  device       %s %s\n", d.DeviceID, d.OperatingSystem)
		}
	}
	for _, a := range world.Applications {
		out.printf("application    %s %s\n", a.ClientID, a.Name)
		for _, secret := range a.Secrets {
			out.printf("  secret       %s\n", secret.Value)
		}
	}
	out.printf("\nSwitch instance discovery off in the client. Stop with Ctrl-C.\n")
	return out.err
}

// standing says for which platforms a partner is registered, and whether it may
// report already.
func standing(p azuresim.CompliancePartner) string {
	var words []string
	for _, platform := range []struct {
		name       string
		registered bool
	}{{"macOS", p.MacOSOnboarded}, {"iOS", p.IOSOnboarded}, {"Android", p.AndroidOnboarded}} {
		if platform.registered {
			words = append(words, platform.name)
		}
	}
	if p.Provisioned {
		return strings.Join(words, " ") + ", provisioned"
	}
	return strings.Join(words, " ") + ", not provisioned"
}

// lines writes until the first error.
type lines struct {
	to  io.Writer
	err error
}

func (l *lines) printf(format string, values ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.to, format, values...)
	}
}
