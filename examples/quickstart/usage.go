package main

import (
	"flag"
	"fmt"
	"io"
)

// settings are the command line.
type settings struct {
	fleet         string
	store         string
	apply         bool
	deleteObjects bool
	approve       bool
	json          bool
}

const usage = `Quickstart reports a fleet of devices to Azure and shows the Azure Device Details of each.

    quickstart [-fleet FILE] [-store FILE] [-json] [-approve] [-apply [-delete-objects]]

  -fleet FILE       the devices; default: 200 made-up ones that are built in
  -store FILE       the SQLite file that keeps what was seen and what was reported; default: devicestatus/quickstart.db in
                    your folder for settings (on Linux ~/.config), for the simulator quickstart-simulated.db beside it
  -json             one JSON object a device on standard output; the summary goes to standard error
  -apply            send to the real Microsoft; without it, only what would be sent is shown
  -delete-objects   let the directory objects of retired devices be deleted too. BitLocker and LAPS secrets go with
                    them. Without it, retired devices are made unmanaged and non-compliant, and their objects stay,
                    also in later runs
  -approve          send the removals too that are held because too many devices of a tenant were retired at once
                    (more than 20 of them, and more than one in twenty, within an hour)

Stop it whenever you like, with Ctrl-C or with kill -9, and run it again: what Microsoft accepted is not sent again, what
was not is. Run it with a file that has changed, and it sends what changed. It goes on until nothing is left, and gives
up when for a minute nothing got through. The store holds your users' sign-in names; nobody else may read the file.

Where it reports to
  With none of the variables below set, to a simulator inside this process, over TLS on loopback. Nothing leaves the
  machine, and every table says SIMULATED. With all that is needed set, to the real Microsoft, for one tenant:

  AZURE_TENANT_ID                     the tenant's id, a GUID; rows of other tenants are refused
  AZURE_CLIENT_ID                     the application's id, a GUID
  AZURE_CLIENT_SECRET                 the application's secret: its value, not its id
  AZURE_CLIENT_CERTIFICATE_PATH       or a file with its certificate and RSA key: PEM with a key that is not encrypted,
                                      or PKCS#12 (.pfx) in the older form with SHA-1 ("openssl pkcs12 -export -legacy")
  AZURE_CLIENT_CERTIFICATE_PASSWORD   the PKCS#12 file's password
  AZURE_AUTHORITY_HOST                another cloud than the global one: https://login.microsoftonline.us or
                                      https://login.partner.microsoftonline.cn

  Where secret and certificate are both set the secret is used. Some of them but not all that is needed is an error.
  The application needs the consent of the tenant's administrator to Device.ReadWrite.All for Windows devices, which
  Microsoft lets only an approved MDM application write; and for all others to Application.Read.All, User.Read.All and
  update_device_attributes of the Intune API, as a compliance partner that is set up in the tenant.

The fleet file
  CSV in UTF-8, a device a line, columns in any order. The first four are needed:

  tenant            GUID of the Entra tenant
  device            your own id of the device, unique in its tenant
  platform          windows, ios, ipados, android, macos
  actions           actions of the policies that the device violates, with semicolons between them: send-alert,
                    block-email, block-appconnect, quarantine, retire; "none" where it was evaluated and violates none;
                    blank where it was not evaluated
  azure_device_id   GUID that the device learnt when it registered; blank: not known
  client_code       Azure Client Status Code, such as Success or User_Cancelled; blank on Windows
  user              user principal name or object id (GUID) of the device's user; needed but on Windows
  device_name, os_version
  last_check_in     as in 2026-01-31T08:15:00Z

  A bad value costs its own row only, and less where it can: an unknown action makes the device non-compliant, a bad
  name is mended, a bad user or time left out. Of two rows of one device the stricter one counts. A device that is not
  in the file any more stays at Microsoft as it is. A retired device stays retired, whatever a later file says.

Exit codes
  0   every row is good, and every report that was due was accepted, now or in an earlier run (or shown, without -apply)
  1   partial failure: some rows are bad or some reports were not accepted
  2   failure: wrong flags, half a configuration, a file without one good row, no report of any row accepted
  ("go run" itself ends with 1 whatever the program ends with; "go build" it to tell 1 from 2.)
`

// parseFlags reads the command line. Its error is [flag.ErrHelp] where help
// was asked for, and otherwise has been said to stderr.
func parseFlags(args []string, stdout, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.StringVar(&s.fleet, "fleet", "", "")
	flags.BoolVar(&s.apply, "apply", false, "")
	flags.BoolVar(&s.deleteObjects, "delete-objects", false, "")
	flags.BoolVar(&s.json, "json", false, "")
	flags.StringVar(&s.store, "store", "", "")
	flags.BoolVar(&s.approve, "approve", false, "")
	err := flags.Parse(args)
	switch {
	case err == flag.ErrHelp:
		_, _ = io.WriteString(stdout, usage)
		return s, err
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		fmt.Fprintln(stderr, err)
	}
	if err != nil {
		fmt.Fprintln(stderr, "quickstart -h says what there is.")
	}
	return s, err
}
