package service

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// cursor is a stream that a client pulls. A goroutine makes its lines, a few
// ahead of what was asked for.
type cursor struct {
	id    string
	lines chan []byte // closed at the end
	err   error       // why the end is no good one; good when lines is closed
	stop  context.CancelFunc
	idle  *time.Timer
	poll  bool // a watch: answer what there is, and do not wait for more

	mu    sync.Mutex // held while a chunk is made
	chunk int        // number of the last chunk
	last  answer     // the last chunk
	rest  []byte     // what did not fit into it
}

// ahead is how many lines wait for the client.
const ahead = 16

func (s *Server) open(req micro.Request) (answer, error) {
	var q Query
	if err := json.Unmarshal(req.Data(), &q); err != nil {
		return answer{}, refuse(CodeBad, "service: bad request: %v", err)
	}
	produce, err := s.producer(&q)
	if err != nil {
		return answer{}, err
	}
	c, err := s.newCursor(q.Kind == Watch, produce)
	if err != nil {
		return answer{}, err
	}
	return s.advance(c, 0)
}

// newCursor starts a producer.
func (s *Server) newCursor(poll bool, produce producer) (*cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, refuse(CodeClosed, "the replica is closing")
	}
	if len(s.cursors) >= MaxCursors {
		return nil, refuse(CodeClosed, "the replica has %d streams open and takes no more", MaxCursors)
	}
	c := &cursor{id: uuid.NewString(), lines: make(chan []byte, ahead), poll: poll, chunk: -1}
	ctx, stop := context.WithCancel(s.ctx)
	c.stop = stop
	c.idle = time.AfterFunc(idleCursor, func() { s.drop(c) })
	s.cursors[c.id] = c
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

// drop ends a cursor.
func (s *Server) drop(c *cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cursors, c.id)
	c.idle.Stop()
	c.stop()
}

func (s *Server) find(id string) *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[id]
}

func (s *Server) next(req micro.Request) (answer, error) {
	var p position
	if err := json.Unmarshal(req.Data(), &p); err != nil {
		return answer{}, refuse(CodeBad, "service: bad request: %v", err)
	}
	c := s.find(p.Cursor)
	if c == nil {
		return answer{}, refuse(CodeMissing, "the stream has ended: it was idle for too long, or the replica restarted")
	}
	return s.advance(c, p.Chunk)
}

func (s *Server) closeCursor(p *position) (Outcome, error) {
	if c := s.find(p.Cursor); c != nil {
		s.drop(c)
	}
	return Outcome{}, nil
}

// advance returns a chunk: the one after the last, or the last again.
func (s *Server) advance(c *cursor, chunk int) (answer, error) {
	if !c.mu.TryLock() {
		return answer{}, refuse(CodeConflict, "the stream is busy with another request")
	}
	defer c.mu.Unlock()
	c.idle.Stop()
	if chunk == c.chunk+1 {
		body, done := c.fill(s.ctx, s.chunkSize())
		c.chunk = chunk
		c.last = answer{body: body, header: nats.Header{headerCursor: {c.id}}}
		if done {
			s.drop(c)
			return s.lastOf(c)
		}
	}
	if chunk != c.chunk {
		return answer{}, refuse(CodeBad, "the stream is at chunk %d, not %d", c.chunk, chunk)
	}
	c.idle.Reset(idleCursor)
	return answer{body: c.last.body, header: nats.Header{headerCursor: {c.id}}}, nil
}

// lastOf returns the last chunk of a stream that has ended, or why it broke off.
func (s *Server) lastOf(c *cursor) (answer, error) {
	if s.ctx.Err() != nil {
		return answer{}, refuse(CodeClosed, "the replica is closing")
	}
	if c.err != nil {
		return answer{}, c.err
	}
	c.last.header.Set(headerDone, "1")
	return c.last, nil
}

// fill collects lines up to a size and reports whether they were the last.
func (c *cursor) fill(ctx context.Context, size int) (body []byte, done bool) {
	body, c.rest = c.rest, nil
	patience := time.NewTimer(longPoll)
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
func (s *Server) chunkSize() int { return max(1, min(ChunkSize, int(s.conn.MaxPayload()/2))) }
