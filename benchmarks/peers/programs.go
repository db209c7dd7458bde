package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// programs are the server and the clients, built into a folder of their own.
// Each client is a program by itself, so that what one of them links does not
// weigh on another.
type programs struct{ dir string }

// build compiles what is not compiled yet. One package at a time, since one of
// the SDK's takes 4 GiB.
func build(ctx context.Context) (programs, error) {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return programs{}, err
	}
	p := programs{dir}
	cmd := exec.CommandContext(ctx, "go", "build", "-p", "1", "-o", dir+string(filepath.Separator), "./server", "./clients/...")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		p.remove()
		return p, fmt.Errorf("building in this folder: %w\n%s", err, text)
	}
	return p, nil
}

func (p programs) remove() { _ = os.RemoveAll(p.dir) }

// server is the running server.
type server struct {
	programs
	url   string
	env   []string // of the clients
	http  *http.Client
	input io.Closer
	cmd   *exec.Cmd
}

func (p programs) serve(ctx context.Context, protocol string) (*server, error) {
	s := &server{programs: p, env: os.Environ(), cmd: exec.CommandContext(ctx, filepath.Join(p.dir, "server"), "-protocol", protocol)}
	s.cmd.Stderr = os.Stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.input = stdin
	var at talk.Address
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&at); err != nil {
		s.stop()
		return nil, fmt.Errorf("the server: %w", err)
	}
	s.url, s.http = at.URL, &http.Client{}
	if at.Certificate == "" {
		return s, nil
	}
	// Go's own variable, so that every client trusts the server with the
	// transport that it would have anyway.
	file := filepath.Join(p.dir, "certificate.pem")
	if err := os.WriteFile(file, []byte(at.Certificate), 0o600); err != nil {
		s.stop()
		return nil, err
	}
	s.env = append(s.env, "SSL_CERT_FILE="+file)
	s.http.Transport = trusting(at.Certificate)
	return s, nil
}

func (s *server) stop() {
	_ = s.input.Close()
	_ = s.cmd.Wait()
}

// follow gives a session its script.
func (s *server) follow(ctx context.Context, session string, script talk.Script) error {
	text, err := json.Marshal(script)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.url+"/"+session+"/script", bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New("the server takes no script: " + resp.Status)
	}
	return nil
}

// seen answers what the server saw of a session, which ends with that.
func (s *server) seen(ctx context.Context, session string) (seen talk.Seen, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/"+session+"/seen", nil)
	if err != nil {
		return seen, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return seen, err
	}
	defer resp.Body.Close()
	return seen, json.NewDecoder(resp.Body).Decode(&seen)
}

// contender is one of the compared.
type contender struct {
	Name         string
	program      string
	uncompressed bool
}

var (
	ours         = contender{Name: "devicestatus azure/graph", program: "devicestatus"}
	sdk          = contender{Name: "msgraph-sdk-go, its defaults", program: "msgraph"}
	uncompressed = contender{Name: "msgraph-sdk-go, compression off", program: "msgraph", uncompressed: true}
	byHand       = contender{Name: "net/http, encoding/json", program: "nethttp"}
)

// work lets a contender do a job in a process of its own.
func (s *server) work(ctx context.Context, c contender, session string, job talk.Job) (outcome talk.Outcome, err error) {
	job.URL, job.Uncompressed = s.url+"/"+session, c.uncompressed
	text, err := json.Marshal(job)
	if err != nil {
		return outcome, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, c.program), string(text))
	cmd.Env = s.env
	var failed bytes.Buffer
	cmd.Stderr = &failed
	said, err := cmd.Output()
	if err != nil {
		return outcome, fmt.Errorf("%s: %w: %s", c.Name, err, failed.String())
	}
	return outcome, json.Unmarshal(said, &outcome)
}
