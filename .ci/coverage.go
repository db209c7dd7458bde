// Command coverage runs the tests of the root module, and of the store's, alone
// and with the dependencies that hosts get, and holds packages to the statement
// coverage that they promise.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

const module = "github.com/mdmkit/devicestatus/"

// least is the coverage of each package by its own tests, in percent.
var least = map[string]float64{
	"compliance":          90,
	"status":              90,
	"azure":               90,
	"azure/graph":         90,
	"azure/intune":        90,
	"azure/msal":          90,
	"azure/internal/wire": 90,
	"azure/fake":          85,
	"azure/azuresim":      85,
	"azure/reporting":     90,
}

// store is a module of its own. Half of it is for PostgreSQL, and is tested
// where there is a server.
const (
	store       = "azure/reporting/sqlstore"
	storeAlone  = 60
	storeServer = 93
)

var line = regexp.MustCompile(`(?m)^ok\s+` + regexp.QuoteMeta(module) + `(\S+)\s.*coverage: ([0-9.]+)% of statements`)

func main() {
	found := cover(".", "./...")
	for name, got := range cover(store, ".") {
		found[name] = got
	}
	least[store] = storeAlone
	if os.Getenv("DEVICESTATUS_POSTGRES") != "" {
		least[store] = storeServer
	}
	failed := false
	for name, want := range least {
		if got, ok := found[name]; !ok || got < want {
			fmt.Fprintf(os.Stderr, "coverage: %s has %.1f%%, promised %.0f%%\n", name, got, want)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// cover tests packages in a folder, without the workspace, and answers the
// coverage by package.
func cover(folder, packages string) map[string]float64 {
	cmd := exec.Command("go", "test", "-cover", packages)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	os.Stdout.Write(out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
	found := map[string]float64{}
	for _, m := range line.FindAllStringSubmatch(string(out), -1) {
		found[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return found
}
