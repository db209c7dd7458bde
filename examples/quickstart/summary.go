package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/status"
)

// tally is a run in numbers.
type tally struct {
	rows, refused, flawed int // rows of the file; flawed ones are used all the same
	faults                int // of the file
	due                   int // reports that this run had to send
	accepted, failed      int // devices whose newest standing Microsoft accepted, in this run or before, or should have
	gone                  int // devices that earlier files had
	tokens, calls         int64
	sent                  bool // and not only shown
	interrupted           bool
	store                 string // its path
}

// outcome counts what came of the reports.
func (t *tally) outcome(records []*record) {
	for _, r := range records {
		if r.accepted() {
			t.accepted++
		}
		if r.failed() {
			t.failed++
		}
	}
}

// code is the exit code, as the usage says.
func (t tally) code() int {
	switch {
	case t.accepted == 0 && t.failed > 0:
		return exitFailure
	case t.failed > 0 || t.refused > 0 || t.faults > 0 || t.interrupted:
		return exitPartial
	}
	return exitSuccess
}

func writeSummary(w io.Writer, l labels, records []*record, t tally) {
	line := func(name, text string) {
		fmt.Fprintf(w, "  %-9s %s\n", name, wrap(text, 120-12, strings.Repeat(" ", 12)))
	}
	fmt.Fprintf(w, "\n%sSUMMARY\n\n", l.prefix())
	line("rows", fmt.Sprintf("%d read, %d not used, %d used in spite of a fault", t.rows, t.refused, t.flawed))
	line("devices", fmt.Sprintf("%d in %s: %s", len(records), plural(len(tenants(records)), "tenant"),
		tallyBy(records, func(r *record) string { return r.platform.String() })))
	line("standing", tallyBy(records, func(r *record) string { return standingText(r.standing) }))
	line("report", tallyBy(records, func(r *record) string {
		if r.details.ComplianceStatus == status.ReportStateUnspecified {
			return "none"
		}
		return r.details.ComplianceStatus.String()
	}))
	line("no time", tallyBy(records, func(r *record) string {
		if r.details.ReportTime.IsZero() {
			return r.details.Blank.ReportTime.String()
		}
		return ""
	}))
	line("removals", tallyBy(records, func(r *record) string { return removalText(r.removal) }))
	line("errors", tallyBy(records, func(r *record) string {
		if r.err == nil {
			return ""
		}
		return r.err.Kind.Error()
	}))
	line("calls", fmt.Sprintf("%d to Entra for tokens, %d to Microsoft for %s", t.tokens, t.calls, plural(t.due, "report")))
	line("store", t.store)
	writeCodes(w, records)
	writeErrors(w, records)
	writeNotes(w, l, records, t)
}

func removalText(f azure.RemovalForm) string {
	switch f {
	case azure.RemovalUnspecified:
		return ""
	case azure.RemovalMarked:
		return "marked (unmanaged, non-compliant; the directory object stays)"
	case azure.RemovalProtected:
		return "marked (the directory object stays, for the device is hybrid-joined)"
	case azure.RemovalDeleted:
		return "with the directory object"
	case azure.RemovalAbsent:
		return "of a device that was gone"
	}
	return f.String()
}

// writeCodes says what the client codes of the fleet mean.
func writeCodes(w io.Writer, records []*record) {
	n := countBy(records, func(r *record) string { return r.details.ClientCode.String() })
	if len(n) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  Azure Client Status Codes:\n")
	for _, text := range byCount(n) {
		code := status.ClientCode(text)
		meaning := code.Description()
		if code.UserCanResolve() {
			meaning += "; the user can do that"
		}
		fmt.Fprintf(w, "  %7d %-35s  %s\n", n[text], text, meaning)
	}
}

// writeErrors says each kind of error once, with the first report's ids for
// Microsoft's support. The text of an *azure.Error holds no names.
func writeErrors(w io.Writer, records []*record) {
	type group struct {
		kind azure.Kind
		code string
	}
	said := map[group]bool{}
	for _, r := range records {
		if r.err == nil {
			continue
		}
		if g := (group{r.err.Kind, r.err.ErrorCode}); !said[g] {
			said[g] = true
			fmt.Fprintf(w, "\n  %s: %v\n", r.hostID, r.err)
		}
	}
}

func writeNotes(w io.Writer, l labels, records []*record, t tally) {
	number := func(is func(*record) bool) int {
		return len(slices.DeleteFunc(slices.Clone(records), func(r *record) bool { return !is(r) }))
	}
	note := func(format string, args ...any) { fmt.Fprintf(w, "\n  "+format+"\n", args...) }
	switch {
	case t.interrupted:
		note("Interrupted. Run it again to report the rest.")
	case t.sent && t.due == 0:
		note("There was nothing to send: Microsoft has all of this from earlier runs, or waits for nothing.")
	}
	if n := number(func(r *record) bool { return t.sent && !t.interrupted && r.failed() }); n > 0 {
		note("%s did not get through. Run it again to try again.", plural(n, "device"))
	}
	if n := number(func(r *record) bool { return r.details.Blank.ReportTime == status.BlankHeld }); n > 0 {
		note("%s: the removal is held, for too many were retired at once. If that is meant, -approve sends it.", plural(n, "device"))
	}
	if n := number(func(r *record) bool { return r.details.ComplianceStatus == status.Failed && !r.failed() }); n > 0 {
		note("%s Failed with nothing sent: the device or its user has to act first. That is no failure of this run.", plural(n, "device"))
	}
	if n := number(func(r *record) bool {
		return r.details.ComplianceStatus == status.InProgress && r.accepted()
	}); n > 0 {
		note("%s: Microsoft took the report and has not said what became of it. Run it again to ask.", plural(n, "device"))
	}
	if t.gone > 0 {
		note("%s of earlier files not in this one: Azure holds what was reported last. Retire what is gone.", plural(t.gone, "device"))
	}
	if n := number(func(r *record) bool { return r.details.Conflict }); n > 0 {
		note("%s claim an Azure id that another one claims too: the strictest standing of them is what counts.", plural(n, "device"))
	}
	switch l.mark {
	case markSimulated:
		note("SIMULATED: no answer above is Microsoft's. \"quickstart -h\" says how to report a fleet of your own for real.")
	case markShown:
		note("NOT SENT: -apply sends it.")
	}
}

func countBy(records []*record, name func(*record) string) map[string]int {
	n := map[string]int{}
	for _, r := range records {
		if s := name(r); s != "" {
			n[s]++
		}
	}
	return n
}

// byCount answers the names, the most frequent first.
func byCount(n map[string]int) []string {
	return slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		if n[a] != n[b] {
			return n[b] - n[a]
		}
		return strings.Compare(a, b)
	})
}

// tallyBy says how many records have each name; an empty name is not counted.
func tallyBy(records []*record, name func(*record) string) string {
	n := countBy(records, name)
	if len(n) == 0 {
		return "none"
	}
	names := byCount(n)
	for i, s := range names {
		names[i] = fmt.Sprintf("%d %s", n[s], s)
	}
	return strings.Join(names, ", ")
}

// wrap breaks a list behind commas so that no line is wider than width, which
// does not count the indent of the lines that follow.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	for len(text) > width {
		at := strings.LastIndex(text[:width], ", ")
		if at < 0 {
			break
		}
		b.WriteString(text[:at+1] + "\n" + indent)
		text = text[at+2:]
	}
	return b.String() + text
}
