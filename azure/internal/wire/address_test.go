package wire

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// An address that is put together is sent as the one that is read from text.
func TestUnder(t *testing.T) {
	for _, root := range []string{"https://graph.microsoft.com/v1.0", "http://127.0.0.1:8080/a%2Fb/v1.0", "https://host/(x)/v1.0"} {
		for _, path := range []string{
			"/devices(deviceId='007c8232-9489-4074-9b35-345b16f0a72d')", "/devices(deviceId='x')?$select=id,trustType", "/$batch", "/devices/x",
		} {
			want, err := url.Parse(root + path)
			require.NoError(t, err)
			base, err := url.Parse(root)
			require.NoError(t, err)
			before := *base
			got := Under(base, path)
			show := func(u *url.URL) []string { return []string{u.String(), u.RequestURI(), u.Path, u.Host, u.RawQuery} }
			if diff := cmp.Diff(show(want), show(got)); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", root, path, diff)
			}
			if *base != before {
				t.Errorf("the root is %v now", base)
			}
		}
	}
}
