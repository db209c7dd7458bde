package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeUntilStopped(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		code := run(ctx, []string{"-listen", "127.0.0.1:0", "-plain", "127.0.0.1:0", "-ca", ca}, writer, io.Discard)
		_ = writer.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(reader)
	said := map[string]string{}
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Switch instance discovery off") {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if _, there := said[name]; !there {
			said[name] = strings.TrimSpace(value)
		}
	}
	tenant, _, _ := strings.Cut(said["tenant"], " ")
	application, _, _ := strings.Cut(said["application"], " ")
	if said["trust"] != ca || tenant == "" || said["secret"] != "demo-secret" {
		t.Fatalf("the program said %v", said)
	}
	trusted, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for _, address := range []string{said["authority"], strings.TrimPrefix(said["plain"], "HTTP     ")} {
		resp, err := client.PostForm(strings.TrimSpace(address)+"/"+tenant+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {application}, "client_secret": {"demo-secret"},
			"scope": {"https://graph.microsoft.com/.default"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", address, resp.StatusCode, err)
		}
	}
	client.CloseIdleConnections()
	stop()
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text())
	}
	if code := <-ended; code != 0 || !strings.Contains(rest.String(), "2 requests") {
		t.Errorf("it ended with %d, saying %q", code, rest.String())
	}
}

func TestPrintWorldIsAWorld(t *testing.T) {
	var out strings.Builder
	if code := run(t.Context(), []string{"-print-world"}, &out, io.Discard); code != 0 {
		t.Fatalf("code %d", code)
	}
	file := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var again strings.Builder
	if code := run(t.Context(), []string{"-print-world", "-world", file}, &again, io.Discard); code != 0 || again.String() != out.String() {
		t.Errorf("code %d, the world read back differs:\n%s", code, again.String())
	}
}

func TestTemporaryFolderIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out strings.Builder
	if code := run(ctx, []string{"-listen", "127.0.0.1:0"}, &out, io.Discard); code != 0 {
		t.Fatalf("code %d", code)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWrongUse(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(`{"tenants":[{"id":"x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"help", []string{"-h"}, 0, "-listen"},
		{"unknown flag", []string{"-x"}, 2, "-x"},
		{"argument", []string{"x"}, 2, `"x"`},
		{"world is not there", []string{"-world", wrong + "x"}, 1, "wrong.jsonx"},
		{"world is wrong", []string{"-world", wrong}, 1, "tenants[0]"},
		{"not loopback", []string{"-listen", "0.0.0.0:0"}, 1, "loopback"},
		{"plain, not loopback", []string{"-listen", "127.0.0.1:0", "-plain", "0.0.0.0:0"}, 1, "loopback"},
		{"certificate cannot be written", []string{"-listen", "127.0.0.1:0", "-ca", filepath.Join(wrong, "x")}, 1, "wrong.json"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var said strings.Builder
			if code := run(t.Context(), test.args, io.Discard, &said); code != test.code || !strings.Contains(said.String(), test.says) {
				t.Errorf("code %d, want %d; it said %q, want %q in it", code, test.code, said.String(), test.says)
			}
		})
	}
}
