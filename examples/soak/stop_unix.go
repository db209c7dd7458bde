//go:build unix

package main

import (
	"os"
	"syscall"
)

const canStop = true

// pause stops a process where it stands.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// resume lets it go on.
func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
