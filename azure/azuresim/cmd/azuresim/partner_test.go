package main

import (
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// What a partner needs is said: the scope, where the addresses are, who is
// ready.
func TestDescribePartner(t *testing.T) {
	world, err := azuresim.New(nil).Load(azuresim.DemoWorld())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := describe(&out, world, "https://127.0.0.1:1", "", "ca.pem"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"partner scope  https://api.manage.microsoft.com//.default",
		"partner uris   https://127.0.0.1:1/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints",
		"consent        https://127.0.0.1:1/{tenant}/adminconsent?client_id=...&state=...&redirect_uri=...",
		"  partner      5a1f0000-0000-4000-8000-0000000000a1 macOS iOS Android, provisioned",
		"  partner      5a1f0000-0000-4000-8000-0000000000a1 macOS iOS, not provisioned",
		"  user         5a1f0000-0000-4000-8000-0010000000c1 grace@fabrikam.example",
		"  group        5a1f0000-0000-4000-8000-0010000000e2 Mac users",
		"  device       5a1f0000-0000-4000-8000-0010000000d3 IPad",
	} {
		if !strings.Contains(out.String(), "\n"+line+"\n") {
			t.Errorf("it does not say %q:\n%s", line, out.String())
		}
	}
}
