package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	home := func() (string, error) { return "/home/x", nil }
	real := map[string]string{"AZURE_TENANT_ID": tenantA, "AZURE_CLIENT_ID": userID, "AZURE_CLIENT_SECRET": canarySecret}
	token := map[string]string{tokenVariable: canaryToken}
	for _, tc := range []struct {
		name  string
		args  []string
		env   map[string]string
		store string
		err   string
	}{
		{"defaults", nil, nil, "/home/x/devicestatus/host-simulated.db", ""},
		{"Microsoft", nil, real, "/home/x/devicestatus/host.db", ""},
		{"half of Microsoft", nil, map[string]string{"AZURE_TENANT_ID": tenantA}, "", "half a configuration"},
		{"a store of one's own", []string{"-store", "x.db"}, nil, "x.db", ""},
		{"another port", []string{"-listen", "localhost:0"}, nil, "/home/x/devicestatus/host-simulated.db", ""},
		{"IPv6", []string{"-listen", "[::1]:80"}, nil, "/home/x/devicestatus/host-simulated.db", ""},
		{"every interface without a token", []string{"-listen", ":8080"}, nil, "", "HOST_TOKEN"},
		{"another address without a token", []string{"-listen", "192.0.2.1:8080"}, nil, "", "HOST_TOKEN"},
		{"a name that looks like loopback", []string{"-listen", "localhost.example:80"}, nil, "", "HOST_TOKEN"},
		{"every interface with a token", []string{"-listen", ":8080"}, token, "/home/x/devicestatus/host-simulated.db", ""},
		{"a short token", nil, map[string]string{tokenVariable: "canary"}, "", "shorter than 16 bytes"},
		{"a certificate without its key", []string{"-cert", "c.pem"}, nil, "", "go together"},
		{"an argument", []string{"x"}, nil, "", `"x"`},
		{"an unknown flag", []string{"-nonsense"}, nil, "", "nonsense"},
		{"help", []string{"-h"}, nil, "", flag.ErrHelp.Error()},
	} {
		var out bytes.Buffer
		got, err := readSettings(tc.args, func(name string) string { return tc.env[name] }, home, &out)
		switch {
		case tc.err == "" && (err != nil || got.store != tc.store):
			t.Errorf("%s: store %s, %v; want %s", tc.name, got.store, err, tc.store)
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
			t.Errorf("%s: %v; want %q in it", tc.name, err, tc.err)
		case err != nil && strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: a secret is in %v", tc.name, err)
		case (tc.name == "help") != strings.Contains(out.String(), "-listen ADDRESS"):
			t.Errorf("%s: printed %q", tc.name, out.String())
		}
	}
}
