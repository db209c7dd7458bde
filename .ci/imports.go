// Command imports checks which package may import which: imports run one way,
// the pure packages stay pure, and no assertion library, telemetry SDK or
// driver reaches a program that uses the library.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

const module = "github.com/mdmkit/devicestatus"

const (
	azcore = "github.com/Azure/azure-sdk-for-go/sdk/azcore"
	msal   = "github.com/AzureAD/microsoft-authentication-library-for-go"
)

// rule says what the packages at a path, relative to the module, may import
// besides the standard library: packages of the module by their relative path,
// or others by a prefix.
type rule struct {
	own    []string
	others []string
	not    []string // standard packages that are not allowed
}

var impure = []string{"context", "io", "net", "net/http", "os", "log", "log/slog", "testing", "database/sql", "sync", "unsafe"}

var rules = map[string]rule{
	"":                               {},
	"internal/enum":                  {not: impure},
	"internal/guid":                  {not: impure},
	"compliance":                     {own: []string{"internal/enum"}, not: append([]string{"time"}, impure...)},
	"status":                         {own: []string{"compliance", "internal/enum", "internal/guid"}, not: impure},
	"azure":                          {own: []string{"compliance", "status", "internal/enum", "internal/guid"}, not: []string{"net/http", "testing"}},
	"azure/internal/prepare":         {own: []string{"azure", "compliance", "internal/guid"}, not: []string{"net/http", "testing"}},
	"azure/internal/wire":            {own: []string{"azure", "internal/guid"}, others: []string{azcore}, not: []string{"testing"}},
	"azure/graph":                    {own: []string{"azure", "azure/internal/prepare", "azure/internal/wire", "compliance", "status", "internal/guid"}, others: []string{azcore}, not: []string{"testing"}},
	"azure/intune":                   {own: []string{"azure", "azure/internal/prepare", "azure/internal/wire", "compliance", "status", "internal/guid"}, others: []string{azcore}, not: []string{"testing"}},
	"azure/msal":                     {own: []string{"internal/guid"}, others: []string{azcore, msal}, not: []string{"testing"}},
	"azure/fake":                     {own: []string{"azure", "azure/internal/prepare", "compliance", "status", "internal/guid", "internal/enum"}, not: []string{"testing"}},
	"azure/reporting":                {own: []string{"azure", "compliance", "status", "internal/enum", "internal/guid"}, not: []string{"net/http", "testing"}},
	"azure/reporting/memstore":       {own: []string{"azure/reporting"}, not: []string{"net/http", "testing"}},
	"azure/reporting/storetest":      {own: []string{"azure/reporting"}},
	"azure/reporting/simtest":        {own: []string{"azure", "azure/reporting", "compliance", "status", "internal/guid", "internal/enum"}},
	"azure/reporting/simtest/mutate": {not: []string{"testing"}},
	"azure/azuretest":                {own: []string{"azure", "compliance", "status", "internal/guid"}},
	"azure/azuresim":                 {not: []string{"testing"}},
	"azure/azuresim/cmd/azuresim":    {own: []string{"azure/azuresim"}, not: []string{"testing"}},
}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Deps       []string
}

func main() {
	packages, err := list()
	if err != nil {
		fmt.Fprintln(os.Stderr, "imports:", err)
		os.Exit(2)
	}
	faults := 0
	fault := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "imports: "+format+"\n", args...)
		faults++
	}
	seen := map[string]bool{}
	for _, p := range packages {
		relative := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		seen[relative] = true
		r, ok := rules[relative]
		if !ok {
			fault("package %q has no rule: say in .ci/imports.go what it may import", relative)
			continue
		}
		for _, i := range p.Imports {
			if why := r.refuses(i); why != "" {
				fault("%s imports %s: %s", p.ImportPath, i, why)
			}
		}
		for _, d := range p.Deps {
			for _, never := range []string{"github.com/stretchr/testify", "github.com/google/go-cmp", "go.opentelemetry.io"} {
				if d == never || strings.HasPrefix(d, never+"/") {
					fault("%s links %s", p.ImportPath, d)
				}
			}
		}
	}
	for relative := range rules {
		if !seen[relative] {
			fault("rule for %q, which does not exist", relative)
		}
	}
	if faults > 0 {
		os.Exit(1)
	}
	fmt.Printf("imports: %d packages obey their rules\n", len(packages))
}

func (r rule) refuses(i string) string {
	if own, ok := strings.CutPrefix(i, module); ok {
		if !slices.Contains(r.own, strings.TrimPrefix(own, "/")) {
			return "not among the packages of this module that it may import"
		}
		return ""
	}
	if slices.Contains(r.not, i) {
		return "not allowed in this package"
	}
	if first, _, _ := strings.Cut(i, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, other := range r.others {
		if i == other || strings.HasPrefix(i, other+"/") {
			return ""
		}
	}
	return "not among the modules that it may import"
}

func list() ([]listed, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Base(cmd.Path), err)
	}
	var packages []listed
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}
