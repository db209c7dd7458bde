package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// guarded lets through who shows the token. Without a token it serves this
// machine alone, and no page that a browser on it has open: neither one that
// posts here nor one whose name was made to point here.
func guarded(token string, to http.Handler) http.Handler {
	if token == "" {
		to := http.NewCrossOriginProtection().Handler(to)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isLoopback(r.Host) {
				answerProblem(w, http.StatusForbidden, problem{Error: "this service answers to loopback addresses only"})
				return
			}
			to.ServeHTTP(w, r)
		})
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(shown))
		if r.URL.Path != "/healthz" && (!bearer || subtle.ConstantTimeCompare(got[:], want[:]) != 1) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answerProblem(w, http.StatusUnauthorized, problem{Error: "a bearer token is needed"})
			return
		}
		to.ServeHTTP(w, r)
	})
}

// logged logs each request by its pattern: what stands in its place in an
// address, a query or a body may be somebody's.
func logged(log *slog.Logger, to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		counted := &countedWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			log.Info("request", "pattern", r.Pattern, "status", counted.status, "bytes", counted.bytes, "took", time.Since(began).Round(time.Microsecond).String())
		}()
		to.ServeHTTP(counted, r)
	})
}

type countedWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach what is below.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
