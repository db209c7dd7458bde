package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// call is what came in one call.
type call struct {
	path    string
	body    []byte
	gzip    bool // as it was labeled
	batch   bool
	lost    bool   // it was not let succeed
	refused []bool // items of a batch that were not; nil: none
}

// text answers the body as it was before it was compressed, and whether it was
// what it was labeled.
func (c *call) text() ([]byte, bool) {
	if !c.gzip {
		return c.body, true
	}
	z, err := gzip.NewReader(bytes.NewReader(c.body))
	if err != nil {
		return nil, false
	}
	text, err := io.ReadAll(z)
	return text, err == nil
}

// itemIDs finds the ids of a batch's items, at little cost. Whether the text is
// a batch is checked later.
func itemIDs(text []byte) (ids [][]byte) {
	for {
		_, after, ok := bytes.Cut(text, []byte(`"id":"`))
		if !ok {
			return ids
		}
		id, rest, ok := bytes.Cut(after, []byte{'"'})
		if !ok {
			return ids
		}
		ids, text = append(ids, id), rest
	}
}

type standing struct {
	IsManaged   *bool `json:"isManaged"`
	IsCompliant *bool `json:"isCompliant"`
}

// item is one request of a batch, or a PATCH that came alone.
type item struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    standing          `json:"body"`
}

// items reads what a call asks for, as strictly as Graph does.
func (c *call) items() ([]item, error) {
	text, ok := c.text()
	if !ok {
		return nil, errMislabeled
	}
	if !c.batch {
		it := item{URL: strings.TrimPrefix(c.path, "v1.0")}
		err := json.Unmarshal(text, &it.Body)
		return []item{it}, err
	}
	var b struct {
		Requests []item `json:"requests"`
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, err
	}
	if n := len(b.Requests); n == 0 || n > 20 {
		return nil, fmt.Errorf("a batch of %d items", n)
	}
	ids := map[string]bool{}
	for _, it := range b.Requests {
		id := strings.ToLower(it.ID)
		switch {
		case id == "" || ids[id]:
			return nil, fmt.Errorf("item id %q is empty or there twice", it.ID)
		case it.Method != http.MethodPatch:
			return nil, fmt.Errorf("an item of method %q", it.Method)
		case !it.typed():
			return nil, errors.New("an item whose body has no Content-Type")
		}
		ids[id] = true
	}
	return b.Requests, nil
}

var errMislabeled = errors.New("the body is labeled gzip and is not")

func (it item) typed() bool {
	for name, value := range it.Headers {
		if strings.EqualFold(name, "Content-Type") && value == "application/json" {
			return true
		}
	}
	return false
}

// device answers which device an item writes, or what is wrong with it: the
// values must be those that talk.NewDevice gives the device.
func (it item) device() (n int, err error) {
	if _, err := fmt.Sscanf(it.URL, "/devices(deviceId='007c8232-9489-4074-9b35-%012x')", &n); err != nil {
		return 0, fmt.Errorf("address %q: %w", it.URL, err)
	}
	d := talk.NewDevice(n)
	switch {
	case it.URL != "/devices(deviceId='"+d.ID+"')":
		return 0, fmt.Errorf("address %q", it.URL)
	case it.Body.IsManaged == nil || it.Body.IsCompliant == nil:
		return 0, fmt.Errorf("device %d: a value is missing", n)
	case !*it.Body.IsManaged || *it.Body.IsCompliant != d.Compliant:
		return 0, fmt.Errorf("device %d: a value is wrong", n)
	}
	return n, nil
}
