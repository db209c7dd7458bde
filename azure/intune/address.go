package intune

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// errAddress is why a discovered address is not used. It does not repeat the
// address: whoever could write it chose its text.
var errAddress = errors.New("the discovered address of a service is not one that may be given a token")

// address answers a discovered address without a slash at its end, if it may be
// given a token: https, port 443, no user information, query or fragment, a
// host by name, and that name in the service's domain, cut at a label. Hosts
// that the caller's code trusts are taken as they are.
func address(text, domain string, trusted []string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Opaque != "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.RawFragment != "" {
		return "", errAddress
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if strings.Contains(path, "..") || strings.ContainsAny(path, `\%`) {
		return "", errAddress
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	if !slices.Contains(trusted, host) {
		host = strings.ToLower(u.Hostname())
		if _, err := netip.ParseAddr(host); err == nil || !plainHost(host) {
			return "", errAddress
		}
		if port := u.Port(); port != "" && port != "443" || strings.HasSuffix(u.Host, ":") {
			return "", errAddress
		}
		if host != domain && !strings.HasSuffix(host, "."+domain) {
			return "", errAddress
		}
	}
	return "https://" + host + path, nil
}

// plainHost reports whether host is of letters, digits, hyphens and points,
// with no empty label.
func plainHost(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}
