package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// service answers requests.
type service struct {
	engine   *reporting.Engine
	log      *slog.Logger
	stopping context.Context // ends when the program is to end: answers without an end end then
	metrics  metrics
}

func newService(engine *reporting.Engine, log *slog.Logger, stopping context.Context) *service {
	return &service{engine: engine, log: log, stopping: stopping}
}

// routes are all requests that are served. README.md describes them.
func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /metrics", s.getMetrics)

	mux.HandleFunc("POST /v1/check-ins", s.postCheckIns)
	mux.HandleFunc("POST /v1/tenants/{tenant}/devices/{device}/check-in", s.postCheckIn)

	mux.HandleFunc("GET /v1/devices", s.getDevices)
	mux.HandleFunc("GET /v1/tenants/{tenant}/devices", s.getDevices)
	mux.HandleFunc("GET /v1/tenants/{tenant}/devices/{device}", s.getDevice)
	mux.HandleFunc("DELETE /v1/tenants/{tenant}/devices/{device}", s.deleteDevice)

	mux.HandleFunc("GET /v1/tenants", s.getTenants)
	mux.HandleFunc("GET /v1/tenants/{tenant}", s.getTenant)
	mux.HandleFunc("PUT /v1/tenants/{tenant}", s.putTenant)
	mux.HandleFunc("GET /v1/tenants/{tenant}/preview", s.getPreview)
	mux.HandleFunc("POST /v1/tenants/{tenant}/approve", s.postApprove)
	mux.HandleFunc("POST /v1/tenants/{tenant}/sync", s.postSync)
	mux.HandleFunc("POST /v1/tenants/{tenant}/devices/{device}/sync", s.postSync)
	mux.HandleFunc("POST /v1/tenants/{tenant}/off-board", s.postOffBoard)
	return mux
}

// Limits of a request.
const (
	readTimeout  = 30 * time.Second // of the whole request
	writeTimeout = 30 * time.Second // from one piece of an answer to the next
	mostHeader   = 16 << 10         // bytes
)

func newServer(s *service, token string, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           logged(log, guarded(token, s.routes())),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    mostHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
