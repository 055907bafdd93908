package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

const space = "crash"

// asker is a thin client of one replica. It is one goroutine's.
type asker struct{ *remote.Client }

func newAsker(conn *nats.Conn, replica string) asker {
	c, err := remote.New(conn, remote.Config{Space: space, Replica: replica, FailFast: true, NoSession: true})
	if err != nil {
		panic(err) // of a replica's own id
	}
	return asker{c}
}

// load writes until ctx ends or the replica is gone. A request that is under way
// then is given up; with patience it is waited for.
func (a asker) load(ctx context.Context, m *model, patience bool) error {
	asking := ctx
	if patience {
		asking = context.WithoutCancel(ctx)
	}
	for ctx.Err() == nil {
		err := a.write(asking, m)
		var refused *remote.Error
		switch {
		case err == nil:
			m.answered()
		case errors.As(err, &refused):
			return fmt.Errorf("writer %d: refused: %w", m.id, err)
		default:
			return nil // it was killed: whether that was written remains open
		}
	}
	return nil
}

// write makes one request.
func (a asker) write(ctx context.Context, m *model) error {
	switch n := m.rand.IntN(20); {
	case n < 2:
		m.adds = 1
		inc := protocol.Write{Do: protocol.DoInc, Kind: "counter", Field: "n", By: 1} // asked for once
		group := protocol.Group{Doc: m.counterDoc(), Writes: []protocol.Write{inc}}
		return a.Call(ctx, false, protocol.OpWrite, group, &protocol.Written{})
	case n < 4:
		at := m.removal()
		return a.Call(ctx, false, protocol.OpDelete, protocol.Change{Doc: at.doc, Field: at.field}, &protocol.Outcome{})
	case n < 8:
		return a.send(ctx, m.batch(batchLines))
	}
	return a.send(ctx, m.batch(1))
}

func (a asker) send(ctx context.Context, lines []byte) error {
	got, err := a.Import(ctx, lines, false)
	if err == nil && len(got.Errors) > 0 {
		err = &remote.Error{Code: protocol.CodeFailed, Text: got.Errors[0].Error}
	}
	return err
}

// read returns what the replica holds of each writer's documents.
func (a asker) read(ctx context.Context) (all [writers + 1]found, err error) {
	for i := range all {
		all[i].places = make(map[place]version)
	}
	for line, err := range a.Lines(ctx, protocol.Query{Kind: protocol.Documents, Pattern: ">"}) {
		if err != nil {
			return all, err
		}
		var rec struct {
			Doc    string
			Fields map[string]json.RawMessage
		}
		if err := json.Unmarshal(line, &rec); err != nil {
			return all, err
		}
		if err := note(&all, rec.Doc, rec.Fields); err != nil {
			return all, err
		}
	}
	return all, nil
}

// note notes the fields of a record.
func note(all *[writers + 1]found, doc string, fields map[string]json.RawMessage) error {
	kind, rest, _ := strings.Cut(doc, ".")
	id := -1
	if _, err := fmt.Sscan(strings.SplitN(rest, ".", 2)[0], &id); err != nil || id < 0 || id > writers {
		return fmt.Errorf("a document that nobody wrote: %q", doc)
	}
	for name, value := range fields {
		if kind == "counts" {
			var c struct {
				Value int64 `json:"$counter"`
			}
			if err := json.Unmarshal(value, &c); err != nil {
				return err
			}
			all[id].count = c.Value
			continue
		}
		var pair []json.RawMessage
		var v version
		if err := json.Unmarshal(value, &pair); err != nil || len(pair) != 2 {
			return fmt.Errorf("%s: %s is no value that was written: %s", doc, name, value)
		}
		if err := json.Unmarshal(pair[0], &v); err != nil {
			return err
		}
		all[id].places[place{doc, name}] = v
	}
	return nil
}

func (a asker) status(ctx context.Context) (st protocol.Status, err error) {
	err = a.Call(ctx, true, protocol.OpStatus, struct{}{}, &st)
	if err == nil && (st.Stats.Conflicts > 0 || st.Stats.Alarms > 0) {
		err = fmt.Errorf("replica %s saw %d events with two contents and raised %d alarms", st.Replica, st.Stats.Conflicts, st.Stats.Alarms)
	}
	return st, err
}

// agreeTime bounds how long two replicas take to hold the same.
const agreeTime = 30 * time.Second

// agree waits until two replicas hold the same.
func agree(ctx context.Context, a, b asker) error {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		one, err := a.status(ctx)
		if err != nil {
			return err
		}
		other, err := b.status(ctx)
		if err != nil {
			return err
		}
		if one.Loading == 0 && one.Digest == other.Digest {
			return nil
		}
		if time.Since(begun) > agreeTime {
			return fmt.Errorf("after %v the replicas still differ: %s and %s", agreeTime, one.Digest, other.Digest)
		}
	}
}

// follow reads from a replica until ctx ends.
func (a asker) follow(ctx context.Context) (changes int, err error) {
	for f, err := range a.WatchLines(ctx, protocol.Query{Pattern: ">"}) {
		if err != nil {
			return changes, err
		}
		if !f.Gap {
			changes++
		}
	}
	return changes, nil
}
