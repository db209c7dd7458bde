// Command consumer builds a program that gets this module as hosts get it: as
// a zip from a module proxy, without go.work and replace directives. The proxy
// is a folder that it makes from what git tracks. The program must not link an
// assertion library.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	module  = "github.com/mdmkit/devicestatus"
	version = "v0.0.1-ci"
)

const program = `package main

import (
	"context"
	"fmt"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
	"github.com/mdmkit/devicestatus/compliance"
)

var (
	_ azure.Reporter  = (*graph.Reporter)(nil)
	_ reporting.Store = (*sqlstore.Store)(nil)
)

func main() {
	cred, err := msal.NewClientSecretCredential("11111111-1111-1111-1111-111111111111", "not a secret", nil)
	if err != nil {
		panic(err)
	}
	if _, err := graph.New(cred, nil); err != nil {
		panic(err)
	}
	_, err = fake.New(nil).Report(context.Background(), azure.Report{State: compliance.Resolve(compliance.ActionRetire)})
	fmt.Println(err != nil)
}
`

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
	fmt.Println("consumer: a module outside builds and runs")
}

func run() error {
	dir, err := os.MkdirTemp("", "consumer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, folder := range []string{"", "azure/reporting/sqlstore"} {
		if err := publish(filepath.Join(dir, "proxy"), folder); err != nil {
			return err
		}
	}
	host := filepath.Join(dir, "host")
	if err := os.MkdirAll(host, 0o755); err != nil {
		return err
	}
	mod := "module host\n\ngo 1.26.0\n\nrequire (\n" + module + " " + version + "\n" + module + "/azure/reporting/sqlstore " + version + "\n)\n"
	for name, text := range map[string]string{"main.go": program, "go.mod": mod} {
		if err := os.WriteFile(filepath.Join(host, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	upstream, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		return err
	}
	tool := func(args ...string) (string, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir = host
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-modcacherw",
			"GOPROXY=file://"+filepath.Join(dir, "proxy")+","+strings.TrimSpace(string(upstream)),
			"GONOSUMDB="+module+","+module+"/*", "GOMODCACHE="+filepath.Join(dir, "cache"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return string(out), nil
	}
	if _, err := tool("mod", "tidy"); err != nil {
		return err
	}
	if _, err := tool("build", "-o", "host", "."); err != nil {
		return err
	}
	linked, err := tool("version", "-m", "host")
	if err != nil {
		return err
	}
	for _, never := range []string{"stretchr/testify", "google/go-cmp", "modernc.org/", "jackc/pgx"} {
		if strings.Contains(linked, never) {
			return fmt.Errorf("the program links %s:\n%s", never, linked)
		}
	}
	out, err := exec.Command(filepath.Join(host, "host")).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "true" {
		return fmt.Errorf("the program answers %q, %v", out, err)
	}
	return nil
}

// publish writes the module of a folder as a proxy serves it. Of a nested one
// the requirement of the root is that of this version, as in a release.
func publish(proxy, folder string) error {
	name := path.Join(module, folder)
	at := filepath.Join(proxy, filepath.FromSlash(name), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	mod = bytes.ReplaceAll(mod, []byte(module+" v0.0.0\n"), []byte(module+" "+version+"\n"))
	info := fmt.Sprintf(`{"Version":%q,"Time":%q}`, version, time.Unix(0, 0).UTC().Format(time.RFC3339))
	for name, text := range map[string]string{"list": version + "\n", version + ".info": info, version + ".mod": string(mod)} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = filepath.Join(".", folder)
	tracked, err := list.Output()
	if err != nil {
		return err
	}
	files := strings.Fields(string(tracked))
	var nested []string
	for _, f := range files {
		if path.Base(f) == "go.mod" && f != "go.mod" {
			nested = append(nested, path.Dir(f)+"/")
		}
	}
	out, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	z := zip.NewWriter(out)
	for _, f := range files {
		if f == "go.work" || f == "go.work.sum" || within(f, nested) {
			continue
		}
		if f == "go.mod" {
			w, err := z.Create(name + "@" + version + "/" + f)
			if err != nil {
				return err
			}
			if _, err := w.Write(mod); err != nil {
				return err
			}
			continue
		}
		in, err := os.Open(filepath.Join(folder, f))
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		if err != nil {
			return err
		}
		w, err := z.Create(name + "@" + version + "/" + f)
		if err == nil {
			_, err = io.Copy(w, in)
		}
		in.Close()
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Close()
}

func within(file string, folders []string) bool {
	for _, folder := range folders {
		if strings.HasPrefix(file, folder) {
			return true
		}
	}
	return false
}
