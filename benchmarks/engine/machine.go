package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine says where the figures are from.
type machine struct {
	CPU   string
	Cores int
	Go    string
	OS    string
	Time  time.Time
}

func thisMachine() machine {
	m := machine{CPU: "unknown CPU", Cores: runtime.NumCPU(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Time: time.Now().UTC().Truncate(time.Second)}
	text, _ := os.ReadFile("/proc/cpuinfo") // Linux has it
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// loadOf answers the machine's mean load of the last minute. Two cores that do
// nothing but a measurement come to two or three.
func loadOf() (load float64) {
	text, _ := os.ReadFile("/proc/loadavg") // Linux has it
	_, _ = fmt.Sscan(string(text), &load)
	return load
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s", m.CPU, m.Cores, m.OS, m.Go, m.Time.Format(time.RFC3339))
}
