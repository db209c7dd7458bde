package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What Microsoft publishes for writes to devices in Microsoft Graph.
const (
	tenantWrites      = 3000.0 / 150   // a second, one application in one tenant
	applicationWrites = 35_000.0 / 300 // a second, one application in all tenants
)

const week = 7 * 24 * time.Hour

// writesASecond is what one application may write in so many tenants.
func writesASecond(tenants int) float64 {
	return min(float64(tenants)*tenantWrites, applicationWrites)
}

// fullReport is how long writing every device once takes, where they are spread
// over the tenants evenly.
func fullReport(devices, tenants int) time.Duration {
	return time.Duration(float64(devices) / writesASecond(tenants) * float64(time.Second))
}

// weekly is the share of what may be written that writing every device once a
// week takes.
func weekly(devices, tenants int) float64 {
	return float64(devices) / week.Seconds() / writesASecond(tenants)
}

// fleetSize is a number of devices, spread over a number of tenants.
type fleetSize struct{ devices, tenants int }

// fleetSizes reads 10000x1,1000000x100.
func fleetSizes(text string) (all []fleetSize, err error) {
	for part := range strings.SplitSeq(text, ",") {
		devices, tenants, _ := strings.Cut(part, "x")
		d, err := strconv.Atoi(devices)
		t, other := strconv.Atoi(tenants)
		if err != nil || other != nil || t < 1 || d < t {
			return nil, fmt.Errorf("%q is not like 10000x1: devices, and no more tenants", part)
		}
		all = append(all, fleetSize{d, t})
	}
	return all, nil
}

// limitsTable is what the limits mean, by hand.
func limitsTable() string {
	var b strings.Builder
	b.WriteString("| devices | tenants | writes a second | a full report | once a week takes |\n|---|---|---|---|---|\n")
	for _, devices := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		for tenants, name := range []string{1: "1", 3: "3", 6: "6 or more"} {
			if name == "" {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s / %s = %s | %s |\n", grouped(devices), name, rate(writesASecond(tenants)),
				grouped(devices), rate(writesASecond(tenants)), lasting(fullReport(devices, tenants)), percent(weekly(devices, tenants)))
		}
	}
	return b.String()
}

func rate(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

func percent(v float64) string {
	if v < 0.01 {
		return fmt.Sprintf("%.2g %%", 100*v)
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// lasting writes a duration by its two largest units.
func lasting(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}
