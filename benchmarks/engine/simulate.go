package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// simulated is what came of one fleet in the simulator, in virtual time.
type simulated struct {
	Devices, Tenants int
	Took             time.Duration   // until the last device was written
	Sent, Refused    int             // writes
	Waits            []time.Duration // of devices that turned non-compliant meanwhile, sorted
	Real             time.Duration   // what the simulation took
}

// saysSimulated begins the line of the test's output that holds the result.
const saysSimulated = "simulated: "

// simulate runs the test that simulates a fleet: virtual time is for tests only.
// It needs the source of this program around it.
func simulate(ctx context.Context, size fleetSize) (*simulated, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-run=^TestFullReport$", "-v", "-timeout=2h", ".",
		fmt.Sprintf("-devices=%d", size.devices), fmt.Sprintf("-tenants=%d", size.tenants))
	cmd.Env = append(os.Environ(), "GOWORK=off")
	text, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	_, rest, ok := bytes.Cut(text, []byte(saysSimulated))
	if !ok {
		return nil, errors.New("the test said nothing of a simulation")
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	s := &simulated{}
	return s, json.Unmarshal(line, s)
}

// wait answers how long a part of the devices waited at most.
func (s *simulated) wait(part float64) time.Duration {
	if len(s.Waits) == 0 {
		return 0
	}
	return s.Waits[min(len(s.Waits)-1, int(part*float64(len(s.Waits))))]
}

func (r *results) simulatedTable() string {
	var b strings.Builder
	b.WriteString("| devices | tenants | a full report | times the time by hand | writes refused | a non-compliant device waited: half of them | at most | of | simulated in |\n|---|---|---|---|---|---|---|---|---|\n")
	all := slices.SortedFunc(slices.Values(r.Sizing), func(a, b *simulated) int {
		if a.Devices != b.Devices {
			return a.Devices - b.Devices
		}
		return a.Tenants - b.Tenants
	})
	for _, s := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %.3f | %d | %.2f s | %.2f s | %d | %s |\n", grouped(s.Devices), grouped(s.Tenants), lasting(s.Took),
			s.Took.Seconds()/fullReport(s.Devices, s.Tenants).Seconds(), s.Refused, s.wait(0.5).Seconds(), s.wait(1).Seconds(), len(s.Waits), lasting(s.Real))
	}
	return b.String()
}
