package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// What this program is when it starts itself, by the environment: a DSN has a
// password, and arguments are for everybody to see.
const (
	roleVariable = "DEVICESTATUS_ENGINE_ROLE"
	dsnVariable  = "DEVICESTATUS_ENGINE_DSN"

	roleCell   = "cell"   // measures one cell, as standard input says
	roleWorker = "worker" // drains, from the first line of standard input to its end
)

// itself answers the command of this program in a role.
func itself(ctx context.Context, role, dsn string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dsnVariable+"="+dsn)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// process is a worker in a process of its own.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startProcess answers when the worker has opened its store.
func startProcess(ctx context.Context, dsn string, calls int) (*process, error) {
	cmd, err := itself(ctx, roleWorker, dsn)
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, strconv.Itoa(calls))
	p := &process{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := p.out.ReadString('\n'); err != nil {
		_, _ = p.end()
		return nil, fmt.Errorf("a worker did not start: %w", err)
	}
	return p, nil
}

func (p *process) run() error {
	_, err := io.WriteString(p.in, "run\n")
	return err
}

func (p *process) end() (did worked, err error) {
	_ = p.in.Close()
	err = json.NewDecoder(p.out).Decode(&did)
	if ended := p.cmd.Wait(); ended != nil {
		err = ended
	}
	return did, err
}

// work is the worker's side.
func work(ctx context.Context, dsn string) error {
	db, store, err := storeOn(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	calls, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	e, err := newEngine(store, calls)
	if err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return json.NewEncoder(os.Stdout).Encode(worked{}) // it was not needed
	}
	watch, began := watchMemory(), ownTime()
	running, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	var failed error
	group.Go(func() { failed = e.Run(running) })
	_, _ = io.Copy(io.Discard, in)
	stop()
	group.Wait()
	if failed != nil {
		return failed
	}
	c, err := e.Counters(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(worked{Sent: c.Sent, CPU: ownTime() - began, Memory: watch.end()})
}
