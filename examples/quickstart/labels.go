package main

import "github.com/mdmkit/devicestatus/examples/internal/environ"

// What every table and summary of a run that is not real says.
const (
	markSimulated = "SIMULATED"
	markShown     = "NOT SENT"
)

// labels are what a run is called on everything that it prints.
type labels struct {
	mark  string // one of the above; empty where the run is real
	title string
}

func label(c environ.Config, real, apply bool) labels {
	where := c.Authority
	if where == "" {
		where = "the global cloud"
	}
	switch {
	case !real:
		return labels{markSimulated, "SIMULATED: this program plays Microsoft's part. Nothing leaves this machine."}
	case !apply:
		return labels{markShown, "NOT SENT: this is what -apply would send to Microsoft, " + where + "."}
	}
	return labels{"", "Reported to Microsoft, " + where + "."}
}

// prefix goes before each heading.
func (l labels) prefix() string {
	if l.mark == "" {
		return ""
	}
	return l.mark + "  "
}
