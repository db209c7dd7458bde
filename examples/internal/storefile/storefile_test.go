package storefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

const tenantID = "aaaaaaaa-0000-4000-8000-000000000001"

// registered says whether a file knows the tenant.
func registered(t *testing.T, f *File) bool {
	t.Helper()
	engine, err := reporting.New(f, fake.New(nil), nil)
	require.NoError(t, err)
	_, err = engine.Tenant(t.Context(), tenantID)
	return err == nil
}

func register(t *testing.T, f *File) {
	t.Helper()
	engine, err := reporting.New(f, fake.New(nil), nil)
	require.NoError(t, err)
	require.NoError(t, engine.RegisterTenant(t.Context(), "a", tenantID))
}

// What is kept is there when the file is opened again, under any name that a
// file can have, and nobody else may read it.
func TestOpen(t *testing.T) {
	for _, name := range []string{"store.db", "a folder/with spaces.db", "100% #1?.db"} {
		path := filepath.Join(t.TempDir(), "new", name)
		f, err := Open(t.Context(), path, nil)
		require.NoError(t, err, name)
		register(t, f)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: mode %v", name, got)
		}
		for _, beside := range []string{"-wal", "-shm"} {
			if info, err := os.Stat(path + beside); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v", name+beside, info.Mode().Perm())
			}
		}
		require.NoError(t, f.Close())

		f, err = Open(t.Context(), path, nil)
		require.NoError(t, err, name)
		if !registered(t, f) {
			t.Errorf("%s: what was kept is gone", name)
		}
		require.NoError(t, f.Close())
	}
}

// A copy has what the file had, and goes its own way.
func TestCopyTo(t *testing.T) {
	dir := t.TempDir()
	f, err := Open(t.Context(), filepath.Join(dir, "store.db"), nil)
	require.NoError(t, err)
	defer f.Close()
	empty := filepath.Join(dir, "it's empty.db")
	require.NoError(t, f.CopyTo(t.Context(), empty))
	register(t, f)
	full := filepath.Join(dir, "full.db")
	require.NoError(t, f.CopyTo(t.Context(), full))
	for path, want := range map[string]bool{empty: false, full: true} {
		c, err := Open(t.Context(), path, nil)
		require.NoError(t, err)
		if got := registered(t, c); got != want {
			t.Errorf("%s knows the tenant: %v, want %v", filepath.Base(path), got, want)
		}
		require.NoError(t, c.Close())
	}
	if f.CopyTo(t.Context(), full) == nil {
		t.Error("a copy over a file that is there succeeds")
	}
}

// A file goes on serving the one that it served first.
func TestFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for _, step := range []struct {
		to string
		ok bool
	}{{"a", true}, {"a", true}, {"b", false}, {"a", true}} {
		f, err := Open(t.Context(), path, nil)
		require.NoError(t, err)
		if err := f.For(t.Context(), step.to); (err == nil) != step.ok || err != nil && !errors.Is(err, ErrOtherReports) {
			t.Errorf("%s: %v", step.to, err)
		}
		require.NoError(t, f.Close())
	}
}

// What is no store, or no file, is an error that names it.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("this is no database, and long enough to be seen as none"), 0o600))
	for _, path := range []string{dir, text, filepath.Join(text, "below")} {
		f, err := Open(t.Context(), path, nil)
		if err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
			continue
		}
		require.ErrorContains(t, err, path[:len(dir)])
	}
}
