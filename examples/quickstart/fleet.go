package main

import (
	"bufio"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

//go:embed fleet.csv
var includedFleet string

const includedName = "fleet.csv (built in)"

// mostLine bounds a line of the file, in bytes. A row is a few hundred.
const mostLine = 8 << 10

// fleet is what a fleet file says.
type fleet struct {
	devices []device // in the file's order
	faults  []fault
	rows    int // good and bad, without the header and blank lines
}

// readFleet reads a fleet file. What is wrong with one row is a fault of the
// answer and costs the other rows nothing; an error means that the file cannot
// be read or has no usable header.
//
// A row is a line: a quoted value ends on it, so that a forgotten quote cannot
// swallow the rows behind it.
func readFleet(r io.Reader) (fleet, error) {
	lines := lineReader{r: bufio.NewReader(r)}
	head, faults, err := readHeader(&lines)
	if err != nil {
		return fleet{}, err
	}
	f := fleet{faults: faults}
	place := map[string]int{} // of each device in f.devices
	for {
		text, tooLong, err := lines.next()
		if errors.Is(err, io.EOF) {
			slices.SortStableFunc(f.faults, func(a, b fault) int { return a.line - b.line })
			return f, nil
		}
		if err != nil {
			return fleet{}, fmt.Errorf("line %d: %w", lines.number+1, err)
		}
		refuse := func(format string, args ...any) {
			f.rows++
			f.faults = append(f.faults, fault{line: lines.number, what: fmt.Sprintf(format, args...), effect: effectRefused})
		}
		if tooLong {
			refuse("longer than %d bytes", mostLine)
			continue
		}
		values, err := split(text)
		switch {
		case err != nil:
			refuse("%v", err)
		case blank(values):
		case len(values) != len(head):
			refuse("%d values for %d columns", len(values), len(head))
		default:
			f.rows++
			d, faults := head.row(lines.number, values)
			f.faults = append(f.faults, faults...)
			if !slices.ContainsFunc(faults, fault.refused) {
				f.add(d, place)
			}
		}
	}
}

// add takes a device into the fleet. Of two rows of one device the stricter
// standing counts: which of them is older the file does not tell.
func (f *fleet) add(d device, place map[string]int) {
	key := d.tenantID + " " + d.hostID
	at, twice := place[key]
	if !twice {
		place[key] = len(f.devices)
		f.devices = append(f.devices, d)
		return
	}
	kept, dropped := f.devices[at], d
	if stricter(d.state(), kept.state()) {
		kept, dropped = d, kept
		f.devices[at] = d
	}
	f.faults = append(f.faults, fault{
		line: dropped.line, column: "device", effect: effectDuplicate,
		what: fmt.Sprintf("%s is on line %d too", quote(d.hostID), kept.line),
	})
}

// refuseOthers takes the devices of other tenants than tenantID out of the
// fleet, and answers a fault for each such tenant.
func (f *fleet) refuseOthers(tenantID string) []fault {
	var faults []fault
	rows := map[string]int{} // of each other tenant
	first := map[string]int{}
	var others []string
	f.devices = slices.DeleteFunc(f.devices, func(d device) bool {
		if d.tenantID == tenantID {
			return false
		}
		if rows[d.tenantID] == 0 {
			others, first[d.tenantID] = append(others, d.tenantID), d.line
		}
		rows[d.tenantID]++
		return true
	})
	for _, other := range others {
		faults = append(faults, fault{
			line: first[other], column: columnTenant, effect: effectForeign,
			what: fmt.Sprintf("%q, here and in %s in all, is not %s, which is %q", other, plural(rows[other], "row"), environ.Tenant, tenantID),
		})
	}
	return faults
}

// stricter orders standings by what they take away; one that is not known
// takes nothing.
func stricter(a, b compliance.State) bool { return strictness(a) > strictness(b) }

func strictness(s compliance.State) int {
	return slices.Index([]compliance.State{
		compliance.StateUnspecified, compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateRemoved,
	}, s)
}

func blank(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != "" })
}

// split reads the values of one line. Its error shows none of them.
func split(text string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	values, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, fmt.Errorf("%w at byte %d (a quoted value ends on its line)", bad.Err, bad.Column)
	}
	return values, err
}

// lineReader reads lines of bounded length.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line read last, from 1
}

// next answers a line without its end, LF or CR LF.
func (l *lineReader) next() (text string, tooLong bool, err error) {
	var line []byte
	for {
		part, more, err := l.r.ReadLine()
		if err != nil {
			return "", false, err
		}
		if len(line)+len(part) > mostLine {
			tooLong, line = true, nil
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !more {
			l.number++
			return string(line), tooLong, nil
		}
	}
}
