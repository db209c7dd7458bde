package azuresim

import (
	"errors"
	"strings"
)

// segment is one step of an OData path: a name, perhaps with a key behind it
// in parentheses.
type segment struct {
	name    string
	keyed   bool
	keyName string // empty where the key stands alone, as in users('…')
	key     string
}

// graphRoute is a path below the version, taken apart.
type graphRoute struct {
	segments []segment
}

var errPath = errors.New("the path is malformed")

// graphPath is the decoded path without its version.
func (x *exchange) graphPath() string {
	if x.record.ItemID != "" {
		return x.path
	}
	path := strings.TrimPrefix(x.path, "/")
	_, rest, _ := strings.Cut(path, "/")
	return rest
}

// parseGraphPath takes a decoded path apart. A slash within a quoted key does
// not divide it; a quote within a key is written twice.
func parseGraphPath(path string) (graphRoute, error) {
	path = strings.Trim(path, "/")
	var r graphRoute
	for path != "" {
		end := strings.IndexAny(path, "/(")
		if end < 0 {
			r.segments = append(r.segments, segment{name: path})
			break
		}
		s := segment{name: path[:end]}
		rest := path[end:]
		if rest[0] == '(' {
			if s.name == "" {
				return graphRoute{}, errPath
			}
			var err error
			if rest, err = s.parseKey(rest[1:]); err != nil {
				return graphRoute{}, err
			}
		}
		if s.name == "" || rest != "" && rest[0] != '/' {
			return graphRoute{}, errPath
		}
		r.segments = append(r.segments, s)
		path = strings.TrimPrefix(rest, "/")
	}
	return r, nil
}

// parseKey reads a key up to its closing parenthesis and answers the rest.
func (s *segment) parseKey(text string) (string, error) {
	s.keyed = true
	if quote := strings.IndexByte(text, '\''); quote > 0 {
		name, ok := strings.CutSuffix(text[:quote], "=")
		if !ok || name == "" || strings.ContainsAny(name, "()/= ") {
			return "", errPath
		}
		s.keyName, text = name, text[quote:]
	}
	if !strings.HasPrefix(text, "'") {
		return "", errPath
	}
	key, rest, err := quoted(text)
	if err != nil || !strings.HasPrefix(rest, ")") {
		return "", errPath
	}
	s.key = key
	return rest[1:], nil
}

// quoted reads an OData text in single quotes from the start of text.
func quoted(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, "'") {
		return "", "", errPath
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), text[i+1:], nil
	}
	return "", "", errPath
}

// is tells whether the route is made of these names, "*" for any and "()" for
// any with a key.
func (r graphRoute) is(names ...string) bool {
	if len(r.segments) != len(names) {
		return false
	}
	for i, name := range names {
		s := r.segments[i]
		bare, keyed := strings.CutSuffix(name, "()")
		if keyed != s.keyed || bare != "*" && bare != s.name {
			return false
		}
	}
	return true
}

// device is the id of the device that the route names, in lower case.
func (r graphRoute) device() string {
	switch {
	case r.is("devices()"):
		return strings.ToLower(r.segments[0].key)
	case r.is("devices", "*"):
		return strings.ToLower(r.segments[1].name)
	}
	return ""
}
