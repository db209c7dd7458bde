package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The columns of a fleet file.
const (
	columnTenant   = "tenant"
	columnDevice   = "device"
	columnPlatform = "platform"
	columnActions  = "actions"
	columnAzureID  = "azure_device_id"
	columnCode     = "client_code"
	columnUser     = "user"
	columnName     = "device_name"
	columnVersion  = "os_version"
	columnCheckIn  = "last_check_in"
)

// header is the names of a file's columns, in its order; empty where a column
// is not used.
type header []string

// readHeader reads the first line that is not blank. A column that is not
// known is a fault; one that is needed and missing is an error.
func readHeader(lines *lineReader) (header, []fault, error) {
	for {
		text, tooLong, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, errors.New("the file is empty")
		case err != nil:
			return nil, nil, err
		case tooLong:
			return nil, nil, fmt.Errorf("line %d: longer than %d bytes", lines.number, mostLine)
		}
		if lines.number == 1 {
			if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
				return nil, nil, errors.New("line 1: the file is UTF-16; save it as UTF-8")
			}
			text = strings.TrimPrefix(text, "\ufeff")
		}
		values, err := split(text)
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", lines.number, err)
		}
		if !blank(values) {
			head, faults, err := parseHeader(lines.number, values)
			if err != nil {
				err = fmt.Errorf("line %d: %w", lines.number, err)
			}
			return head, faults, err
		}
	}
}

func parseHeader(line int, values []string) (header, []fault, error) {
	var head header
	var faults []fault
	for _, value := range values {
		name := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(value)))
		switch name {
		case columnTenant, columnDevice, columnPlatform, columnActions,
			columnAzureID, columnCode, columnUser, columnName, columnVersion, columnCheckIn:
			if slices.Contains(head, name) {
				return nil, nil, fmt.Errorf("the column %s is there twice", name)
			}
		default:
			faults = append(faults, fault{line: line, what: "column " + quote(value) + " is not known", effect: effectNoColumn})
			name = ""
		}
		head = append(head, name)
	}
	var missing []string
	for _, name := range []string{columnTenant, columnDevice, columnPlatform, columnActions} {
		if !slices.Contains(head, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == 0:
		return head, faults, nil
	case len(values) == 1 && strings.ContainsAny(values[0], ";\t"):
		return nil, nil, errors.New("columns are separated by commas, not by semicolons or tabs")
	}
	return nil, nil, fmt.Errorf("no header: the first line names the columns, and these are missing: %s", strings.Join(missing, ", "))
}
