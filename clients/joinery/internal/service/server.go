package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/record"
)

// Server answers the thin clients of one replica.
type Server struct {
	replica *joinery.Replica
	conn    *nats.Conn
	micro   micro.Service
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	tasks   sync.WaitGroup

	mu      sync.Mutex
	cursors map[string]*cursor
}

// answer is a response: a body, and headers.
type answer struct {
	body   []byte
	header nats.Header
}

type operation func(*Server, micro.Request) (answer, error)

var operations = map[string]operation{
	"import":  (*Server).importLines,
	"inc":     jsonOperation((*Server).inc),
	"remove":  jsonOperation((*Server).remove),
	"delete":  jsonOperation((*Server).discard),
	"resolve": jsonOperation((*Server).resolve),
	"status":  jsonOperation((*Server).status),
	"open":    (*Server).open,
	"next":    (*Server).next,
	"close":   jsonOperation((*Server).closeCursor),
}

// waiting are the operations that may take long and get goroutines of their
// own. They are bounded by the cursors: each serves one request at a time.
var waiting = map[string]bool{"open": true, "next": true}

// Serve starts to answer on a connection, which stays the caller's. Close the
// server before the replica.
func Serve(conn *nats.Conn, space string, r *joinery.Replica) (*Server, error) {
	s := &Server{replica: r, conn: conn, cursors: make(map[string]*cursor)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	var err error
	s.micro, err = micro.AddService(conn, micro.Config{
		Name: serviceName, Version: protocolVersion,
		Description: "reads and writes a replica's documents",
		Metadata:    map[string]string{"space": space, "replica": r.ID().String()},
	})
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("service: %w", err)
	}
	for op, do := range operations {
		for name, who := range map[string]string{op: anyone, op + "-here": r.ID().String()} {
			err := s.micro.AddEndpoint(name, s.handler(op, do), micro.WithEndpointSubject(subject(space, who, op)))
			if err != nil {
				return nil, errors.Join(fmt.Errorf("service: %s: %w", op, err), s.Close())
			}
		}
	}
	if conn.IsConnected() {
		_ = conn.FlushTimeout(closing) // so that who asks from now on is heard
	}
	return s, nil
}

func (s *Server) handler(op string, do operation) micro.Handler {
	if !waiting[op] {
		return micro.HandlerFunc(func(req micro.Request) {
			a, err := do(s, req)
			s.respond(req, a, err)
		})
	}
	return micro.HandlerFunc(func(req micro.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ctx.Err() == nil {
			s.tasks.Go(func() { s.respondLater(req, do) })
		}
	})
}

// respond answers one request. A client that is gone is nobody to complain to.
func (s *Server) respond(req micro.Request, a answer, err error) {
	with := micro.WithHeaders(micro.Headers(s.sign(a.header)))
	if err != nil {
		e := coded(err)
		_ = req.Error(e.Code, refused, []byte(e.Text), with)
		return
	}
	_ = req.Respond(a.body, with)
}

// respondLater is respond after the handler has returned, when the request is
// not to be touched any more.
func (s *Server) respondLater(req micro.Request, do operation) {
	a, err := do(s, req)
	m := &nats.Msg{Subject: req.Reply(), Header: s.sign(a.header), Data: a.body}
	if err != nil {
		e := coded(err)
		m.Header.Set(micro.ErrorHeader, refused)
		m.Header.Set(micro.ErrorCodeHeader, e.Code)
		m.Data = []byte(e.Text)
	}
	_ = s.conn.PublishMsg(m)
}

// refused is the description of all errors; the body says more.
const refused = "refused"

// sign says in an answer's header who gives it.
func (s *Server) sign(header nats.Header) nats.Header {
	if header == nil {
		header = nats.Header{}
	}
	header.Set(headerReplica, s.replica.ID().String())
	return header
}

// jsonOperation makes an operation of a function from JSON to JSON.
func jsonOperation[Q, A any](do func(*Server, *Q) (A, error)) operation {
	return func(s *Server, req micro.Request) (answer, error) {
		var q Q
		if err := json.Unmarshal(req.Data(), &q); err != nil {
			return answer{}, refuse(CodeBad, "service: bad request: %v", err)
		}
		a, err := do(s, &q)
		if err != nil {
			return answer{}, err
		}
		return answer{body: record.AppendJSON(nil, a)}, nil
	}
}

// Close stops answering and returns when all that was under way has ended.
func (s *Server) Close() error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	err := s.micro.Stop()
	s.tasks.Wait()
	return err
}

func (s *Server) status(*struct{}) (Status, error) {
	st := s.replica.Status()
	return Status{Replica: st.ID.String(), Digest: fmt.Sprintf("%016x", st.Digest), Status: st}, nil
}
