package graph

// allSucceeded reads a batch's answer in which every item is a success without
// a body, as nearly all are, at a tenth of what encoding/json takes. It knows
// one shape only:
//
//	{"responses":[{"id":"1","status":204,"headers":{"name":"value"},"body":null}]}
//
// with space anywhere, the four members in any order, and the last two left out
// or not. Of anything else it answers false, however little it differs: then
// anyItems decides what the text says. Taking a refusal for a success would
// leave a device open that had to be locked out.
func allSucceeded(text []byte, n int) ([]item, bool) {
	r := reader{text: text}
	if !r.take('{') || !r.member("responses") || !r.take('[') {
		return nil, false
	}
	items := make([]item, 0, n)
	for {
		it, ok := r.success()
		if !ok || len(items) == n { // more than was asked for
			return nil, false
		}
		items = append(items, it)
		if !r.take(',') {
			break
		}
	}
	return items, r.take(']') && r.take('}') && r.end()
}

// reader walks through JSON. Each method answers false where the text goes on
// in another way, and the reader is of no use then.
type reader struct {
	text []byte
	at   int
}

// success reads one item, which has to be one.
func (r *reader) success() (it item, ok bool) {
	if !r.take('{') {
		return it, false
	}
	var id, status, headers, body bool // seen
	once := func(seen *bool) bool {
		again := *seen
		*seen = true
		return !again
	}
	for {
		name, ok := r.word()
		if !ok || !r.take(':') {
			return it, false
		}
		switch string(name) {
		case "id":
			var n int
			n, ok = r.id()
			ok = ok && once(&id)
			it.ID = looseID(n)
		case "status":
			it.Status, ok = r.accepted()
			ok = ok && once(&status)
		case "headers":
			ok = r.flat() && once(&headers)
		case "body":
			ok = r.null() && once(&body)
		default:
			ok = false
		}
		if !ok {
			return it, false
		}
		if !r.take(',') {
			return it, id && status && r.take('}')
		}
	}
}

// id reads the id of a request: its place in the batch, from 1.
func (r *reader) id() (n int, ok bool) {
	text, ok := r.word()
	if !ok || len(text) == 0 || len(text) > 2 || text[0] == '0' {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// accepted reads a status from 200 to 299.
func (r *reader) accepted() (status int, ok bool) {
	r.space()
	if len(r.text)-r.at < 3 {
		return 0, false
	}
	digits := r.text[r.at : r.at+3]
	if digits[0] != '2' || digits[1] < '0' || digits[1] > '9' || digits[2] < '0' || digits[2] > '9' {
		return 0, false
	}
	r.at += 3
	return 200 + 10*int(digits[1]-'0') + int(digits[2]-'0'), true
}

// flat reads an object of strings, whatever they say.
func (r *reader) flat() bool {
	if !r.take('{') {
		return false
	}
	if r.take('}') {
		return true
	}
	for {
		if _, ok := r.word(); !ok || !r.take(':') {
			return false
		}
		if _, ok := r.word(); !ok {
			return false
		}
		if !r.take(',') {
			return r.take('}')
		}
	}
}

// null reads a null.
func (r *reader) null() bool {
	r.space()
	if len(r.text)-r.at < len("null") || string(r.text[r.at:r.at+len("null")]) != "null" {
		return false
	}
	r.at += len("null")
	return true
}

// member reads a member's name.
func (r *reader) member(name string) bool {
	got, ok := r.word()
	return ok && string(got) == name && r.take(':')
}

// word reads a string of printable ASCII in which nothing is escaped.
func (r *reader) word() ([]byte, bool) {
	if !r.take('"') {
		return nil, false
	}
	for from := r.at; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[from : r.at-1], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, false
		}
	}
	return nil, false
}

// take passes c, where it is what comes next.
func (r *reader) take(c byte) bool {
	r.space()
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) end() bool {
	r.space()
	return r.at == len(r.text)
}

func (r *reader) space() {
	for ; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case ' ', '\n', '\r', '\t':
		default:
			return
		}
	}
}
