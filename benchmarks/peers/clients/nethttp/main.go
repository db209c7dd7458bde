// This client reports by net/http and encoding/json alone, as one would write
// it by hand: no retry, no reading of errors. Its connections are kept, which
// the standard library does for two of a host only.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/mdmkit/devicestatus/benchmarks/peers/client"
	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

func main() { client.Main(dial) }

type sender struct {
	http   *http.Client
	root   string
	atOnce int
}

func dial(job talk.Job) (client.Sender, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return sender{&http.Client{Transport: transport}, job.URL + "/v1.0", job.AtOnce}, nil
}

type standing struct {
	IsManaged   bool `json:"isManaged"`
	IsCompliant bool `json:"isCompliant"`
}

func (s sender) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.root+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+talk.Token)
	req.Header.Set("Content-Type", "application/json")
	return s.http.Do(req)
}

func (s sender) One(ctx context.Context, d talk.Device) error {
	resp, err := s.do(ctx, http.MethodPatch, "/devices(deviceId='"+d.ID+"')", standing{true, d.Compliant})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		return errors.New(resp.Status)
	}
	return nil
}

type item struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    standing          `json:"body"`
}

type batch struct {
	Requests []item `json:"requests"`
}

type answer struct {
	Responses []struct {
		ID      string            `json:"id"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"responses"`
}

var (
	asJSON      = map[string]string{"Content-Type": "application/json"}
	errNoAnswer = errors.New("no answer for this device")
)

func (s sender) Many(ctx context.Context, ds []talk.Device, errs []error) {
	client.Twenties(s.atOnce, ds, errs, func(ds []talk.Device, errs []error) {
		for i := range errs {
			errs[i] = errNoAnswer
		}
		if err := s.twenty(ctx, ds, errs); err != nil {
			for i := range errs {
				errs[i] = err
			}
		}
	})
}

func (s sender) twenty(ctx context.Context, ds []talk.Device, errs []error) error {
	b := batch{make([]item, len(ds))}
	for i, d := range ds {
		b.Requests[i] = item{
			ID: strconv.Itoa(i + 1), Method: http.MethodPatch, URL: "/devices(deviceId='" + d.ID + "')",
			Headers: asJSON, Body: standing{true, d.Compliant},
		}
	}
	resp, err := s.do(ctx, http.MethodPost, "/$batch", b)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return err
	}
	for _, r := range a.Responses {
		n, err := strconv.Atoi(r.ID)
		if err != nil || n < 1 || n > len(errs) {
			return fmt.Errorf("an answer with the id %q", r.ID)
		}
		errs[n-1] = nil
		if r.Status != http.StatusNoContent {
			errs[n-1] = fmt.Errorf("item status %d", r.Status)
		}
	}
	return nil
}
