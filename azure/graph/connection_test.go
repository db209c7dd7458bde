package graph_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

// at answers options that take url for Microsoft Graph.
func at(url string, client *http.Client) azcore.ClientOptions {
	o := azcore.ClientOptions{
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: "https://login.microsoftonline.com",
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				graph.ServiceName: {Endpoint: url, Audience: "https://graph.microsoft.com"},
			},
		},
	}
	if client != nil {
		o.Transport = client
	}
	return o
}

// tlsServer serves on loopback, by HTTP/1.1 or HTTP/2.
func tlsServer(t *testing.T, http2 bool, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// After a 503 the retry travels on a new connection, since the one in use may
// lead to a server that is going away. Otherwise connections are kept.
func TestNewConnectionAfter503(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for _, batch := range []bool{false, true} {
			var mu sync.Mutex
			var from []string
			var protocols []int
			server := tlsServer(t, http2, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				n := len(from)
				from, protocols = append(from, r.RemoteAddr), append(protocols, r.ProtoMajor)
				mu.Unlock()
				switch {
				case n == 1:
					w.WriteHeader(503)
					_, _ = w.Write([]byte(fault("Service_ServiceUnavailable")))
				case batch:
					_, _ = w.Write([]byte(`{"responses":[` + itemReply("1", 204, "null") + `]}`))
				default:
					w.WriteHeader(204)
				}
			})
			o := at(server.URL, server.Client())
			o.Retry = policy.RetryOptions{RetryDelay: -1}
			r, err := graph.New(staticToken{}, &graph.Options{ClientOptions: o})
			require.NoError(t, err)
			for range 3 {
				if batch {
					require.NoError(t, r.ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err)
					continue
				}
				_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
				require.NoError(t, err)
			}
			require.Len(t, from, 4)
			if from[0] != from[1] || from[1] == from[2] || from[2] != from[3] {
				t.Errorf("HTTP/2 %v, batch %v: requests came from %v; want a new connection after the second and no other", http2, batch, from)
			}
			if want := map[bool]int{false: 1, true: 2}[http2]; !slices.Equal(protocols, []int{want, want, want, want}) {
				t.Errorf("protocols %v, want HTTP/%d", protocols, want)
			}
		}
	}
}

// A token goes nowhere that an answer points to: not with the reporter's own
// client, nor with one of the host's that would follow.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, client := range map[string]*http.Client{
			"own": nil, "host's": {}, "host's, which follows": {CheckRedirect: func(*http.Request, []*http.Request) error { return nil }},
		} {
			visits := 0
			target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { visits++ }))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, target.URL+r.URL.Path, status)
			}))
			o := at(server.URL, client)
			o.InsecureAllowCredentialWithHTTP = true
			r, err := graph.New(staticToken{}, &graph.Options{ClientOptions: o})
			require.NoError(t, err)
			var errs []error
			_, err = r.Report(t.Context(), report1(compliance.StateRemoved))
			errs = append(errs, err, r.ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err)
			_, err = r.Verify(t.Context(), report1(compliance.StateCompliant))
			errs = append(errs, err)
			_, err = r.DeleteObject(t.Context(), report1(compliance.StateRemoved))
			errs = append(errs, err)
			for _, err := range errs {
				if diff := cmp.Diff("unexpected (service, unknown)", summary(err)); diff != "" {
					t.Errorf("%d, %s client (-want +got):\n%s", status, name, diff)
				}
			}
			if visits != 0 {
				t.Errorf("%d, %s client: %d requests at the target", status, name, visits)
			}
			if client != nil && name == "host's" && client.CheckRedirect != nil {
				t.Errorf("the host's client was changed")
			}
			server.Close()
			target.Close()
		}
	}
}

// Credentials do not travel over plain HTTP, unless the host says so in the
// Azure SDK's own words.
func TestPlainHTTP(t *testing.T) {
	visits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { visits++; w.WriteHeader(204) }))
	defer server.Close()
	o := at(server.URL, nil)
	if _, err := graph.New(staticToken{}, &graph.Options{ClientOptions: o}); err == nil {
		t.Error("plain HTTP was accepted")
	}
	o.InsecureAllowCredentialWithHTTP = true
	r, err := graph.New(staticToken{}, &graph.Options{ClientOptions: o})
	require.NoError(t, err)
	_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	if visits != 1 {
		t.Errorf("%d requests", visits)
	}
}
