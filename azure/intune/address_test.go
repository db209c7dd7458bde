package intune

import (
	"net/url"
	"strings"
	"testing"
)

// addresses that a tenant's administrator, or whoever got hold of its
// directory, could publish. "" is refused.
var addresses = []struct{ text, want string }{
	{"https://fef.msua06.manage.microsoft.com/StatelessDevice", "https://fef.msua06.manage.microsoft.com/StatelessDevice"},
	{"https://fef.msua06.manage.microsoft.com/StatelessDevice//", "https://fef.msua06.manage.microsoft.com/StatelessDevice"},
	{"https://manage.microsoft.com", "https://manage.microsoft.com"},
	{"https://manage.microsoft.com/", "https://manage.microsoft.com"},
	{"https://a.manage.microsoft.com:443/x", "https://a.manage.microsoft.com/x"},
	{"HTTPS://A.Manage.Microsoft.COM/Path", "https://a.manage.microsoft.com/Path"},
	{"https://trusted.example/x", "https://trusted.example/x"},
	{"https://trusted.example:443/x", "https://trusted.example/x"},
	{"https://TRUSTED.example:8443/x/", "https://trusted.example:8443/x"},
	{"https://127.0.0.1:8443", "https://127.0.0.1:8443"},

	{"http://a.manage.microsoft.com/x", ""},
	{"http://trusted.example/x", ""},
	{"ftp://a.manage.microsoft.com/x", ""},
	{"//a.manage.microsoft.com/x", ""},
	{"a.manage.microsoft.com/x", ""},
	{"https:a.manage.microsoft.com/x", ""},
	{"https:///a.manage.microsoft.com", ""},
	{"https://", ""},
	{"", ""},
	{" https://a.manage.microsoft.com/x", ""},
	{"https://evil.example/", ""},
	{"https://evilmanage.microsoft.com/", ""},
	{"https://manage.microsoft.com.evil.example/", ""},
	{"https://manage-microsoft.com/", ""},
	{"https://microsoft.com/", ""},
	{"https://graph.microsoft.com/", ""},
	{"https://a.manage.microsoft.us/", ""},
	{"https://manage.microsoft.com@evil.example/", ""},
	{"https://evil.example@a.manage.microsoft.com/", ""},
	{"https://user:word@a.manage.microsoft.com/", ""},
	{"https://@a.manage.microsoft.com/", ""},
	{"https://user@trusted.example/", ""},
	{`https://evil.example\@a.manage.microsoft.com/`, ""},
	{`https://evil.example\.manage.microsoft.com/`, ""},
	{"https://evil.example/.manage.microsoft.com", ""},
	{"https://evil.example#.manage.microsoft.com", ""},
	{"https://evil.example?.manage.microsoft.com", ""},
	{"https://evil.example%2f.manage.microsoft.com/", ""},
	{"https://evil.example%00.manage.microsoft.com/", ""},
	{"https://a%2emanage.microsoft.com/", ""},
	{"https://a.manage.microsoft.com./", ""},
	{"https://.manage.microsoft.com/", ""},
	{"https://a..manage.microsoft.com/", ""},
	{"https://a b.manage.microsoft.com/", ""},
	{"https://a_b.manage.microsoft.com/", ""},
	{"https://a.manage.microsoft.com:8443/", ""},
	{"https://a.manage.microsoft.com:/", ""},
	{"https://a.manage.microsoft.com:0443/", ""},
	{"https://a.manage.microsoft.com:443:443/", ""},
	{"https://trusted.example:8444/x", ""},
	{"https://sub.trusted.example/x", ""},
	{"https://10.0.0.1/", ""},
	{"https://127.0.0.1/", ""},
	{"https://[::1]/", ""},
	{"https://[::ffff:10.0.0.1]:443/", ""},
	{"https://[fe80::1%25manage.microsoft.com]/", ""},
	{"https://2130706433/", ""},
	{"https://a.manage.microsoft.com/x?y=z", ""},
	{"https://a.manage.microsoft.com/x?", ""},
	{"https://a.manage.microsoft.com/x#y", ""},
	{"https://a.manage.microsoft.com/x/../y", ""},
	{"https://a.manage.microsoft.com/%2e%2e/y", ""},
	{`https://a.manage.microsoft.com/x\y`, ""},
	{"https://a.manage.microsoft.com/\r\nHost: evil.example", ""},
	{"https://a.mаnage.microsoft.com/", ""},             // a Cyrillic letter
	{"https://a.manage.microsoft。com/", ""},             // an ideographic full stop
	{"https://evil.example／.manage.microsoft.com/", ""}, // a full-width slash
	{"https://ａ.manage.microsoft.com/", ""},
	{"https://a.manage.microsoft.com/ä", ""},
}

var trusted = []string{"trusted.example", "trusted.example:8443", "127.0.0.1:8443"}

func TestAddress(t *testing.T) {
	for _, tc := range addresses {
		got, err := address(tc.text, "manage.microsoft.com", trusted)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("address(%q) = %q, %v; want %q", tc.text, got, err, tc.want)
		}
		if err != nil && tc.text != "" && strings.Contains(err.Error(), tc.text) {
			t.Errorf("the error repeats %q: %v", tc.text, err)
		}
	}
}

// Whatever is published, an address that is taken leads to the service, or to
// a host of the caller's.
func FuzzAddress(f *testing.F) {
	for _, tc := range addresses {
		f.Add(tc.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := address(text, "manage.microsoft.com", trusted)
		if err != nil {
			if got != "" {
				t.Errorf("%q beside %v", got, err)
			}
			return
		}
		u, err := url.Parse(got + "/DataUploadMessages(guid'x')?api-version=1.2")
		if err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		host := u.Host
		ours := host == trusted[0] || host == trusted[1] || host == trusted[2]
		if u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.RawQuery != "api-version=1.2" ||
			!ours && host != "manage.microsoft.com" && !strings.HasSuffix(host, ".manage.microsoft.com") {
			t.Errorf("%q became %q", text, got)
		}
		for _, c := range []byte(got) {
			if c <= ' ' || c > '~' || c == '\\' || c == '%' {
				t.Errorf("%q became %q", text, got)
			}
		}
		if again, err := address(got, "manage.microsoft.com", trusted); again != got || err != nil {
			t.Errorf("%q became %q, and that %q, %v", text, got, again, err)
		}
	})
}
