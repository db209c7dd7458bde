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
	tenant, method, url string
	body                []byte // nil: none
	priority            string
	clientRequestID     string
	final               bool // 404 is an answer, not replication to wait for
	batch               bool // an answer that breaks off is one without items
	op                  string
}

// call sends c and answers what came back, and how many requests it took. The
// failure is why nothing came back.
func (r *Reporter) call(ctx context.Context, c call) (wire.Answer, int, *azure.Error) {
	if r.final.MaxRetries >= 0 && c.final {
		ctx = policy.WithRetryOptions(ctx, r.final)
	}
	following := wire.NewCall(ctx, c.clientRequestID, c.body)
	if err := ctx.Err(); err != nil {
		return wire.Answer{}, 0, wire.CallFailure(ctx, c.op, err, following)
	}
	body, header, status, err := r.send(following, c)
	if err != nil {
		return wire.Answer{}, following.Attempts(), wire.CallFailure(ctx, c.op, err, following)
	}
	return wire.Answer{
		StatusCode: status, Header: header, Body: body, ClientRequestID: c.clientRequestID,
	}, following.Attempts(), nil
}

func (r *Reporter) send(ctx *wire.Call, c call) (body []byte, header http.Header, status int, err error) {
	client, err := r.tenants.Client(c.tenant)
	if err != nil {
		return nil, nil, 0, err
	}
	spanned, end := runtime.StartSpan(ctx, c.op, client.Tracer(), nil)
	defer func() { end(err) }()
	req, err := runtime.NewRequest(spanned, c.method, c.url)
	if err != nil {
		return nil, nil, 0, err
	}
	if c.batch {
		runtime.SkipBodyDownload(req)
	}
	resp, err := r.do(client, req, c)
	if err != nil {
		return nil, nil, 0, err
	}
	if c.batch && resp.StatusCode < 300 {
		// Microsoft took the batch: what cannot be read of the answer is
		// missing from it, and is asked for again item by item.
		return readBatch(resp), resp.Header, resp.StatusCode, nil
	}
	body, err = runtime.Payload(resp)
	return body, resp.Header, resp.StatusCode, err
}

// readBatch reads a batch's answer, in one piece where its length is known. It
// answers nil where it breaks off or is too long.
func readBatch(resp *http.Response) []byte {
	defer resp.Body.Close()
	if n := resp.ContentLength; n > 0 && n <= mostAnswer {
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

func (r *Reporter) do(client *azcore.Client, req *policy.Request, c call) (*http.Response, error) {
	h := req.Raw().Header
	h["Client-Request-Id"] = []string{c.clientRequestID}
	if c.priority != priorityNormal { // which is what Microsoft assumes
		h["X-Ms-Throttle-Priority"] = []string{c.priority}
	}
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
