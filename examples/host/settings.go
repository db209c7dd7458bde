package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

// tokenVariable is where the token that callers have to show stands.
const tokenVariable = "HOST_TOKEN"

// leastToken is how long a token has to be, in bytes.
const leastToken = 16

// settings are the command line and the environment.
type settings struct {
	listen    string
	store     string
	cert, key string
	token     string // callers show it; empty: they are on this machine
	microsoft environ.Config
	real      bool // microsoft is set
}

const usage = `Host is a small MDM service that reports its devices to Azure. README.md says what it serves.

    host [-listen ADDRESS] [-store FILE] [-cert FILE -key FILE]

  -listen ADDRESS   where it listens; default: 127.0.0.1:8080. Any other address than a loopback one needs ` + tokenVariable + `
  -store FILE       the SQLite file that keeps what is to be reported; default: devicestatus/host.db in your folder for
                    settings (on Linux ~/.config), for the simulator host-simulated.db beside it
  -cert, -key       certificate and key in PEM, to serve HTTPS; without them it serves HTTP

  ` + tokenVariable + `        a secret of at least 16 bytes: requests need "Authorization: Bearer" with it

Where it reports to
  With none of the variables below set, to a simulator inside this process, over TLS on loopback. With all that is needed
  set, to the real Microsoft, for every tenant that consented to the application and is switched on:

  AZURE_TENANT_ID, AZURE_CLIENT_ID                    a tenant of the application's, and its id, GUIDs
  AZURE_CLIENT_SECRET                                 the application's secret: its value, not its id
  AZURE_CLIENT_CERTIFICATE_PATH, ..._PASSWORD         or a file with its certificate and RSA key: PEM or PKCS#12
  AZURE_AUTHORITY_HOST                                another cloud than the global one

It ends on SIGINT or SIGTERM: requests and calls under way are finished first.
`

// readSettings reads the command line and the environment. Its error is
// [flag.ErrHelp] where help was asked for.
func readSettings(args []string, getenv func(string) string, home func() (string, error), stdout io.Writer) (settings, error) {
	s := settings{token: getenv(tokenVariable)}
	flags := flag.NewFlagSet("host", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "")
	flags.StringVar(&s.store, "store", "", "")
	flags.StringVar(&s.cert, "cert", "", "")
	flags.StringVar(&s.key, "key", "", "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return s, err
	case err != nil:
		return s, err
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case (s.cert == "") != (s.key == ""):
		return s, errors.New("-cert and -key go together")
	case s.token != "" && len(s.token) < leastToken:
		return s, fmt.Errorf("%s is shorter than %d bytes", tokenVariable, leastToken)
	case s.token == "" && !isLoopback(s.listen):
		return s, fmt.Errorf("-listen %s is not a loopback address: that needs %s", s.listen, tokenVariable)
	}
	if s.microsoft, s.real, err = environ.Read(getenv); err != nil || s.store != "" {
		return s, err
	}
	folder, err := home()
	if err != nil {
		return s, fmt.Errorf("no folder for the store: %w; -store says where it lies", err)
	}
	name := "host-simulated.db"
	if s.real {
		name = "host.db"
	}
	s.store = filepath.Join(folder, "devicestatus", name)
	return s, nil
}

// isLoopback reports whether an address, with a port or without, is this
// machine's own and nobody else's.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
