package main

import (
	"fmt"
	"io"
)

// meter shows on a terminal how far the reports are, on one line that it
// writes over.
type meter struct {
	w      io.Writer
	on     bool
	behind string // what the line holds
}

func (m *meter) show(done, total int) {
	if !m.on || total == 0 {
		return
	}
	const wide = 40
	full := wide * done / total
	line := fmt.Sprintf("\rreporting [%-*.*s] %d of %d", wide, full, "########################################", done, total)
	if line != m.behind {
		m.behind = line
		fmt.Fprint(m.w, line)
	}
}

// clear takes the line away.
func (m *meter) clear() {
	if m.behind != "" {
		fmt.Fprintf(m.w, "\r%*s\r", len(m.behind)-1, "")
		m.behind = ""
	}
}
