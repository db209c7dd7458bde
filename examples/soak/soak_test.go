package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// folderVariable is the environment variable by which .ci/postgres says that
// it works here.
const folderVariable = "DEVICESTATUS_POSTGRES_FOLDER"

func TestMain(m *testing.M) {
	if isWorker(os.Args) {
		os.Exit(work(os.Stdin, os.Stderr))
	}
	flag.Parse()
	// They wait for leases, most of the time: all of them at once.
	if p := flag.Lookup("test.parallel"); p.Value.String() == p.DefValue {
		_ = p.Value.Set("8")
	}
	os.Exit(m.Run())
}

// soaked runs the program and answers what it printed.
func soaked(t *testing.T, want int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	if code != want {
		t.Errorf("soak %s ends with %d, want %d\n%s%s", strings.Join(args, " "), code, want, &stdout, &stderr)
	}
	return stdout.String()
}

// says looks for texts in what the program printed.
func says(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, want := range want {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// Ten workers are killed, in one place and in two: nothing is lost.
func TestKills(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			out := soaked(t, 0, "-kills=10", fmt.Sprint("-workers=", workers), "-devices=60", "-rate=40", "-life=1s", "-call=3s", "-faults=0.01")
			says(t, out, "killed 10 times", "all acknowledged: true", "nothing is lost, nothing contradicts")
		})
	}
}

// Four workers on PostgreSQL are killed, two of them stop for longer than their
// lease and go on, connections are cut, and the server is restarted: each of
// these happens, nothing is lost, all ends as it should, and no quota is
// exceeded.
func TestChaosOnPostgreSQL(t *testing.T) {
	if os.Getenv(serverVariable) == "" || os.Getenv(folderVariable) == "" {
		t.Skip(serverVariable + " and " + folderVariable + " are not set; to start a server, run this from the root of the checkout:" +
			" .ci/postgres run go test ./examples/soak")
	}
	t.Parallel()
	// A server of its own: this one is restarted, and others use that one.
	const script = "../../.ci/postgres"
	started, err := exec.Command(script, "start").Output()
	require.NoError(t, err)
	folder, source, _ := strings.Cut(strings.TrimSpace(string(started)), "\n")
	defer func() {
		if out, err := exec.Command(script, "stop", folder).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}()
	out := soaked(t, 0, "-store=postgres:"+source, "-kills=8", "-workers=4", "-stops=2", "-cuts=2", "-restarts=1", "-restart="+script+" restart "+folder,
		"-devices=60", "-rate=30", "-life=1s", "-call=2s", "-faults=0.01")
	says(t, out, "killed 8 times", "stopped for longer than a lease 2 times", "the server restarted 1 times", "all acknowledged: true", "nothing is lost, nothing contradicts")
	for _, want := range []string{`[1-9][0-9]* writes of theirs taken over`, `[1-9][0-9]* connections cut`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// The program finds out that something is lost: a worker that leaves
// observations out and says that it has taken them fails the run.
func TestWhatIsForgottenIsFound(t *testing.T) {
	t.Parallel()
	out := soaked(t, 1, "-kills=0", "-forget=5", "-devices=60", "-faults=0")
	says(t, out, "all acknowledged: true", "lost: the engine does not know the device", "want [\"compliant\"]", "FAULTS of seed 1")
	// What is wrong stays to be looked at: here nobody does.
	_, folder, _ := strings.Cut(out, "logs are in ")
	if err := os.RemoveAll(strings.TrimSpace(folder)); err != nil {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	there := t.TempDir() + "/there.db"
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "-kills"},
		{[]string{"-kills", "-1"}, 2, "must not be negative"},
		{[]string{"-workers", "0"}, 2, "have to be positive"},
		{[]string{"-faults", "0.9"}, 2, "between 0 and 0.5"},
		{[]string{"-store", "mysql:there"}, 2, "neither sqlite:FILE nor postgres"},
		{[]string{"-cuts", "1"}, 2, "need -store postgres"},
		{[]string{"-store", "sqlite:" + there}, 1, "is there already"},
		{[]string{"more"}, 2, `unexpected argument "more"`},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), c.args, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: %d %s, want %d %s", c.args, code, stderr.String(), c.code, c.says)
		}
	}
}
