package graph

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
)

// call is one request to Microsoft Graph, retries apart.
type call struct {
	tenant, method, path string // path behind /v1.0
	body                 []byte // nil: none
	priority             string
	clientRequestID      string
	final                bool // 404 is an answer, not replication to wait for
	op                   string
}

// call sends c and answers what came back, and how many requests it took. The
// failure is why nothing came back.
func (r *Reporter) call(ctx context.Context, c call) (wire.Answer, int, *azure.Error) {
	if r.final.MaxRetries >= 0 && c.final {
		ctx = policy.WithRetryOptions(ctx, r.final)
	}
	following := wire.NewCall(ctx, c.clientRequestID)
	if err := ctx.Err(); err != nil {
		return wire.Answer{}, 0, wire.CallFailure(ctx, c.op, err, following)
	}
	body, header, status, err := r.send(following, c)
	if err != nil {
		return wire.Answer{}, following.Attempts(), wire.CallFailure(ctx, c.op, err, following)
	}
	return wire.Answer{
		StatusCode: status, Header: header.Get, Body: body, ClientRequestID: c.clientRequestID,
	}, following.Attempts(), nil
}

func (r *Reporter) send(ctx *wire.Call, c call) (body []byte, header http.Header, status int, err error) {
	client, err := r.tenants.Client(c.tenant)
	if err != nil {
		return nil, nil, 0, err
	}
	spanned, end := runtime.StartSpan(ctx, c.op, client.Tracer(), nil)
	defer func() { end(err) }()
	req, err := runtime.NewRequest(spanned, c.method, r.base+c.path)
	if err != nil {
		return nil, nil, 0, err
	}
	resp, err := r.do(client, req, c)
	if err != nil {
		return nil, nil, 0, err
	}
	body, err = runtime.Payload(resp)
	return body, resp.Header, resp.StatusCode, err
}

func (r *Reporter) do(client *azcore.Client, req *policy.Request, c call) (*http.Response, error) {
	h := req.Raw().Header
	h["Client-Request-Id"] = []string{c.clientRequestID}
	h["X-Ms-Throttle-Priority"] = []string{c.priority}
	if c.body != nil {
		if err := req.SetBody(&body{*bytes.NewReader(c.body)}, "application/json"); err != nil {
			return nil, err
		}
	} else {
		h["Accept"] = []string{"application/json"}
	}
	return client.Pipeline().Do(req)
}

// body is a request's body, which a retry rewinds.
type body struct{ bytes.Reader }

func (*body) Close() error { return nil }

var _ io.ReadSeekCloser = (*body)(nil)
