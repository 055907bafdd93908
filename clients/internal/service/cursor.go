package service

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// cursor is a stream that a client pulls. A goroutine makes its lines, a few
// ahead of what was asked for.
type cursor struct {
	id    string
	lines chan []byte // closed at the end
	err   error       // why the end is no good one; good when lines is closed
	stop  context.CancelFunc
	idle  *time.Timer // nil if nobody can ask for it yet
	poll  bool        // a watch: answer what there is, and do not wait for more

	mu    sync.Mutex // held while a chunk is made
	chunk int        // number of the last chunk
	last  []byte     // the last chunk
	ended bool       // it is the last of all
	rest  []byte     // what did not fit into it
}

// ahead is how many lines wait for the client.
const ahead = 16

func (s *Server) open(req micro.Request) (answer, error) {
	var q protocol.Query
	if err := json.Unmarshal(req.Data(), &q); err != nil {
		return answer{}, badRequest(err)
	}
	produce, err := s.producer(&q)
	if err != nil {
		return answer{}, err
	}
	if err := s.await(q.Doc, &q.After); err != nil {
		return answer{}, err
	}
	c, err := s.start(q.Kind == protocol.Watch, produce)
	if err != nil {
		return answer{}, err
	}
	a, err := s.advance(c, 0)
	if err == nil && !c.ended { // most readings are over by now
		err = s.keep(c)
	}
	if err == nil && q.Position && q.Doc != "" { // after the reading: it covers what was read
		a.header.Set(protocol.HeaderPosition, position(s.replica.Doc(q.Doc)))
	}
	return a, err
}

// newCursor starts a producer and keeps its cursor.
func (s *Server) newCursor(produce producer) (*cursor, error) {
	c, err := s.start(false, produce)
	if err == nil {
		err = s.keep(c)
	}
	return c, err
}

// start starts a producer.
func (s *Server) start(poll bool, produce producer) (*cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, errClosing
	}
	c := &cursor{id: uuid.NewString(), lines: make(chan []byte, ahead), poll: poll, chunk: -1}
	ctx, stop := context.WithCancel(s.ctx)
	c.stop = stop
	s.tasks.Go(func() {
		defer close(c.lines)
		c.err = produce(ctx, func(line []byte) bool {
			select {
			case c.lines <- line:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	return c, nil
}

var errClosing = protocol.Refuse(protocol.CodeClosed, protocol.ErrorOf(joinery.ErrClosed).Kind, "the replica is closing")

// keep makes a cursor one that a client can ask for. If there are too many it
// is ended.
func (s *Server) keep(c *cursor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		c.stop()
		return errClosing
	}
	if len(s.cursors) >= protocol.MaxCursors {
		c.stop()
		return protocol.Refuse(protocol.CodeClosed, protocol.KindFull, "the replica has %d streams open and takes no more", protocol.MaxCursors)
	}
	c.idle = time.AfterFunc(idleCursor, func() { s.drop(c) })
	s.cursors[c.id] = c
	return nil
}

// drop ends a cursor.
func (s *Server) drop(c *cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cursors, c.id)
	if c.idle != nil {
		c.idle.Stop()
	}
	c.stop()
}

func (s *Server) find(id string) *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[id]
}

func (s *Server) next(req micro.Request) (answer, error) {
	var p protocol.Next
	if err := json.Unmarshal(req.Data(), &p); err != nil {
		return answer{}, badRequest(err)
	}
	c := s.find(p.Cursor)
	if c == nil {
		return answer{}, protocol.Refuse(protocol.CodeMissing, protocol.KindNoStream,
			"the stream has ended: it was idle for too long, or the replica restarted")
	}
	return s.advance(c, p.Chunk)
}

func (s *Server) closeCursor(p *protocol.Next) (protocol.Outcome, error) {
	if c := s.find(p.Cursor); c != nil {
		s.drop(c)
	}
	return protocol.Outcome{}, nil
}

// advance returns a chunk: the one after the last, or the last again.
func (s *Server) advance(c *cursor, chunk int) (answer, error) {
	if !c.mu.TryLock() {
		return answer{}, protocol.Refuse(protocol.CodeConflict, protocol.KindBusy, "the stream is busy with another request")
	}
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.Stop()
		defer c.idle.Reset(idleCursor)
	}
	if chunk == c.chunk+1 {
		body, done := c.fill(s.ctx, s.chunkSize())
		c.chunk, c.last = chunk, body
		if done {
			c.ended = true
			s.drop(c)
			return s.lastOf(c)
		}
	}
	if chunk != c.chunk {
		return answer{}, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "the stream is at chunk %d, not %d", c.chunk, chunk)
	}
	return c.answer(), nil
}

// answer returns the last chunk.
func (c *cursor) answer() answer {
	return answer{body: c.last, header: nats.Header{protocol.HeaderCursor: {c.id}}}
}

// lastOf returns the last chunk of a stream that has ended, or why it broke off.
func (s *Server) lastOf(c *cursor) (answer, error) {
	if s.ctx.Err() != nil {
		return answer{}, errClosing
	}
	if c.err != nil {
		return answer{}, c.err
	}
	a := c.answer()
	a.header.Set(protocol.HeaderDone, "1")
	return a, nil
}

// fill collects lines up to a size and reports whether they were the last. The
// first chunk of a watch is empty, so that who opens one waits for nothing.
func (c *cursor) fill(ctx context.Context, size int) (body []byte, done bool) {
	if c.poll && c.chunk < 0 {
		return nil, false
	}
	body, c.rest = c.rest, nil
	patience := time.NewTimer(protocol.LongPoll)
	defer patience.Stop()
	for len(body) < size {
		line, ok := c.line(ctx, patience.C, len(body) > 0)
		if !ok {
			return body, true
		}
		if line == nil {
			return body, false
		}
		body = append(body, line...)
	}
	c.rest = append(c.rest, body[size:]...)
	return body[:size:size], false
}

// line waits for a line; nil if there is none for the moment, false at the end.
func (c *cursor) line(ctx context.Context, patience <-chan time.Time, some bool) ([]byte, bool) {
	if c.poll && some {
		select {
		case line, ok := <-c.lines:
			return line, ok
		default:
			return nil, true
		}
	}
	select {
	case line, ok := <-c.lines:
		return line, ok
	case <-patience:
		return nil, true
	case <-ctx.Done():
		return nil, false
	}
}

// chunkSize stays below the connection's limit, headers included.
func (s *Server) chunkSize() int { return max(1, min(protocol.ChunkSize, int(s.conn.MaxPayload()/2))) }
