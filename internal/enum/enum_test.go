package enum

import (
	"strings"
	"testing"
)

var colours = Names{Type: "Colour", Texts: []string{"", "dark-red", "blue"}}

func TestString(t *testing.T) {
	for v, want := range []string{"unspecified", "dark-red", "blue", "Colour(3)"} {
		if got := colours.String(uint8(v)); got != want {
			t.Errorf("String(%d) = %q, want %q", v, got, want)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	for v := range uint8(3) {
		text, err := colours.AppendText(nil, v)
		if err != nil {
			t.Fatalf("AppendText(%d): %v", v, err)
		}
		got, err := colours.Parse(text)
		if err != nil || got != v {
			t.Errorf("Parse(%q) = %d, %v, want %d", text, got, err, v)
		}
	}
	if _, err := colours.AppendText(nil, 3); err == nil || !strings.Contains(err.Error(), "Colour(3)") {
		t.Errorf("AppendText(3) error = %v, want one that names Colour(3)", err)
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"dark-red", "Dark Red", "DARK_RED", "darkred", " dark--red "} {
		if got, err := colours.Parse([]byte(s)); err != nil || got != 1 {
			t.Errorf("Parse(%q) = %d, %v, want 1", s, got, err)
		}
	}
	for _, s := range []string{"red", "dark", "dark-redder", " ", "-", "unspecified", "Colour(1)", "1"} {
		got, err := colours.Parse([]byte(s))
		if err == nil || got != 0 || !strings.Contains(err.Error(), s) {
			t.Errorf("Parse(%q) = %d, %v, want 0 and an error that quotes it", s, got, err)
		}
	}
	_, err := colours.Parse([]byte(strings.Repeat("x\n", 500)))
	if err == nil || len(err.Error()) > 160 || strings.Contains(err.Error(), "\n") {
		t.Errorf("Parse of long text: error %q, want one short line", err)
	}
}
