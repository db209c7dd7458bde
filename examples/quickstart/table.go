package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// section is the devices of one tenant that have one standing and one story.
type section struct {
	standing compliance.State
	rank     int // its place among the tenant's sections
	story    string
	records  []*record
}

// writeTable writes the Azure Device Details of every device, by tenant and by
// what became of the report, so that a sentence is read once. What went wrong
// comes last, where a terminal stands.
func writeTable(w io.Writer, l labels, records []*record, day time.Time) {
	fmt.Fprintf(w, "%sAZURE DEVICE DETAILS, %s\n\n  %s\n", l.prefix(), day.Format(time.DateOnly), l.title)
	fmt.Fprint(w, "  The fields: Azure Device Identifier, Azure Device Compliance Status, Azure Client Status Code, Azure Device\n"+
		"  Compliance Report Time. In parentheses: why a field is blank.\n")
	for _, tenant := range tenants(records) {
		own := ofTenant(records, tenant)
		fmt.Fprintf(w, "\n%sTenant %s, %s\n", l.prefix(), tenant, plural(len(own), "device"))
		for _, s := range sections(own) {
			heading := fmt.Sprintf("%s%s %s:", l.prefix(), plural(len(s.records), "device"), standingText(s.standing))
			gap := " "
			if len(heading)+len(s.story) >= 120 {
				gap = "\n  "
			}
			fmt.Fprintf(w, "\n%s%s%s\n", heading, gap, s.story)
			writeRows(w, s.records, day)
		}
	}
}

func writeRows(w io.Writer, records []*record, day time.Time) {
	rows := [][]string{{"DEVICE", "OS", "AZURE DEVICE IDENTIFIER", "STATUS", "CLIENT CODE", "REPORT TIME"}}
	for _, r := range records {
		d := r.details
		rows = append(rows, []string{
			r.hostID, r.platform.String(),
			cell(d.AzureDeviceID, d.Blank.AzureDeviceID),
			cell(d.ComplianceStatus.String(), d.Blank.ComplianceStatus),
			cell(d.ClientCode.String(), d.Blank.ClientCode),
			cell(clock(d.ReportTime, day), d.Blank.ReportTime),
		})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, text := range row {
			fmt.Fprintf(&b, "  %-*s", widths[i], text)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// cell is a field, or in parentheses why it is blank.
func cell(value string, why status.BlankReason) string {
	if why != status.BlankUnspecified {
		return "(" + why.String() + ")"
	}
	return value
}

// clock leaves the date out where it is the one above the table.
func clock(t, day time.Time) string {
	if t.UTC().Format(time.DateOnly) == day.UTC().Format(time.DateOnly) {
		return t.UTC().Format(time.TimeOnly)
	}
	return t.UTC().Format(time.DateTime)
}

// sections groups records by standing and story, failures last.
func sections(records []*record) []section {
	var all []section
	for _, r := range records {
		s := section{standing: r.standing, rank: rank(r.details), story: story(r)}
		at := slices.IndexFunc(all, func(o section) bool {
			return o.standing == s.standing && o.rank == s.rank && o.story == s.story
		})
		if at < 0 {
			at = len(all)
			all = append(all, s)
		}
		all[at].records = append(all[at].records, r)
	}
	slices.SortStableFunc(all, func(a, b section) int {
		return cmp.Or(
			cmp.Compare(a.rank, b.rank), cmp.Compare(a.story, b.story), cmp.Compare(strictness(a.standing), strictness(b.standing)),
		)
	})
	return all
}

// rank orders sections: what was sent, or would be, what is not to be sent,
// what is on its way, and what failed.
func rank(d status.Device) int {
	switch {
	case d.ComplianceStatus == status.Successful, d.Blank.ReportTime == status.BlankReportOnly:
		return 0
	case d.ComplianceStatus == status.ReportStateUnspecified:
		return 1
	case d.ComplianceStatus == status.InProgress:
		return 2
	}
	return 3
}

// story is the sentence about a record, the same for all of which the same is
// true: the client code and the time of the report have columns of their own.
func story(r *record) string {
	d := r.details
	d.ClientCode = ""
	sentence := d.Explain()
	if !d.ReportTime.IsZero() {
		sentence = strings.Replace(sentence, " at "+d.ReportTime.Format("2006-01-02 15:04:05 UTC"), "", 1)
	}
	if r.would != "" {
		sentence = r.would
	}
	return sentence
}

func standingText(s compliance.State) string {
	if s == compliance.StateUnspecified {
		return "not evaluated"
	}
	return s.String()
}

// tenants answers the records' tenants, in the order of their first devices.
func tenants(records []*record) []string {
	var all []string
	for _, r := range records {
		if !slices.Contains(all, r.tenantID) {
			all = append(all, r.tenantID)
		}
	}
	return all
}

func ofTenant(records []*record, tenantID string) []*record {
	var own []*record
	for _, r := range records {
		if r.tenantID == tenantID {
			own = append(own, r)
		}
	}
	return own
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
