package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// ErrNoReplica means that nobody answers for the space.
var ErrNoReplica = errors.New("service: no replica answers")

// DefaultTimeout bounds one request.
const DefaultTimeout = 10 * time.Second

// Client asks the replicas of a space. After the first answer it stays with
// the replica that gave it, so that it reads what it wrote; if that one goes
// away, another takes over. It is not safe for concurrent use.
type Client struct {
	conn  *nats.Conn
	space string
	who   string // the replica asked, or anyone
	fixed bool   // the caller chose it
}

// NewClient returns a client on a connection, which stays the caller's.
// replica is the only one to be asked, or "" for any.
func NewClient(conn *nats.Conn, space, replica string) *Client {
	if replica == "" {
		return &Client{conn: conn, space: space, who: anyone}
	}
	return &Client{conn: conn, space: space, who: replica, fixed: true}
}

// At returns a client of one replica on the same connection.
func (c *Client) At(replica string) *Client { return NewClient(c.conn, c.space, replica) }

// Replica returns who answered last, or "" before the first answer.
func (c *Client) Replica() string {
	if c.who == anyone {
		return ""
	}
	return c.who
}

// Call asks for an operation with JSON and reads JSON into out. An error is
// *Error if a replica refused, ErrNoReplica if none was there.
func (c *Client) Call(ctx context.Context, op string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	m, err := c.request(ctx, op, b, nil)
	if err != nil {
		return err
	}
	return decodeAnswer(m, out)
}

func decodeAnswer(m *nats.Msg, out any) error {
	if err := json.Unmarshal(m.Data, out); err != nil {
		return fmt.Errorf("service: answer is not understood: %w", err)
	}
	return nil
}

// Import sends lines, each ended by a newline. It is safe to repeat.
func (c *Client) Import(ctx context.Context, lines []byte, keepGoing bool) (Imported, error) {
	header := nats.Header{}
	if keepGoing {
		header.Set(headerKeepGoing, "1")
	}
	var out Imported
	m, err := c.request(ctx, "import", lines, header)
	if err != nil {
		return out, err
	}
	return out, decodeAnswer(m, &out)
}

// MaxImport returns how many bytes of lines Import can send at most.
func (c *Client) MaxImport() int { return int(c.conn.MaxPayload()) - 1024 } // headers count too

// request asks, and asks another if the one that answered before is gone.
func (c *Client) request(ctx context.Context, op string, data []byte, header nats.Header) (*nats.Msg, error) {
	m, err := c.ask(ctx, op, data, header)
	if errors.Is(err, ErrNoReplica) && !c.fixed && c.who != anyone {
		c.who = anyone
		m, err = c.ask(ctx, op, data, header)
	}
	return m, err
}

func (c *Client) ask(ctx context.Context, op string, data []byte, header nats.Header) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	m, err := c.conn.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject(c.space, c.who, op), Data: data, Header: header})
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNoReplica
	case err != nil:
		return nil, fmt.Errorf("service: %s: %w", op, err)
	}
	if c.who == anyone && m.Header.Get(headerReplica) != "" {
		c.who = m.Header.Get(headerReplica)
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		return nil, &Error{code, string(m.Data)}
	}
	return m, nil
}

// gather is how long Replicas waits for further answers.
const gather = 300 * time.Millisecond

// maxReplicas bounds the answers that Replicas collects.
const maxReplicas = 4096

// Replicas returns the identities of the replicas of the space that offer the service.
func (c *Client) Replicas(ctx context.Context) (ids []string, err error) {
	subject, err := micro.ControlSubject(micro.InfoVerb, serviceName, "")
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	inbox := c.conn.NewInbox()
	sub, err := c.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.conn.PublishRequest(subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	for len(ids) < maxReplicas {
		wait, cancel := context.WithTimeout(ctx, gather)
		m, err := sub.NextMsgWithContext(wait)
		cancel()
		if err != nil {
			break // nobody else
		}
		var info micro.Info
		if json.Unmarshal(m.Data, &info) == nil && info.Metadata["space"] == c.space {
			ids = append(ids, info.Metadata["replica"])
		}
	}
	return ids, ctx.Err()
}
