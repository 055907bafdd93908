package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// The names of the workloads, which are Maelstrom's, and of one more.
const (
	GSet      = "g-set"
	GCounter  = "g-counter"
	PNCounter = "pn-counter"
	Broadcast = "broadcast"
	Ledger    = "ledger"
)

// workload performs the operations of one workload on a replica.
type workload interface {
	// add takes the request's argument; nil means that it lacks it.
	add(ctx context.Context, r *joinery.Replica, b *protocol.Body) error
	read(r *joinery.Replica, reply *protocol.Body) error
}

var workloads = map[string]workload{
	GSet: sets{}, GCounter: counters{GCounter}, PNCounter: counters{PNCounter}, Broadcast: broadcasts{}, Ledger: ledgers{},
}

func argument(b *protocol.Body, v *int64) (int64, error) {
	if v == nil {
		return 0, fmt.Errorf("node: %s lacks its argument", b.Type)
	}
	return *v, nil
}

// sets keeps all elements in one set.
type sets struct{}

func elements(r *joinery.Replica) joinery.Set { return r.Doc(GSet).Set("elements") }

func (sets) add(ctx context.Context, r *joinery.Replica, b *protocol.Body) error {
	v, err := argument(b, b.Element)
	if err != nil {
		return err
	}
	return elements(r).Add(ctx, v)
}

func (sets) read(r *joinery.Replica, reply *protocol.Body) error {
	list, err := joinery.Members[int64](elements(r))
	if err != nil {
		return err
	}
	reply.Value, err = json.Marshal(list)
	return err
}

// counters keeps one counter.
type counters struct {
	doc string
}

func (c counters) add(ctx context.Context, r *joinery.Replica, b *protocol.Body) error {
	v, err := argument(b, b.Delta)
	if err != nil {
		return err
	}
	return r.Doc(c.doc).Counter("value").Inc(ctx, v)
}

func (c counters) read(r *joinery.Replica, reply *protocol.Body) (err error) {
	reply.Value, err = json.Marshal(r.Doc(c.doc).Counter("value").Value())
	return err
}

// broadcasts keeps each message in a document of its own, so that replicas have
// many documents to compare, where sets have one that grows.
type broadcasts struct{}

const messages = "message."

func (broadcasts) add(ctx context.Context, r *joinery.Replica, b *protocol.Body) error {
	v, err := argument(b, b.Message)
	if err != nil {
		return err
	}
	return r.Doc(messages + strconv.FormatInt(v, 10)).Flag("seen").Enable(ctx)
}

func (broadcasts) read(r *joinery.Replica, reply *protocol.Body) error {
	reply.Messages = []int64{}
	for name := range r.Docs(messages + "*") {
		v, err := strconv.ParseInt(strings.TrimPrefix(name, messages), 10, 64)
		if err != nil {
			return fmt.Errorf("node: document %q: %w", name, err)
		}
		if r.Doc(name).Flag("seen").Enabled() {
			reply.Messages = append(reply.Messages, v)
		}
	}
	return nil
}

// ledgers adds to a set and to a counter in one group, so that the counter must
// always be the sum of what the set says.
type ledgers struct{}

func (ledgers) add(ctx context.Context, r *joinery.Replica, b *protocol.Body) error {
	entry, err := argument(b, b.Element)
	if err != nil {
		return err
	}
	delta, err := argument(b, b.Delta)
	if err != nil {
		return err
	}
	return r.Doc(Ledger).Update(ctx, func(tx *joinery.Tx) error {
		if err := tx.Set("entries").Add(ctx, entry); err != nil {
			return err
		}
		return tx.Counter("sum").Inc(ctx, delta)
	})
}

func (ledgers) read(r *joinery.Replica, reply *protocol.Body) (err error) {
	r.Doc(Ledger).View(func(tx *joinery.Tx) {
		if reply.Messages, err = joinery.Members[int64](tx.Set("entries")); err == nil {
			reply.Value, err = json.Marshal(tx.Counter("sum").Value())
		}
	})
	return err
}
