package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/checker"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/node"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// workload is how to make requests, to understand their replies and to judge
// the whole.
type workload struct {
	name string
	// value returns that of the i-th add.
	value func(rng *rand.Rand, i int64) int64
	add   func(v int64) protocol.Body
	seen  func(op *history.Op, reply *protocol.Body) error
	judge func(r *Report, ops []history.Op, t *history.Timeline)
}

func count(_ *rand.Rand, i int64) int64 { return i }

var workloads = []workload{
	{node.GSet, count, addElement, seeList, judgeSet},
	{node.GCounter, func(rng *rand.Rand, _ int64) int64 { return rng.Int64N(6) }, addDelta, seeSum, judgeCounter},
	{node.PNCounter, func(rng *rand.Rand, _ int64) int64 { return rng.Int64N(11) - 5 }, addDelta, seeSum, judgeCounter},
	{node.Broadcast, count, addMessage, seeMessages, judgeSet},
	{node.Ledger, count, addEntry, seeLedger, judgeLedger},
}

// worth is what an entry of a ledger adds to the counter, -5 to 5.
func worth(entry int64) int64 { return entry%11 - 5 }

func addElement(v int64) protocol.Body { return protocol.Body{Type: protocol.Add, Element: &v} }
func addDelta(v int64) protocol.Body   { return protocol.Body{Type: protocol.Add, Delta: &v} }
func addMessage(v int64) protocol.Body { return protocol.Body{Type: protocol.Broadcast, Message: &v} }

func addEntry(v int64) protocol.Body {
	delta := worth(v)
	return protocol.Body{Type: protocol.Add, Element: &v, Delta: &delta}
}

func seeList(op *history.Op, reply *protocol.Body) error {
	var list []int64
	if err := json.Unmarshal(reply.Value, &list); err != nil {
		return fmt.Errorf("maelstrom: reply to read: %w", err)
	}
	op.Seen = history.ElementsOf(list...)
	return nil
}

func seeSum(op *history.Op, reply *protocol.Body) error {
	if err := json.Unmarshal(reply.Value, &op.Sum); err != nil {
		return fmt.Errorf("maelstrom: reply to read: %w", err)
	}
	return nil
}

func seeMessages(op *history.Op, reply *protocol.Body) error {
	op.Seen = history.ElementsOf(reply.Messages...)
	return nil
}

func seeLedger(op *history.Op, reply *protocol.Body) error {
	return errors.Join(seeMessages(op, reply), seeSum(op, reply))
}

func judgeSet(r *Report, ops []history.Op, t *history.Timeline) {
	set := checker.SetFull(ops, t)
	r.Set, r.Sessions = &set, checker.SetSessions(ops)
	r.verdict("set-full", set.Valid)
}

func judgeLedger(r *Report, ops []history.Op, t *history.Timeline) {
	judgeSet(r, ops, t)
	r.Torn = checker.Ledger(ops, worth)
	r.verdict("groups", len(r.Torn) == 0)
}

func judgeCounter(r *Report, ops []history.Op, t *history.Timeline) {
	counter := checker.Counter(ops, t)
	r.Counter, r.Sessions = &counter, checker.CounterSessions(ops)
	r.verdict("counter", counter.Valid)
}
