package azuresim

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// selection reads $select and refuses query options other than the allowed.
// Nil: all properties that come unasked.
func (x *exchange) selection(query url.Values, allowed ...string) ([]*property, *answer) {
	for name := range query {
		ok := !strings.HasPrefix(name, "$")
		for _, a := range allowed {
			ok = ok || a == name
		}
		if !ok {
			a := x.graphError(http.StatusBadRequest, codeUnsupported, "The query option '"+name+"' is not supported.")
			return nil, &a
		}
	}
	text := query.Get("$select")
	if text == "" {
		return nil, nil
	}
	var chosen []*property
	for name := range strings.SplitSeq(text, ",") {
		p := propertyNamed(strings.TrimSpace(name))
		if p == nil {
			a := x.graphError(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+strings.TrimSpace(name)+"' on type 'microsoft.graph.device'.")
			return nil, &a
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}

// term is one comparison of a $filter.
type term struct {
	property string
	operator string // eq, ne, startswith
	value    any    // string, bool or nil
}

var errFilter = errors.New("the filter is not understood")

// parseFilter reads a $filter: comparisons by eq and ne, and startswith, tied
// by and. Graph knows more; the rest is answered as unsupported.
func parseFilter(text string) ([]term, error) {
	var terms []term
	rest := strings.TrimSpace(text)
	for {
		t, after, err := parseTerm(rest)
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
		rest = strings.TrimSpace(after)
		if rest == "" {
			return terms, nil
		}
		next, ok := strings.CutPrefix(rest, "and ")
		if !ok {
			return nil, errFilter
		}
		rest = strings.TrimSpace(next)
	}
}

func parseTerm(text string) (term, string, error) {
	if inside, ok := strings.CutPrefix(text, "startswith("); ok {
		return parseStartsWith(inside)
	}
	if inside, ok := strings.CutPrefix(text, "startsWith("); ok {
		return parseStartsWith(inside)
	}
	name, rest, ok := strings.Cut(text, " ")
	operator, rest, ok2 := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !ok || !ok2 || operator != "eq" && operator != "ne" {
		return term{}, "", errFilter
	}
	rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(rest, "'") {
		value, after, err := quoted(rest)
		if err != nil || after != "" && after[0] != ' ' {
			return term{}, "", errFilter
		}
		return term{name, operator, value}, after, nil
	}
	word, after, _ := strings.Cut(rest, " ")
	t := term{property: name, operator: operator}
	switch word {
	case "true":
		t.value = true
	case "false":
		t.value = false
	case "null":
	default:
		return term{}, "", errFilter
	}
	return t, after, nil
}

func parseStartsWith(text string) (term, string, error) {
	name, rest, ok := strings.Cut(text, ",")
	if !ok {
		return term{}, "", errFilter
	}
	value, rest, err := quoted(strings.TrimSpace(rest))
	if err != nil || !strings.HasPrefix(rest, ")") {
		return term{}, "", errFilter
	}
	return term{strings.TrimSpace(name), "startswith", value}, rest[1:], nil
}

// holds tells whether a device fits the term. Texts compare without case, as
// in Entra's directory.
func (t term) holds(d *Device) bool {
	actual := propertyNamed(t.property).value(d)
	if t.operator == "startswith" {
		text, ok := actual.(string)
		prefix, _ := t.value.(string)
		return ok && len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
	}
	equal := actual == t.value
	if a, ok := actual.(string); ok {
		if v, ok := t.value.(string); ok {
			equal = strings.EqualFold(a, v)
		}
	}
	return equal == (t.operator == "eq")
}

// filter reads $filter and checks its properties.
func (x *exchange) filter(text string) ([]term, *answer) {
	if text == "" {
		return nil, nil
	}
	terms, err := parseFilter(text)
	if err != nil {
		a := x.graphError(http.StatusBadRequest, codeUnsupported, "Unsupported or invalid query filter clause specified.")
		return nil, &a
	}
	for _, t := range terms {
		switch t.property {
		case "accountEnabled", "deviceId", "displayName", "id", "isCompliant", "isManaged", "mdmAppId",
			"operatingSystem", "operatingSystemVersion", "trustType":
		default:
			a := x.graphError(http.StatusBadRequest, codeUnsupported, "Unsupported or invalid query filter clause specified for property '"+t.property+"' of resource 'Device'.")
			return nil, &a
		}
		if text, ok := t.value.(string); ok && t.property == "deviceId" && !isGUID(text) {
			a := x.badRequest("Invalid filter clause: deviceId is compared with something that is no GUID.")
			return nil, &a
		}
	}
	return terms, nil
}

// listDevices answers GET /devices, in pages.
func (x *exchange) listDevices(query url.Values) answer {
	if !x.caller.allowed(rolesReadDevice...) {
		return x.forbidden()
	}
	chosen, refused := x.selection(query, "$select", "$filter", "$top", "$count", "$skiptoken")
	if refused != nil {
		return *refused
	}
	terms, refused := x.filter(query.Get("$filter"))
	if refused != nil {
		return *refused
	}
	size, start, count := x.sim.options.PageSize, uint64(0), false
	if top := query.Get("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > maxPageSize {
			return x.badRequest("Invalid page size specified: '" + top + "'. Must be between 1 and 999 inclusive.")
		}
		size = n
	}
	if query.Get("$count") == "true" {
		if !strings.EqualFold(x.record.Header.Get("ConsistencyLevel"), "eventual") {
			return x.graphError(http.StatusBadRequest, codeUnsupported, "$count is not currently supported.")
		}
		count = true
	}
	if token := query.Get("$skiptoken"); token != "" {
		n, ok := x.readPageToken(token)
		if !ok {
			return x.graphError(http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
		}
		start = n
	}
	page, next, total := x.page(terms, start, size, count)
	a := x.graphAnswer(http.StatusOK)
	a.header["Content-Type"] = []string{jsonType}
	b := append(a.body, `{"@odata.context":`...)
	b = appendJSON(b, x.graphRoot()+"/v1.0/$metadata#devices")
	if count {
		b = append(b, `,"@odata.count":`...)
		b = strconv.AppendInt(b, int64(total), 10)
	}
	if next > 0 {
		query.Set("$skiptoken", x.pageToken(next))
		b = append(b, `,"@odata.nextLink":`...)
		b = appendJSON(b, x.graphRoot()+"/v1.0/devices?"+query.Encode())
	}
	b = append(b, `,"value":[`...)
	for i := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendProperties(b, &page[i], chosen)
		b = append(b, '}')
	}
	a.body = append(b, ']', '}')
	return a
}

// page collects one page of devices as reads see them, from the device with
// the sequence number start on. next is where the following page begins, zero
// after the last; total counts only on request.
func (x *exchange) page(terms []term, start uint64, size int, count bool) (page []Device, next uint64, total int) {
	t := x.caller.tenant
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, one := range terms { // the common question has a short way
		if id, ok := one.value.(string); ok && one.property == "deviceId" && one.operator == "eq" {
			if rec := t.byDevice[strings.ToLower(id)]; rec != nil {
				if d, seen := x.sim.seen(rec, x.now); seen && fits(terms, &d) && start == 0 {
					page, total = append(page, d), 1
				}
			}
			return page, 0, total
		}
	}
	from := 0
	if !count {
		from, _ = slices.BinarySearchFunc(t.ordered, start, func(rec *record, seq uint64) int {
			return cmp.Compare(rec.seq, seq)
		})
	}
	for _, rec := range t.ordered[from:] {
		d, seen := x.sim.seen(rec, x.now)
		if !seen || t.byObject[rec.current.ObjectID] != rec || !fits(terms, &d) {
			continue
		}
		total++
		if rec.seq < start {
			continue
		}
		if len(page) == size {
			if next == 0 {
				next = rec.seq
			}
			if !count {
				break
			}
			continue
		}
		page = append(page, d)
	}
	return page, next, total
}

func fits(terms []term, d *Device) bool {
	for _, t := range terms {
		if !t.holds(d) {
			return false
		}
	}
	return true
}

// pageToken hides a position so that no client is tempted to compute one.
func (x *exchange) pageToken(at uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(x.sim.pageKey + ":" + strconv.FormatUint(at, 10)))
}

func (x *exchange) readPageToken(token string) (uint64, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, false
	}
	number, ok := strings.CutPrefix(string(raw), x.sim.pageKey+":")
	at, err := strconv.ParseUint(number, 10, 64)
	return at, ok && err == nil && at > 0
}
