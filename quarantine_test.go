package joinery_test

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// twinsDelta is what one of two processes under an identity broadcasts.
func twinsDelta(t *testing.T, twin causal.Actor, nonce uint64, suffix string) []byte {
	d := crdt.NewDocument(twin, nil)
	word := "\xa4" + suffix
	tags, err := d.Ensure([]kernel.Component{{Tag: crdt.TagSet, Name: "tags"}})
	require.NoError(t, err)
	require.NoError(t, d.Assign(tags, crdt.TagElem, word, "", false, crdt.Options{}))
	require.NoError(t, d.Assign(0, crdt.TagRegister, "note", word, false, crdt.Options{}))
	require.NoError(t, d.Increment(0, "n."+suffix, 5))
	prices, err := d.Ensure([]kernel.Component{{Tag: crdt.TagLWWMap, Name: "prices"}})
	require.NoError(t, err)
	require.NoError(t, d.Assign(prices, crdt.TagLWWField, suffix, "", true, crdt.Options{}))
	b := message.Append(nil, message.Header{From: twin, Nonce: nonce}, &message.Delta{Doc: "page", Unit: d.Flush(nil)})
	sum := b[len(b)-4:]
	space := crc32.Checksum([]byte("test"), crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(sum, binary.BigEndian.Uint32(sum)^space)
	return b
}

func TestWhatATwinWroteIsInQuarantineAndCanBeRead(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	a, b := open(t, joinery.Config{Conn: dial(t, srv)}), open(t, joinery.Config{Conn: dial(t, srv)})
	twin := causal.Actor{ID: joinery.NewID(), Incarnation: 7}
	for i, suffix := range []string{"this", "that"} {
		require.NoError(t, nc.Publish(message.NewSubjects("test", twin.ID).Delta("page"), twinsDelta(t, twin, uint64(i+1), suffix)))
	}
	both := []*joinery.Replica{a, b}
	for _, r := range both {
		eventually(t, func() bool { return len(r.Quarantined()) == 4 })
	}
	settle(t, a, b)
	require.Equal(t, fields(a.Doc("page")), fields(b.Doc("page")))
	for _, r := range both {
		s := r.Status().Stats
		require.EqualValues(t, 4, s.Quarantined)
		require.EqualValues(t, 4, s.Conflicts)
		require.Positive(t, s.Alarms)
		for _, q := range r.Quarantined() {
			requireReadable(t, r, &q)
			require.Equal(t, twin.ID, q.Replica)
			require.Equal(t, "page", q.Doc)
			require.WithinDuration(t, time.Now(), q.Added, time.Minute)
			require.False(t, q.Dead)
		}
	}
}

func requireReadable(t *testing.T, r *joinery.Replica, q *joinery.Quarantined) {
	require.NoError(t, q.Err)
	switch path := strings.Join(q.Path, "/"); q.Kind {
	case joinery.KindRegister:
		require.Equal(t, "note", path)
		require.NotEqual(t, get[string](t, r.Doc("page").Register("note")), q.Value, "the other one stands")
	case joinery.KindElement:
		require.Equal(t, "tags", path)
		require.False(t, r.Doc("page").Set("tags").Contains(q.Value))
	case joinery.KindCounter:
		require.EqualValues(t, 5, q.Value)
		require.Zero(t, r.Doc("page").Counter(path).Value())
	case joinery.KindEntry:
		require.False(t, q.Exists, "a deletion")
	default:
		require.Fail(t, "another kind", "%v", q.Kind)
	}
}
