// Command backend is a web back end for notes that keeps nothing: any number of them
// may run in front of the replicas of "joinery serve", and each request may go to
// another one.
//
//	joinery serve --listen 127.0.0.1:4222 --space notes &
//	go run ./examples/backend --listen 127.0.0.1:8080 &
//	curl -i 127.0.0.1:8080/notes/42
//	curl -i -X PUT 127.0.0.1:8080/notes/42 -d '{"text":"buy milk"}'
//
// A GET answers all versions of the text, several if people wrote at the same time,
// and a context of what it showed. A PUT brings the context back: it replaces what
// its user has seen, and nothing else. A cookie holds what the user has read and
// written, so that the next answer shows no less, whoever gives it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote"
)

func main() {
	url := flag.String("nats", nats.DefaultURL, "`URL` of the NATS server")
	listen := flag.String("listen", "127.0.0.1:8080", "`ADDRESS` to serve HTTP at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *url, *listen); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, listen string) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	h, err := newBackend(nc)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	log.Printf("serving http://%v/notes/", l.Addr())
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// backend answers HTTP. It has no state but the connection.
type backend struct {
	client *remote.Client
}

func newBackend(nc *nats.Conn) (http.Handler, error) {
	c, err := remote.New(nc, remote.Config{Space: "notes"})
	if err != nil {
		return nil, err
	}
	b := &backend{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes/{id}", b.handler(show))
	mux.HandleFunc("PUT /notes/{id}", b.handler(save))
	return mux, nil
}

// note is what goes to a browser, and what comes back.
type note struct {
	Versions []string `json:"versions,omitempty"`
	Text     string   `json:"text,omitempty"`
	Context  string   `json:"context"`
}

const (
	cookie  = "seen"
	timeout = 5 * time.Second
	maxBody = 64 << 10
)

// action answers a request in a session.
type action func(context.Context, *remote.Session, *http.Request) (any, error)

// handler runs an action in the user's session.
func (b *backend) handler(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		s, err := b.session(r)
		var answer any
		if err == nil {
			answer, err = do(ctx, s, r)
		}
		if err != nil {
			http.Error(w, err.Error(), statusOf(err))
			return
		}
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.Token(), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the browser may be gone
	}
}

func (b *backend) session(r *http.Request) (*remote.Session, error) {
	token := ""
	if c, err := r.Cookie(cookie); err == nil {
		token = c.Value
	}
	return b.client.Resume(token)
}

func text(s *remote.Session, r *http.Request) remote.Register {
	return s.Doc("note." + r.PathValue("id")).Register("text")
}

func show(ctx context.Context, s *remote.Session, r *http.Request) (any, error) {
	at := text(s, r)
	siblings, err := remote.Siblings[string](ctx, at)
	if err != nil {
		return nil, err
	}
	n := note{Versions: []string{}}
	for i, v := range siblings {
		if i > 0 {
			n.Context += ","
		}
		n.Context += v.Context.String()
		n.Versions = append(n.Versions, v.Value)
	}
	return n, nil
}

func save(ctx context.Context, s *remote.Session, r *http.Request) (any, error) {
	var n note
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&n); err != nil {
		return nil, errors.Join(joinery.ErrValue, err)
	}
	seen, err := joinery.ParseContext(n.Context)
	if err != nil {
		return nil, err
	}
	return struct{}{}, text(s, r).Set(ctx, n.Text, remote.Over(seen))
}

// statusOf says by an error whose fault it was, and whether to try again.
func statusOf(err error) int {
	switch {
	case errors.Is(err, joinery.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, joinery.ErrName), errors.Is(err, joinery.ErrValue):
		return http.StatusBadRequest
	case errors.Is(err, remote.ErrUnknown): // show the note again: it may have been saved
		return http.StatusGatewayTimeout
	case errors.Is(err, remote.ErrNoReplica), errors.Is(err, joinery.ErrBehind):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
