package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if isWorker(os.Args) {
		os.Exit(work(os.Stdin, os.Stderr))
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

// Ten workers are killed, in one place and in two: nothing is lost.
func TestKills(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			out := soaked(t, 0, "-kills=10", fmt.Sprint("-workers=", workers), "-devices=60", "-rate=40", "-life=1s", "-call=3s", "-faults=0.01")
			for _, want := range []string{"all acknowledged: true", "nothing is lost, nothing contradicts"} {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

// Four workers on a server whose connections are cut.
func TestKillsOnPostgreSQL(t *testing.T) {
	if os.Getenv(serverVariable) == "" {
		t.Skip(serverVariable + " is not set; from the root of the checkout: .ci/postgres run go test ./examples/soak")
	}
	t.Parallel()
	out := soaked(t, 0, "-store=postgres", "-kills=10", "-workers=4", "-cuts=2", "-devices=60", "-rate=40", "-life=1s", "-call=3s", "-faults=0.01")
	if want := "nothing is lost, nothing contradicts"; !strings.Contains(out, want) {
		t.Errorf("it does not say %q:\n%s", want, out)
	}
}

// The program finds out that something is lost: a worker that leaves
// observations out and says that it has taken them fails the run.
func TestWhatIsForgottenIsFound(t *testing.T) {
	t.Parallel()
	out := soaked(t, 1, "-kills=0", "-forget=5", "-devices=60", "-faults=0")
	for _, want := range []string{"all acknowledged: true", "lost: the engine does not know the device", "want [\"compliant\"]", "FAULTS of seed 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
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
		{[]string{"-store", "postgres://there"}, 2, "neither sqlite:FILE nor postgres"},
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
