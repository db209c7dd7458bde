package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// take measures what was asked for, and keeps what the file of results holds
// beside it.
func take(ctx context.Context, o options) (*results, error) {
	r := &results{}
	if o.json != "" {
		old, err := load(o.json)
		if err == nil {
			r = old
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if len(r.Cells) == 0 || slices.Contains(o.parts, "load") { // it is said of the cells: a simulation is the same on any machine
		r.Machine, r.Rounds = thisMachine(), o.plan.Rounds
	}
	for _, part := range o.parts {
		var err error
		switch part {
		case "load":
			err = r.takeCells(ctx, o)
		case "sizing":
			err = r.takeSizing(ctx, o)
		default:
			err = fmt.Errorf("-run: there is no part %q", part)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// takeCells measures each store at each size, in a process of its own.
func (r *results) takeCells(ctx context.Context, o options) error {
	for _, size := range o.sizes {
		for _, store := range o.stores {
			if store == onPostgres && o.plan.Postgres == "" {
				fmt.Fprintln(os.Stderr, "PostgreSQL is left out: no -postgres, and DEVICESTATUS_POSTGRES is not set (.ci/postgres start starts a server)")
				continue
			}
			p := o.plan
			p.Store, p.Devices = store, size
			if size%(p.Tenants*inOneCall) != 0 {
				return fmt.Errorf("-devices: %d is not a multiple of %d tenants of 1,000", size, p.Tenants)
			}
			fmt.Fprintf(os.Stderr, "%s, %s devices\n", store, grouped(size))
			c, err := cellIn(ctx, p)
			if err != nil {
				return fmt.Errorf("%s, %d devices: %w", store, size, err)
			}
			r.Cells = slices.DeleteFunc(r.Cells, func(was *cell) bool { return was.Store == store && was.Devices == size })
			r.Cells = append(r.Cells, c)
			if err := r.save(o.json); err != nil {
				return err
			}
		}
	}
	return nil
}

// cellIn measures one cell in a process of its own.
func cellIn(ctx context.Context, p plan) (*cell, error) {
	cmd, err := itself(ctx, roleCell, p.Postgres)
	if err != nil {
		return nil, err
	}
	p.Postgres = ""
	asked, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd.Stdin = bytes.NewReader(asked)
	said, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	c := &cell{}
	return c, json.Unmarshal(said, c)
}

func (r *results) takeSizing(ctx context.Context, o options) error {
	for _, size := range o.sizing {
		fmt.Fprintf(os.Stderr, "simulating %s devices of %d tenants\n", grouped(size.devices), size.tenants)
		s, err := simulate(ctx, size)
		if err != nil {
			return err
		}
		r.Sizing = slices.DeleteFunc(r.Sizing, func(was *simulated) bool { return was.Devices == s.Devices && was.Tenants == s.Tenants })
		r.Sizing = append(r.Sizing, s)
		if err := r.save(o.json); err != nil {
			return err
		}
	}
	return nil
}
