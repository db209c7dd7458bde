package wire

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/mdmkit/devicestatus/azure"
)

// Request is one request to Microsoft, retries apart.
type Request struct {
	Op              string // for errors and spans
	Tenant          string
	Method, URL     string
	At              *url.URL // the address where it is read already; URL is not looked at then
	Body            []byte   // JSON; nil: none
	ClientRequestID string
	Priority        string               // of throttling; "": what Microsoft assumes
	Retry           *policy.RetryOptions // nil: the pipeline's own
	Partial         bool                 // an accepted answer that breaks off is one without a body
}

// Send sends q with the tenant's token and answers what came back, and how many
// requests it took. The failure is why nothing came back.
func (t *Tenants) Send(ctx context.Context, q Request) (Answer, int, *azure.Error) {
	call := NewCall(ctx, q.ClientRequestID, q.Body)
	if err := ctx.Err(); err != nil {
		return Answer{}, 0, CallFailure(ctx, q.Op, err, call)
	}
	body, header, status, err := t.exchange(call, q)
	if err != nil {
		return Answer{}, call.Attempts(), CallFailure(ctx, q.Op, err, call)
	}
	return Answer{StatusCode: status, Header: header, Body: body, ClientRequestID: q.ClientRequestID}, call.Attempts(), nil
}

func (t *Tenants) exchange(call *Call, q Request) (text []byte, header http.Header, status int, err error) {
	client, err := t.Client(q.Tenant)
	if err != nil {
		return nil, nil, 0, err
	}
	var ctx context.Context = call
	if q.Retry != nil {
		ctx = policy.WithRetryOptions(ctx, *q.Retry)
	}
	ctx, end := runtime.StartSpan(ctx, q.Op, client.Tracer(), nil)
	defer func() { end(err) }()
	resp, err := t.do(ctx, client, q)
	if err != nil {
		return nil, nil, 0, err
	}
	if resp.Body == http.NoBody {
		return nil, resp.Header, resp.StatusCode, nil
	}
	if q.Partial && resp.StatusCode < 300 {
		return readPartial(resp, t.o.MostAnswer), resp.Header, resp.StatusCode, nil
	}
	text, err = runtime.Payload(resp)
	return text, resp.Header, resp.StatusCode, err
}

func (t *Tenants) do(ctx context.Context, client *azcore.Client, q Request) (*http.Response, error) {
	req, err := newRequest(ctx, q)
	if err != nil {
		return nil, err
	}
	h := req.Raw().Header
	values := [...]string{q.ClientRequestID, t.agent, q.Priority}
	h["Client-Request-Id"] = values[0:1:1]
	if t.agent != "" {
		h["User-Agent"] = values[1:2:2]
	}
	if q.Priority != "" {
		h["X-Ms-Throttle-Priority"] = values[2:3:3]
	}
	if q.Body == nil {
		h["Accept"] = []string{"application/json"}
	} else if err := req.SetBody(&requestBody{*bytes.NewReader(q.Body)}, "application/json"); err != nil {
		return nil, err
	}
	if q.Partial || q.Method == http.MethodPatch {
		// The answer to a PATCH has no body as a rule; if it has one, the
		// transport has read it.
		runtime.SkipBodyDownload(req)
	}
	return client.Pipeline().Do(req)
}

func newRequest(ctx context.Context, q Request) (*policy.Request, error) {
	if q.At == nil {
		return runtime.NewRequest(ctx, q.Method, q.URL)
	}
	return runtime.NewRequestFromRequest((&http.Request{
		Method: q.Method, URL: q.At, Host: q.At.Host, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx))
}

// Under answers the address of a path behind root, as url.Parse would read it
// from text. Where the path is escaped at all, it has to be as url.URL escapes.
func Under(root *url.URL, path string) *url.URL {
	u := *root
	path, u.RawQuery, _ = strings.Cut(path, "?")
	// As it is: the parentheses and quotes around a key would be escaped.
	u.Path = root.Path + path
	u.RawPath = u.Path
	if escaped := root.EscapedPath(); escaped != root.Path {
		u.RawPath = escaped + path
	}
	return &u
}

// requestBody is a request's body, which a retry rewinds.
type requestBody struct{ bytes.Reader }

func (*requestBody) Close() error { return nil }

// readPartial reads an answer, in one piece where its length is known. It
// answers nil where it breaks off or is too long.
func readPartial(resp *http.Response, most int64) []byte {
	defer resp.Body.Close()
	if n := resp.ContentLength; n > 0 && n <= most {
		text := make([]byte, n)
		if _, err := io.ReadFull(resp.Body, text); err != nil {
			return nil
		}
		return text
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	return text
}
