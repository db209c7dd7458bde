package sqlstore

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// prefix is what a table's name may begin with: it is part of statements.
var prefix = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,30}$`)

// checkKey refuses a key beyond the limits of reporting.Key, and names the
// fault.
func checkKey(k reporting.Key) error {
	if err := checkText("Key.Tenant", k.Tenant, 200); err != nil {
		return err
	}
	return checkText("Key.ID", k.ID, 200)
}

// checkRow refuses a row beyond the limits of reporting.Row.
func checkRow(r *reporting.Row) error {
	if err := checkText("Row.Queue", r.Queue, 400); err != nil {
		return err
	}
	return checkText("Row.Label", r.Label, 100)
}

func checkText(name, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("sqlstore: %s has %d bytes, at most %d are allowed", name, len(text), most)
	case strings.IndexByte(text, 0) >= 0:
		return fmt.Errorf("sqlstore: %s contains NUL", name)
	case !utf8.ValidString(text):
		return fmt.Errorf("sqlstore: %s is not valid UTF-8", name)
	}
	return nil
}
