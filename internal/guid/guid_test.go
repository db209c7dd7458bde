package guid

import (
	"regexp"
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want bool
	}{
		{"007c8232-9489-4074-9b35-345b16f0a72d", true},
		{"007C8232-9489-4074-9B35-345B16F0A72D", true},
		{"00000000-0000-0000-0000-000000000001", true},
		{"00000000-0000-0000-0000-000000000000", false},
		{"", false},
		{"{007c8232-9489-4074-9b35-345b16f0a72d}", false},
		{"007c823294894074 9b35345b16f0a72d0000", false},
		{"007c8232-9489-4074-9b35-345b16f0a72", false},
		{"007c8232-9489-4074-9b35-345b16f0a72dd", false},
		{"007c8232-9489-4074-9b35-345b16f0a72g", false},
		{"007c8232x9489-4074-9b35-345b16f0a72d", false},
		{"007c8232-9489-4074-9b35-345b16f0a7\n", false},
		{"')/../users/007c8232-9489-4074-9b35-", false},
		{"---------------------------------–-", false},
	} {
		if got := Valid(tc.in); got != tc.want {
			t.Errorf("Valid(%q) = %v, want %v", tc.in, got, tc.want)
		}
	}
}

func TestCanonical(t *testing.T) {
	const want = "007c8232-9489-4074-9b35-345b16f0a72d"
	if got := Canonical(strings.ToUpper(want)); got != want {
		t.Errorf("Canonical of upper case = %q, want %q", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { Canonical(want) }); n != 0 {
		t.Errorf("Canonical of canonical text allocates %v times, want 0", n)
	}
}

func TestNew(t *testing.T) {
	version4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 1000 {
		s := New()
		if !version4.MatchString(s) || !Valid(s) {
			t.Fatalf("New() = %q, want a GUID of version 4", s)
		}
		if seen[s] {
			t.Fatalf("New() = %q twice", s)
		}
		seen[s] = true
	}
}

func FuzzValid(f *testing.F) {
	f.Add("007c8232-9489-4074-9b35-345b16f0a72d")
	f.Add("00000000-0000-0000-0000-000000000000")
	form := regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	f.Fuzz(func(t *testing.T, s string) {
		want := form.MatchString(s) && strings.Trim(s, "0-") != ""
		if got := Valid(s); got != want {
			t.Errorf("Valid(%q) = %v, want %v", s, got, want)
		}
		if Valid(s) && !Valid(Canonical(s)) {
			t.Errorf("Canonical(%q) = %q is not valid", s, Canonical(s))
		}
	})
}
