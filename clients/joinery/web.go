package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/metrics"
)

// web is the HTTP server for health and metrics; nil is none.
type web struct {
	listener net.Listener
	server   http.Server
	done     chan error
}

// observe serves health and metrics at an address; an empty one is none.
func observe(address string, r *joinery.Replica, storage *service.Storage) (*web, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--http: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, service.HealthOf(r.Status()), func(h service.Health) bool { return h.Live })
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, service.HealthOf(r.Status()), func(h service.Health) bool { return h.Ready })
	})
	mux.Handle("GET /metrics", metrics.Handler(r.Status, func() (bytes, free int64, ok bool) {
		if u := storage.Report(); u != nil {
			return u.Bytes, u.Free, true
		}
		return 0, 0, false
	}))
	w := &web{listener: l, done: make(chan error, 1)}
	w.server = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { w.done <- w.server.Serve(l) }()
	return w, nil
}

func answerHealth(w http.ResponseWriter, h service.Health, good func(service.Health) bool) {
	w.Header().Set("Content-Type", "application/json")
	if !good(h) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h) // whoever asked is gone
}

func (w *web) address() string {
	if w == nil {
		return ""
	}
	return w.listener.Addr().String()
}

func (w *web) close() error {
	if w == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := w.server.Shutdown(ctx)
	if err != nil {
		err = w.server.Close()
	}
	if failed := <-w.done; !errors.Is(failed, http.ErrServerClosed) {
		err = errors.Join(err, failed)
	}
	return err
}
