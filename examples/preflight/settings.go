package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
)

// settings are the command line.
type settings struct {
	platforms []azure.Platform
	simulate  string
	json      bool
}

const usage = `Preflight says whether a tenant is set up for reporting, before anything is reported.

    preflight [-platforms LIST] [-json] [-simulate contoso|fabrikam|tailspin]

  -platforms LIST   those in use in the tenant, with commas between them: windows, ios, ipados, android, macos.
                    Default: all. Where there are Windows devices only, say so: nothing else needs to be set up then
  -json             one JSON object a check
  -simulate NAME    the simulated tenant to look at: contoso is set up, fabrikam has begun, tailspin has done nothing.
                    Default: contoso

Nothing is written: a permission is proven by asking for something that does not exist.

Which tenant
  With none of the variables below set, one in a simulator inside this process, over TLS on loopback. Nothing leaves the
  machine, and the output says SIMULATED. With all that is needed set, the real one:

  AZURE_TENANT_ID                     the tenant's id, a GUID
  AZURE_CLIENT_ID                     the application's id, a GUID
  AZURE_CLIENT_SECRET                 the application's secret: its value, not its id
  AZURE_CLIENT_CERTIFICATE_PATH       or a file with its certificate and RSA key: PEM with a key that is not encrypted,
                                      or PKCS#12 (.pfx) in the older form with SHA-1
  AZURE_CLIENT_CERTIFICATE_PASSWORD   the PKCS#12 file's password
  AZURE_AUTHORITY_HOST                another cloud than the global one: https://login.microsoftonline.us or
                                      https://login.partner.microsoftonline.cn

  Where secret and certificate are both set the secret is used. Some of them but not all that is needed is an error.

Exit codes
  0   every check passed or could not be made
  1   a check failed
  2   it could not run, or was interrupted
`

// parseFlags reads the command line; its faults go to stderr.
func parseFlags(args []string, stdout, stderr io.Writer) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("preflight", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	list := flags.String("platforms", "windows,ios,ipados,android,macos", "")
	flags.BoolVar(&s.json, "json", false, "")
	flags.StringVar(&s.simulate, "simulate", "", "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err := io.WriteString(stdout, usage)
		return s, errors.Join(flag.ErrHelp, err)
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case err == nil:
		s.platforms, err = parsePlatforms(*list)
	}
	if err != nil {
		fmt.Fprintf(stderr, "preflight: %v; -h says more\n", err)
	}
	return s, err
}

func parsePlatforms(list string) ([]azure.Platform, error) {
	var all []azure.Platform
	for text := range strings.SplitSeq(list, ",") {
		var p azure.Platform
		if err := p.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
			return nil, err
		}
		if p == azure.PlatformUnspecified {
			return nil, fmt.Errorf("-platforms %q holds a blank", list)
		}
		all = append(all, p)
	}
	return all, nil
}
