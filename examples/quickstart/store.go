package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
	"github.com/mdmkit/devicestatus/examples/internal/storefile"
)

// storePath answers where the store lies: at path, or in the user's own folder
// for settings. What a simulator was told is kept apart from what Microsoft
// was.
func (p *program) storePath(path string, real bool) (string, error) {
	if path != "" {
		return path, nil
	}
	folder, err := p.home()
	if err != nil {
		return "", fmt.Errorf("no folder for the store: %w; -store says where it lies", err)
	}
	name := "quickstart-simulated.db"
	if real {
		name = "quickstart.db"
	}
	return filepath.Join(folder, "devicestatus", name), nil
}

// account names whom the store's reports go to, so that a store of reports to
// one is never taken for one of reports to another.
func account(c environ.Config, real bool) string {
	switch {
	case !real:
		return "quickstart: the simulator"
	case c.Authority != "":
		return "quickstart: Microsoft at " + c.Authority
	}
	return "quickstart: Microsoft"
}

// openStore opens the store at path. For a run that only shows what would be
// sent it is a copy, which close removes: what was only looked at is not kept.
func openStore(ctx context.Context, path string, shown bool, clock func() time.Time) (store *storefile.File, close func() error, err error) {
	if !shown {
		store, err = storefile.Open(ctx, path, clock)
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	}
	folder, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(folder) }
	at := filepath.Join(folder, "shown.db")
	if _, absent := os.Stat(path); absent == nil {
		err = copyStore(ctx, path, at, clock)
	} else if !errors.Is(absent, os.ErrNotExist) {
		err = absent
	}
	if err == nil {
		store, err = storefile.Open(ctx, at, clock)
	}
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return store, func() error { return errors.Join(store.Close(), remove()) }, nil
}

func copyStore(ctx context.Context, from, to string, clock func() time.Time) error {
	store, err := storefile.Open(ctx, from, clock)
	if err != nil {
		return err
	}
	return errors.Join(store.CopyTo(ctx, to), store.Close())
}

// newEngine makes an engine for runs that come to an end. Its waits are those
// of a program that somebody watches: what a killed run had under way may be
// sent again after half a minute, and a device that turned compliant is not
// made to wait because it was so shortly before.
func newEngine(store reporting.Store, to azure.Reporter, deleteObjects bool) (*reporting.Engine, error) {
	o := &reporting.Options{
		CallTimeout: 20 * time.Second, Lease: 30 * time.Second, Linger: 10 * time.Second, FlapDelay: -1,
		DeleteAfter: -1,
	}
	if deleteObjects {
		o.DeleteAfter = time.Second // the flag says that nobody has to think it over
	}
	return reporting.New(store, to, o)
}

// foreign makes the refusal of a store of other reports one that can be acted
// on.
func foreign(err error, path string) error {
	if errors.Is(err, reporting.ErrForeignTenant) {
		return fmt.Errorf("%s holds what was reported to somebody else than this run would report to; -store says another file", path)
	}
	return err
}
