package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Limits of a body, in bytes.
const (
	mostSmall = 64 << 10
	mostBatch = 4 << 20
)

// read reads a JSON body of at most most bytes into value. It answers false
// after it has answered the request with what is wrong.
func read(w http.ResponseWriter, r *http.Request, most int64, value any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		answerProblem(w, http.StatusUnsupportedMediaType, problem{
			Error:  "the body has to be JSON",
			Faults: []fault{{Field: "Content-Type", Value: shown(r.Header.Get("Content-Type")), Problem: "is not application/json"}},
		})
		return false
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			answerProblem(w, http.StatusRequestEntityTooLarge, problem{Error: fmt.Sprintf("the body is longer than %d bytes", most)})
		} else {
			answerProblem(w, http.StatusBadRequest, problem{Error: "the body could not be read"})
		}
		return false
	}
	if f := decode(text, value); f != nil {
		answerProblem(w, http.StatusBadRequest, problem{Error: "the body cannot be used", Faults: []fault{*f}})
		return false
	}
	return true
}

// decode reads one JSON value. A field that is not known is a fault: it may be
// a misspelt one that matters.
func decode(text []byte, value any) *fault {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	err := d.Decode(value)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return &fault{Problem: fmt.Sprintf("something follows the JSON value at byte %d", d.InputOffset())}
		}
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &fault{Field: e.Field, Value: shown(e.Value), Problem: "has to be " + kindOf(e)}
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &fault{Problem: fmt.Sprintf("is not JSON at byte %d", e.Offset)}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &fault{Field: shown(strings.Trim(name, `"`)), Problem: "is not a field that is known"}
	}
	return &fault{Problem: "is not JSON, or ends too soon"}
}

// kindOf says in JSON's words what a field has to be.
func kindOf(e *json.UnmarshalTypeError) string {
	switch kind := e.Type.Kind().String(); {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case kind == "slice":
		return "an array"
	case kind == "struct":
		return "an object"
	case kind == "bool":
		return "true or false"
	}
	return "a string"
}
