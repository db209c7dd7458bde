package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	open, closed := newBench(t, ""), newBench(t, canaryToken)
	for _, tc := range []struct {
		name   string
		b      *bench
		method string
		path   string
		host   string
		header map[string]string
		status int
	}{
		{"on this machine", open, "GET", "/v1/tenants", "127.0.0.1:8080", nil, 200},
		{"on this machine by name", open, "GET", "/v1/tenants", "localhost:8080", nil, 200},
		{"a name that was made to point here", open, "GET", "/v1/tenants", "evil.example", nil, 403},
		{"a page of another origin that posts", open, "POST", "/v1/check-ins", "localhost:8080", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a page of another origin in an old browser", open, "DELETE", "/v1/tenants/x/devices/y", "localhost:8080", map[string]string{"Origin": "https://evil.example"}, 403},
		{"with the token", closed, "GET", "/v1/tenants", "host.example", map[string]string{"Authorization": "Bearer " + canaryToken}, 200},
		{"without the token", closed, "GET", "/v1/tenants", "127.0.0.1:8080", nil, 401},
		{"with another token", closed, "GET", "/metrics", "host.example", map[string]string{"Authorization": "Bearer " + canaryToken + "x"}, 401},
		{"with the token otherwise", closed, "GET", "/metrics", "host.example", map[string]string{"Authorization": canaryToken}, 401},
		{"with an empty token", closed, "DELETE", "/v1/tenants/x/devices/y", "host.example", map[string]string{"Authorization": "Bearer "}, 401},
		{"only whether it is there", closed, "GET", "/healthz", "host.example", nil, 204},
		{"no such page", open, "GET", "/nothing", "localhost", nil, 404},
		{"no such method", open, "PATCH", "/v1/tenants", "localhost", nil, 405},
	} {
		r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(""))
		r.Host = tc.host
		for name, value := range tc.header {
			r.Header.Set(name, value)
		}
		if w := tc.b.serve(r); w.Code != tc.status {
			t.Errorf("%s: %d, want %d: %s", tc.name, w.Code, tc.status, w.Body)
		} else if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: it does not say what is needed", tc.name)
		}
	}
}
