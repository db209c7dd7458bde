package azuresim

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// One at a time, for example:
//
//	go test ./azure/azuresim -run '^$' -fuzz '^FuzzParseBatch$' -fuzztime 60s

func FuzzParseGraphPath(f *testing.F) {
	for _, seed := range []string{
		"devices(deviceId='007c8232-9489-4074-9b35-345b16f0a72d')", "devices/x", "/users('a''b/c')/", "$batch",
		"servicePrincipals(appId='x')/endpoints", "a((b='c')", "a(b=c)", "a('", "a('b')c", "//", "a//b", "a('b'", "('a')",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		route, err := parseGraphPath(path)
		if err != nil {
			if !errors.Is(err, errPath) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		var b strings.Builder
		for i, s := range route.segments {
			if s.name == "" {
				t.Fatalf("%q has a segment without a name", path)
			}
			if i > 0 {
				b.WriteByte('/')
			}
			b.WriteString(s.name)
			if s.keyed {
				b.WriteByte('(')
				if s.keyName != "" {
					b.WriteString(s.keyName + "=")
				}
				b.WriteString("'" + strings.ReplaceAll(s.key, "'", "''") + "')")
			}
		}
		again, err := parseGraphPath(b.String())
		if err != nil || !slices.Equal(route.segments, again.segments) {
			t.Errorf("%q became %q, which became %+v, %v", path, b.String(), again, err)
		}
	})
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		"deviceId eq 'x'", "a ne null and b eq true", "startswith(displayName,'P''C') and c eq false", "a eq", "a eq 'b'c",
		"startsWith(a, 'b'", " and ", "a  eq  'b'", "a eq 'b' and",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseFilter(text)
		if err != nil {
			return
		}
		if len(terms) == 0 {
			t.Fatalf("%q is a filter without terms", text)
		}
		for _, term := range terms {
			switch term.operator {
			case "eq", "ne":
			case "startswith":
				if _, ok := term.value.(string); !ok {
					t.Errorf("%q compares the start with %v", text, term.value)
				}
			default:
				t.Errorf("%q has the operator %q", text, term.operator)
			}
			if p := propertyNamed(term.property); p != nil {
				term.holds(&Device{})
			}
		}
	})
}

func FuzzParseBatch(f *testing.F) {
	for _, seed := range []string{
		`{"requests":[{"id":"1","method":"GET","url":"/devices"}]}`,
		`{"requests":[{"id":"1","method":"PATCH","url":"/devices/x","headers":{"content-type":"a"},"body":{}},{"id":"2","method":"DELETE","url":"x","dependsOn":["1"]}]}`,
		`{"requests":[{"id":1}]}`, `{"requests":null}`, `[]`, `{"requests":[{"id":"a","method":"GET","url":"//x"},{"id":"A"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		items, err := parseBatch(text)
		if err != nil {
			if _, ok := errors.AsType[*batchRefusal](err); !ok {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		if len(items) < 1 || len(items) > maxBatchItems {
			t.Fatalf("%d items", len(items))
		}
		done := map[string]bool{}
		for _, item := range items {
			id := strings.ToLower(*item.ID)
			if id == "" || done[id] {
				t.Errorf("id %q is empty or there twice", *item.ID)
			}
			for _, on := range item.DependsOn {
				if !done[strings.ToLower(on)] {
					t.Errorf("%q depends on %q, which is not before it", *item.ID, on)
				}
			}
			done[id] = true
			if item.hasBody() && item.contentType() == "" {
				t.Errorf("%q has a body and no type", *item.ID)
			}
		}
	})
}

func FuzzParseAssertion(f *testing.F) {
	key := newSigningKey(1)
	signed, err := key.sign(map[string]any{"aud": []string{"a"}, "iss": "i", "exp": "1800000000", "nbf": 1.5})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{signed, "e30.e30.", "e30.e30.e30", "..", "a.b.c", "e30.bnVsbA.", signed[:len(signed)-1] + "A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, _, err := parseAssertion(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, token.signed+".") {
			t.Errorf("the signed part %q is no part of %q", token.signed, text)
		}
		named := thumbprints(token.header)
		if len(named) > 2 {
			t.Errorf("%d thumbprints", len(named))
		}
		head, _, _ := strings.Cut(signed[strings.Index(signed, ".")+1:], ".")
		if token.verify(&key.private.PublicKey) == nil && !strings.HasPrefix(text, signed[:strings.Index(signed, ".")+1]+head) {
			t.Errorf("a forged token is taken: %q", text)
		}
	})
}

func FuzzParseClaimsParameter(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":{"xms_cc":{"values":["CP1"]}}}`, `{"access_token":{"nbf":{"essential":true,"value":"1800000000"},"xms_cc":null}}`,
		`{"access_token":{"nbf":{"value":1e9}}}`, `{}`, `[]`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asked, err := parseClaimsParameter(text)
		if err != nil && (asked.capabilities != nil || asked.notBefore != "") {
			t.Errorf("%q is wrong and yet says %+v", text, asked)
		}
	})
}

func FuzzReadWorld(f *testing.F) {
	f.Add(`{"tenants":[{"domain":"a","users":[{"userPrincipalName":"x"}],"devices":[{}]}],"applications":[{"roles":["r"]}]}`)
	f.Add(`{"applications":[{"certificates":["-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		world, err := ReadWorld(strings.NewReader(text))
		if err != nil {
			return
		}
		sim := New(nil)
		loaded, err := sim.Load(world)
		if err == nil && (len(loaded.Tenants) != len(world.Tenants) || len(loaded.Applications) != len(world.Applications)) {
			t.Errorf("of %d tenants and %d applications %d and %d were loaded",
				len(world.Tenants), len(world.Applications), len(loaded.Tenants), len(loaded.Applications))
		}
	})
}
