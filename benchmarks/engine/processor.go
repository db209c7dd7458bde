package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ownTime answers what the processor has worked for this process.
func ownTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime tells what the processor has worked for the server of PostgreSQL,
// where that is on this machine: zero otherwise.
type serverTime struct{ postmaster int }

// tick is the unit of times in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

func (d *database) serverTime(ctx context.Context) (serverTime, error) {
	if d.name != onPostgres {
		return serverTime{}, nil
	}
	var backend int
	if err := d.db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return serverTime{}, err
	}
	stat, err := readStat(strconv.Itoa(backend))
	if err != nil || stat.name != "postgres" {
		return serverTime{}, nil // elsewhere
	}
	return serverTime{stat.parent}, nil
}

// now adds up the server's processes. What one has used is its parent's when it
// has ended, so that the sum only grows.
func (s serverTime) now() (all time.Duration) {
	if s.postmaster == 0 {
		return 0
	}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		id := filepath.Base(name)
		switch stat, err := readStat(id); {
		case err != nil:
		case id == strconv.Itoa(s.postmaster):
			all += stat.own + stat.ended
		case stat.parent == s.postmaster:
			all += stat.own
		}
	}
	return all
}

type stat struct {
	name       string
	parent     int
	own, ended time.Duration
}

func readStat(id string) (stat, error) {
	text, err := os.ReadFile("/proc/" + id + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// parseStat reads proc_pid_stat(5). The name may hold anything, also brackets.
func parseStat(text string) (s stat, err error) {
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return s, errors.New("no name")
	}
	s.name = text[from+1 : to]
	fields := strings.Fields(text[to+1:])
	if len(fields) < 15 {
		return s, errors.New("too few fields")
	}
	number := func(at int) int64 {
		n, bad := strconv.ParseInt(fields[at], 10, 64)
		err = errors.Join(err, bad)
		return n
	}
	s.parent = int(number(1))
	s.own = time.Duration(number(11)+number(12)) * tick
	s.ended = time.Duration(number(13)+number(14)) * tick
	return s, err
}
