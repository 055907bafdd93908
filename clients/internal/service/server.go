package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Server answers the thin clients of one replica.
type Server struct {
	replica *joinery.Replica
	space   string
	storage *Storage // nil: in memory
	conn    *nats.Conn
	micro   micro.Service
	ctx     context.Context // of streams; ends with Close
	stop    context.CancelFunc
	writing context.Context // of writes, which Close waits for
	giveUp  context.CancelFunc
	tasks   sync.WaitGroup
	slots   chan struct{} // a token for each write under way
	reading chan struct{} // a token for each read under way
	busy    chan struct{} // holds a token while the whole store is copied or compacted

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
	"hello":   jsonOperation((*Server).hello),
	"write":   jsonOperation((*Server).write),
	"seen":    jsonOperation((*Server).seen),
	"import":  (*Server).importLines,
	"delete":  jsonOperation((*Server).discard),
	"resolve": jsonOperation((*Server).resolve),
	"status":  jsonOperation((*Server).status),
	"health":  jsonOperation((*Server).health),
	"open":    (*Server).open,
	"next":    (*Server).next,
	"close":   jsonOperation((*Server).closeCursor),
	"backup":  (*Server).backup,
	"compact": (*Server).compact,
}

// waiting are the operations that may take long and get goroutines of their
// own. They are bounded by the cursors: each serves one request at a time.
var waiting = map[string]bool{"next": true, "backup": true, "compact": true}

// reads are the operations that may wait for documents to be loaded or to arrive.
var reads = map[string]bool{"open": true, "seen": true}

// writes are the operations that may have to wait for a disk. They get goroutines
// of their own, so that those of many clients share a sync.
var writes = map[string]bool{"write": true, "import": true, "delete": true, "resolve": true}

// Serve starts to answer on a connection, which stays the caller's, as does what
// storage names; nil is for a replica in memory. Close the server before the
// replica.
func Serve(conn *nats.Conn, space string, r *joinery.Replica, storage *Storage) (*Server, error) {
	s := &Server{
		replica: r, space: space, storage: storage, conn: conn, cursors: make(map[string]*cursor),
		slots: make(chan struct{}, maxWrites), reading: make(chan struct{}, maxReads), busy: make(chan struct{}, 1),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.writing, s.giveUp = context.WithCancel(context.Background())
	var err error
	s.micro, err = micro.AddService(conn, micro.Config{
		Name: protocol.ServiceName, Version: protocol.Version,
		Description: "reads and writes a replica's documents",
		Metadata:    map[string]string{"space": space, "replica": r.ID().String()},
	})
	if err != nil {
		s.stop()
		s.giveUp()
		return nil, fmt.Errorf("service: %w", err)
	}
	for op, do := range operations {
		for name, who := range map[string]string{op: protocol.Anyone, op + "-here": r.ID().String()} {
			err := s.micro.AddEndpoint(name, s.handler(op, do), micro.WithEndpointSubject(protocol.Subject(space, who, op)))
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

// handler carries out requests. What names nobody to answer to is none: an answer
// names nobody, so that what a client has sent to the subject of an operation, as
// the reply subject of another one, gives it no right that it lacks. A close is a
// goodbye, and names a cursor that nobody else knows.
func (s *Server) handler(op string, do operation) micro.Handler {
	carryOut := s.carryOut(op, do)
	return micro.HandlerFunc(func(req micro.Request) {
		if req.Reply() != "" || op == "close" {
			carryOut(req)
		}
	})
}

func (s *Server) carryOut(op string, do operation) micro.HandlerFunc {
	switch {
	case waiting[op]:
		return func(req micro.Request) {
			s.begin(func() { s.respondLater(req, do) })
		}
	case reads[op]:
		return func(req micro.Request) { s.beginWithin(s.reading, req, do) }
	case writes[op]:
		return func(req micro.Request) { s.beginWithin(s.slots, req, do) }
	}
	return func(req micro.Request) {
		a, err := do(s, req)
		s.respond(req, a, err)
	}
}

// beginWithin begins to carry out a request, as soon as there are not too many.
func (s *Server) beginWithin(slots chan struct{}, req micro.Request, do operation) {
	select {
	case slots <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	s.begin(func() {
		defer func() { <-slots }()
		s.respondLater(req, do)
	})
}

// begin runs a task that Close waits for, unless it was called.
func (s *Server) begin(task func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.tasks.Go(task)
	}
}

// respond answers one request. A client that is gone is nobody to complain to.
func (s *Server) respond(req micro.Request, a answer, err error) {
	a.header = s.sign(a.header)
	with := micro.WithHeaders(micro.Headers(a.header))
	if err != nil {
		e := protocol.ErrorOf(err)
		a.header.Set(protocol.HeaderError, e.Kind)
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
		e := protocol.ErrorOf(err)
		m.Header.Set(protocol.HeaderError, e.Kind)
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
	header.Set(protocol.HeaderReplica, s.replica.ID().String())
	return header
}

// jsonOperation makes an operation of a function from JSON to JSON.
func jsonOperation[Q, A any](do func(*Server, *Q) (A, error)) operation {
	return func(s *Server, req micro.Request) (answer, error) {
		var q Q
		if err := json.Unmarshal(req.Data(), &q); err != nil {
			return answer{}, badRequest(err)
		}
		a, err := do(s, &q)
		if err != nil {
			return answer{}, err
		}
		return answer{body: record.AppendJSON(nil, a)}, nil
	}
}

// Close stops answering and returns when all that was under way has ended:
// streams are cut, and writes may take a moment to reach the disk.
func (s *Server) Close() error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	err := s.micro.Stop()
	late := time.AfterFunc(closing, s.giveUp)
	s.tasks.Wait()
	late.Stop()
	s.giveUp()
	return err
}

func badRequest(err error) error {
	return protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "bad request: %v", err)
}

func (s *Server) hello(*struct{}) (protocol.Hello, error) {
	return protocol.Hello{Replica: s.replica.ID().String(), Actor: s.replica.Actor(), Space: s.space, ChunkSize: s.chunkSize()}, nil
}

func (s *Server) status(*struct{}) (protocol.Status, error) {
	st := s.replica.Status()
	return protocol.Status{Replica: st.ID.String(), Digest: fmt.Sprintf("%016x", st.Digest), Storage: s.storage.Report(), Status: st}, nil
}
