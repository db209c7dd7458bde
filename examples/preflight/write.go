package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
)

// width is how wide a line gets, in characters.
const width = 100

func writeText(w io.Writer, t target, platforms []azure.Platform, findings []azure.Finding) error {
	mark := ""
	if t.simulated {
		mark = "SIMULATED  "
	}
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%sPREFLIGHT\n\n  tenant %s, %s, with %s\n", mark, t.id, t.name, strings.Join(names, ", "))
	count := map[azure.CheckState]int{}
	for _, f := range findings {
		count[f.State]++
		fmt.Fprintf(&b, "\n  %-12s  %s\n", stateText(f.State), f.Check)
		paragraph(&b, "saw ", f.Saw)
		paragraph(&b, "do  ", f.Advice)
		// For Microsoft's support, where there is an answer of Microsoft's.
		if f.Err != nil && f.Err.RequestID != "" {
			paragraph(&b, "id  ", "request-id "+f.Err.RequestID+", client-request-id "+f.Err.ClientRequestID)
		}
	}
	fmt.Fprintf(&b, "\n%s%d passed, %d failed, %d not possible\n", mark, count[azure.CheckPassed], count[azure.CheckFailed], count[azure.CheckNotPossible])
	_, err := io.WriteString(w, b.String())
	return err
}

func stateText(s azure.CheckState) string {
	switch s {
	case azure.CheckPassed:
		return "passed"
	case azure.CheckFailed:
		return "FAILED"
	}
	return "not possible"
}

// paragraph writes a text in lines of at most width characters, under its
// label; nothing for an empty text.
func paragraph(b *strings.Builder, label, text string) {
	const indent = "                  "
	words := strings.Fields(text)
	for first := true; len(words) > 0; first = false {
		line := words[0]
		words = words[1:]
		for len(words) > 0 && len(indent)+len(label)+1+len(line)+len(words[0]) < width {
			line += " " + words[0]
			words = words[1:]
		}
		if !first {
			label = strings.Repeat(" ", len(label))
		}
		fmt.Fprintf(b, "%s%s %s\n", indent[:16], label, line)
	}
}

func writeJSON(w io.Writer, t target, _ []azure.Platform, findings []azure.Finding) error {
	for _, f := range findings {
		text, err := json.Marshal(struct {
			Simulated bool   `json:"simulated,omitempty"`
			Tenant    string `json:"tenant"`
			azure.Finding
		}{t.simulated, t.id, f})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n", text); err != nil {
			return err
		}
	}
	return nil
}
