package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Call asks for an operation with JSON and reads JSON into out; see package
// protocol. If it may be carried out twice, again makes a lost answer be asked for
// again.
func (c *Client) Call(ctx context.Context, again bool, op string, in, out any) error {
	m, _, err := c.request(ctx, again, op, in, nil)
	if err != nil {
		return err
	}
	return decodeAnswer(m, out)
}

// Status returns how the replica is that the client asks.
func (c *Client) Status(ctx context.Context) (s protocol.Status, err error) {
	err = c.Call(ctx, true, protocol.OpStatus, struct{}{}, &s)
	return s, err
}

// Import writes records, lines of JSON as docs/service.md has them, each as one
// atomic group. It is safe to repeat unless somebody writes in between, and is
// repeated by itself only if nobody got it.
func (c *Client) Import(ctx context.Context, lines []byte, keepGoing bool) (out protocol.Imported, err error) {
	header := nats.Header{}
	if keepGoing {
		header.Set(protocol.HeaderKeepGoing, "1")
	}
	m, _, err := c.request(ctx, false, protocol.OpImport, lines, header)
	if err != nil {
		return out, err
	}
	return out, decodeAnswer(m, &out)
}

// MaxImport returns how many bytes of lines Import can send at most.
func (c *Client) MaxImport() int { return int(c.conn.MaxPayload()) - 1024 } // headers count too

// Backup yields a backup of the replica's store, as Chunks does.
func (c *Client) Backup(ctx context.Context) iter.Seq2[[]byte, error] {
	return c.chunks(ctx, protocol.OpBackup, struct{}{}, nil)
}

// Compact gives the space of what was deleted back to the replica's disk.
func (c *Client) Compact(ctx context.Context) (out protocol.Compacted, err error) {
	var line []byte
	for chunk, err := range c.chunks(ctx, protocol.OpCompact, struct{}{}, nil) {
		if err != nil {
			return out, err
		}
		line = append(line, chunk...)
	}
	if err := json.Unmarshal(line, &out); err != nil {
		return out, fmt.Errorf("remote: answer is not understood: %w", err)
	}
	return out, nil
}

// gather is how long Replicas waits for further answers.
const gather = 300 * time.Millisecond

// maxReplicas bounds the answers that Replicas collects.
const maxReplicas = 4096

// Replicas returns the ids of the replicas of the space that offer the service.
func (c *Client) Replicas(ctx context.Context) (ids []string, err error) {
	subject, err := micro.ControlSubject(micro.InfoVerb, protocol.ServiceName, "")
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	inbox := c.conn.NewInbox()
	sub, err := c.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.conn.PublishRequest(subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	for len(ids) < maxReplicas {
		wait, cancel := context.WithTimeout(ctx, gather)
		m, err := sub.NextMsgWithContext(wait)
		cancel()
		if err != nil {
			break // nobody else
		}
		var info micro.Info
		if json.Unmarshal(m.Data, &info) == nil && info.Metadata["space"] == c.cfg.Space {
			ids = append(ids, info.Metadata["replica"])
		}
	}
	return ids, ctx.Err()
}
