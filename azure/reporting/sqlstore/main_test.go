//go:build unix

package sqlstore_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// children are what this test program does when it runs as another process.
var children = map[string]func(args []string) error{
	"write": childWrite, "lock": childLock, "claim": childClaim, "open": childOpen, "fill": childFill,
}

func TestMain(m *testing.M) {
	name := os.Getenv("SQLSTORE_TEST_CHILD")
	if name == "" {
		os.Exit(m.Run())
	}
	if err := children[name](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is another process.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner // what it prints
}

func startChild(t *testing.T, name string, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := &child{cmd: exec.CommandContext(t.Context(), self, args...)}
	c.cmd.Env = append(os.Environ(), "SQLSTORE_TEST_CHILD="+name)
	c.cmd.Stderr = os.Stderr
	c.in, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.lines = bufio.NewScanner(out)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	return c
}

// line waits for the next line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	require.True(t, c.lines.Scan(), "the child has ended")
	return c.lines.Text()
}

// rest reads what the child still prints, and waits for its end.
func (c *child) rest() (lines []string, err error) {
	for c.lines.Scan() {
		lines = append(lines, c.lines.Text())
	}
	return lines, c.cmd.Wait()
}
