package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read at once, and what is left to encoding/json because it differs
// from the one shape in anything.
func TestAllSucceeded(t *testing.T) {
	const ok = `{"id":"1","status":204}`
	for _, tc := range []struct {
		name, text string
		want       []item // nil: left to encoding/json
	}{
		{"one", `{"responses":[` + ok + `]}`, []item{{ID: 1, Status: 204}}},
		{"reversed", `{"responses":[{"id":"2","status":200},{"id":"1","status":299}]}`, []item{{ID: 2, Status: 200}, {ID: 1, Status: 299}}},
		{"every member", `{"responses":[{"body":null,"headers":{"a":"b","c":""},"status":204,"id":"1"}]}`, []item{{ID: 1, Status: 204}}},
		{"no headers", `{"responses":[{"id":"1","status":204,"headers":{}}]}`, []item{{ID: 1, Status: 204}}},
		{"space", " {\n\t\"responses\" : [ { \"id\" : \"1\" , \"status\" : 204 , \"body\" : null } ] }\r\n", []item{{ID: 1, Status: 204}}},
		{"the same twice", `{"responses":[` + ok + `,` + ok + `]}`, []item{{ID: 1, Status: 204}, {ID: 1, Status: 204}}},
		{"more than asked for", `{"responses":[` + ok + `,` + ok + `,` + ok + `]}`, nil},
		{"none", `{"responses":[]}`, nil},
		{"null", `{"responses":null}`, nil},
		{"a list", `[` + ok + `]`, nil},
		{"another name", `{"Responses":[` + ok + `]}`, nil},
		{"a member before", `{"a":1,"responses":[` + ok + `]}`, nil},
		{"a member behind", `{"responses":[` + ok + `],"responses":[]}`, nil},
		{"text behind", `{"responses":[` + ok + `]}x`, nil},
		{"another behind", `{"responses":[` + ok + `]}{}`, nil},
		{"cut", `{"responses":[` + ok + `]`, nil},
		{"cut in the status", `{"responses":[{"id":"1","status":20`, nil},
		{"a comma too many in the list", `{"responses":[` + ok + `,]}`, nil},
		{"a comma too many in the item", `{"responses":[{"id":"1","status":204,}]}`, nil},
		{"a comma too many in the headers", `{"responses":[{"id":"1","status":204,"headers":{"a":"b",}}]}`, nil},
		{"no comma", `{"responses":[{"id":"1" "status":204}]}`, nil},
		{"an item that is null", `{"responses":[null]}`, nil},
		{"an item that is null behind", `{"responses":[` + ok + `,null]}`, nil},
		{"without id", `{"responses":[{"status":204}]}`, nil},
		{"without status", `{"responses":[{"id":"1"}]}`, nil},
		{"id twice", `{"responses":[{"id":"1","id":"2","status":204}]}`, nil},
		{"status twice", `{"responses":[{"id":"1","status":204,"status":403}]}`, nil},
		{"status twice, of another case", `{"responses":[{"id":"1","status":204,"Status":403}]}`, nil},
		{"body twice", `{"responses":[{"id":"1","status":204,"body":null,"body":{}}]}`, nil},
		{"headers twice", `{"responses":[{"id":"1","status":204,"headers":{},"headers":{}}]}`, nil},
		{"name escaped", `{"responses":[{"id":"1","status":204,"\u0073tatus":403}]}`, nil},
		{"name folds to one", `{"responses":[{"id":"1","status":204,"\u017ftatus":403}]}`, nil},
		{"id is a number", `{"responses":[{"id":1,"status":204}]}`, nil},
		{"id with zeros", `{"responses":[{"id":"01","status":204}]}`, nil},
		{"id of a sign", `{"responses":[{"id":"+1","status":204}]}`, nil},
		{"id empty", `{"responses":[{"id":"","status":204}]}`, nil},
		{"id long", `{"responses":[{"id":"100","status":204}]}`, nil},
		{"id escaped", `{"responses":[{"id":"\u0031","status":204}]}`, nil},
		{"status is text", `{"responses":[{"id":"1","status":"204"}]}`, nil},
		{"status is a fraction", `{"responses":[{"id":"1","status":204.0}]}`, nil},
		{"status with an exponent", `{"responses":[{"id":"1","status":204e0}]}`, nil},
		{"status with zeros", `{"responses":[{"id":"1","status":0204}]}`, nil},
		{"status longer", `{"responses":[{"id":"1","status":2040}]}`, nil},
		{"status shorter", `{"responses":[{"id":"1","status":20}]}`, nil},
		{"status negative", `{"responses":[{"id":"1","status":-204}]}`, nil},
		{"refused", `{"responses":[{"id":"1","status":403}]}`, nil},
		{"continued", `{"responses":[{"id":"1","status":199}]}`, nil},
		{"one refused", `{"responses":[` + ok + `,{"id":"2","status":429,"headers":{"Retry-After":"5"},"body":null}]}`, nil},
		{"a success that says it failed", `{"responses":[{"id":"1","status":200,"body":{"error":{"code":"x"}}}]}`, nil},
		{"a body of another status", `{"responses":[{"id":"1","status":204,"body":{"status":403}}]}`, nil},
		{"a body that is text", `{"responses":[{"id":"1","status":204,"body":""}]}`, nil},
		{"a body that is nearly null", `{"responses":[{"id":"1","status":204,"body":nullx}]}`, nil},
		{"a header that is a number", `{"responses":[{"id":"1","status":204,"headers":{"a":1}}]}`, nil},
		{"a header that is null", `{"responses":[{"id":"1","status":204,"headers":{"a":null}}]}`, nil},
		{"headers within headers", `{"responses":[{"id":"1","status":204,"headers":{"a":{"status":403}}}]}`, nil},
		{"headers that are null", `{"responses":[{"id":"1","status":204,"headers":null}]}`, nil},
		{"a header beyond ASCII", `{"responses":[{"id":"1","status":204,"headers":{"a":"ä"}}]}`, nil},
		{"a control character", "{\"responses\":[{\"id\":\"1\",\"status\":204,\"headers\":{\"a\":\"\x01\"}}]}", nil},
		{"a member nobody knows", `{"responses":[{"id":"1","status":204,"x":null}]}`, nil},
		{"a byte order mark", "\ufeff" + `{"responses":[` + ok + `]}`, nil},
		{"HTML", "<html>", nil},
		{"empty", "", nil},
	} {
		got, read := allSucceeded([]byte(tc.text), 2)
		if !read {
			got = nil
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// A full batch is read at once, every id of it.
func TestAllSucceededOfAFullBatch(t *testing.T) {
	var parts []string
	var want []item
	for n := mostItems; n > 0; n-- {
		parts = append(parts, fmt.Sprintf(`{"id":"%d","status":204,"headers":{"x-ms-resource-unit":"1"},"body":null}`, n))
		want = append(want, item{ID: looseID(n), Status: 204})
	}
	got, ok := allSucceeded([]byte(`{"responses":[`+strings.Join(parts, ",")+`]}`), mostItems)
	if !ok {
		t.Fatal("left to encoding/json")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever is read at once, encoding/json reads the same.
//
//	go test -run '^$' -fuzz FuzzAllSucceeded -fuzztime 60s ./azure/graph
func FuzzAllSucceeded(f *testing.F) {
	for _, s := range []string{
		`{"responses":[{"id":"2","status":204,"headers":{"x-ms-resource-unit":"1"},"body":null},{"id":"1","status":204}]}`,
		` { "responses" : [ { "body" : null , "id" : "20" , "status" : 200 } ] } `,
		`{"responses":[{"id":"1","status":204,"Status":403}]}`, `{"responses":[{"id":"1","status":0204}]}`,
		`{"responses":[null]}`, `{"responses":[{"id":"1","id":"2","status":204,"status":429}]}`,
		`{"responses":[{"id":"1","status":204,"body":{"status":403}}]}`, `{"responses":[{"id":"1","status":2.4e2}]}x`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		quick, ok := allSucceeded(text, mostItems)
		if !ok {
			return
		}
		whole, ok := anyItems(text, mostItems)
		if !ok {
			t.Fatalf("encoding/json cannot read %q", text)
		}
		if diff := cmp.Diff(whole, quick); diff != "" {
			t.Errorf("%q (-encoding/json +at once):\n%s", text, diff)
		}
		for _, it := range quick {
			if it.Status < 200 || it.Status > 299 || it.Body != nil {
				t.Errorf("%q: not a success: %+v", text, it)
			}
		}
	})
}
