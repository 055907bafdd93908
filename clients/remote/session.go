package remote

import (
	"container/list"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Session follows what somebody has read and written, document by document: its
// reads show no less, whichever replica answers, and its writes come after. A
// replica that has not seen as much yet waits for it, and after that the call
// fails with joinery.ErrBehind.
//
// A client is a session, of all that is read and written through its own handles.
// A web back end makes one for each of its users: it hands Token out with its answer,
// and goes on with [Client.Resume] when it comes back, here or in another process.
//
// It remembers the last 4,096 documents; of those before it the guarantee ends, as it
// does for a document to which more than some 1,500 replicas have written.
type Session struct {
	client *Client

	mu   sync.Mutex
	docs map[string]*list.Element // of *followed
	used list.List                // the last used first
}

// followed is what a session has seen of a document.
type followed struct {
	doc string
	at  joinery.Position
}

const (
	maxFollowed = 4096
	maxToken    = 1 << 20
)

func newSession(c *Client) *Session {
	return &Session{client: c, docs: make(map[string]*list.Element)}
}

// Session returns a session that has seen nothing yet.
func (c *Client) Session() *Session { return newSession(c) }

// Resume returns a session that goes on from a token. What is no token is
// joinery.ErrValue: it may come from a user.
func (c *Client) Resume(token string) (*Session, error) {
	s := newSession(c)
	if token == "" {
		return s, nil
	}
	if len(token) > maxToken {
		return nil, fmt.Errorf("remote: token: %w: %d bytes", joinery.ErrTooLarge, len(token))
	}
	var positions map[string]string
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(b, &positions)
	}
	if err != nil {
		return nil, fmt.Errorf("remote: token: %w: %w", joinery.ErrValue, err)
	}
	for doc, text := range positions {
		at, err := joinery.ParsePosition(text)
		if err != nil {
			return nil, fmt.Errorf("remote: token: %w", err)
		}
		s.follow(doc, at)
	}
	return s, nil
}

// Token returns what the session has seen, as an opaque text that is safe in
// headers and URLs: for each document its name and some 45 bytes for each replica
// that has written to it.
func (s *Session) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	positions := make(map[string]string, len(s.docs))
	for doc, e := range s.docs {
		positions[doc] = e.Value.(*followed).at.String()
	}
	b, err := json.Marshal(positions)
	if err != nil {
		panic("remote: " + err.Error()) // texts always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Doc returns a handle on a document, in this session.
func (s *Session) Doc(name string) *Doc {
	return &Doc{fields{target: target{client: s.client, session: s, doc: name}}}
}

// Doc returns a handle on a document, whether it exists or not.
func (c *Client) Doc(name string) *Doc {
	return &Doc{fields{target: target{client: c, session: c.own, doc: name}}}
}

// after returns what a request about a document has to come after.
func (s *Session) after(doc string, c *Client) (a protocol.After) {
	if s == nil {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.docs[doc]; e != nil {
		a.After = []string{e.Value.(*followed).at.String()}
		a.WaitMS = c.cfg.Patience.Milliseconds() / 2
	}
	return a
}

// saw notes what an answer says that it shows.
func (s *Session) saw(doc, position string) error {
	if s == nil || position == "" {
		return nil
	}
	at, err := joinery.ParsePosition(position)
	if err != nil {
		return fmt.Errorf("remote: answer is not understood: %w", err)
	}
	s.follow(doc, at)
	return nil
}

func (s *Session) follow(doc string, at joinery.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.docs[doc]; e != nil {
		f := e.Value.(*followed)
		f.at = f.at.Join(at)
		s.used.MoveToFront(e)
		return
	}
	s.docs[doc] = s.used.PushFront(&followed{doc, at})
	if s.used.Len() > maxFollowed {
		last := s.used.Back()
		delete(s.docs, s.used.Remove(last).(*followed).doc)
	}
}
