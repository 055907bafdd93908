package node_test

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/node"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// talk is a conversation with a node in this process.
type talk struct {
	t       *testing.T
	in      *io.PipeWriter
	replies chan protocol.Body
	last    int
}

func newTalk(t *testing.T) *talk {
	requests, in := io.Pipe()
	answers, out := io.Pipe()
	c := &talk{t: t, in: in, replies: make(chan protocol.Body, 1)}
	served := make(chan error, 1)
	go func() {
		err := node.Serve(t.Context(), requests, out)
		out.Close()
		served <- err
	}()
	read := make(chan error, 1)
	go func() {
		read <- protocol.Each(answers, func(m *protocol.Message) error {
			c.replies <- m.Body
			return nil
		})
	}()
	t.Cleanup(func() {
		in.Close()
		require.NoError(t, <-served)
		require.NoError(t, <-read)
	})
	return c
}

func (c *talk) ask(b protocol.Body) protocol.Body {
	c.last++
	b.MsgID = c.last
	require.NoError(c.t, protocol.Write(c.in, &protocol.Message{Src: "c1", Dest: "n1", Body: b}))
	reply := <-c.replies
	require.Equal(c.t, c.last, reply.InReplyTo)
	return reply
}

func (c *talk) init(workload string) {
	reply := c.ask(protocol.Body{Type: protocol.Init, NodeID: "n1", Workload: workload})
	require.Equal(c.t, "init_ok", reply.Type, reply.Text)
	require.NotEmpty(c.t, reply.Listen)
}

func of(v int64) *int64 { return &v }

func TestSetsAndBroadcastsReturnWhatWasAdded(t *testing.T) {
	set := newTalk(t)
	set.init(node.GSet)
	require.JSONEq(t, `[]`, string(set.ask(protocol.Body{Type: protocol.Read}).Value))
	for _, v := range []int64{3, 0, 3} {
		require.Equal(t, "add_ok", set.ask(protocol.Body{Type: protocol.Add, Element: of(v)}).Type)
	}
	require.JSONEq(t, `[0,3]`, string(set.ask(protocol.Body{Type: protocol.Read}).Value))

	broadcast := newTalk(t)
	broadcast.init(node.Broadcast)
	for _, v := range []int64{3, 0} {
		require.Equal(t, "broadcast_ok", broadcast.ask(protocol.Body{Type: protocol.Broadcast, Message: of(v)}).Type)
	}
	require.ElementsMatch(t, []int64{0, 3}, broadcast.ask(protocol.Body{Type: protocol.Read}).Messages)
}

func TestCountersReturnTheSum(t *testing.T) {
	c := newTalk(t)
	c.init(node.PNCounter)
	for _, v := range []int64{5, -7} {
		require.Equal(t, "add_ok", c.ask(protocol.Body{Type: protocol.Add, Delta: of(v)}).Type)
	}
	require.JSONEq(t, `-2`, string(c.ask(protocol.Body{Type: protocol.Read}).Value))
}

func TestLedgersReturnEntriesAndTheirSum(t *testing.T) {
	c := newTalk(t)
	c.init(node.Ledger)
	require.Equal(t, "add_ok", c.ask(protocol.Body{Type: protocol.Add, Element: of(1), Delta: of(4)}).Type)
	reply := c.ask(protocol.Body{Type: protocol.Read})
	require.Equal(t, []int64{1}, reply.Messages)
	require.Equal(t, json.RawMessage("4"), reply.Value)
}

func TestRequestsThatMakeNoSenseAreRefusedAndChangeNothing(t *testing.T) {
	c := newTalk(t)
	refused := func(b protocol.Body) {
		t.Helper()
		require.Equal(t, protocol.Error, c.ask(b).Type)
	}
	refused(protocol.Body{Type: protocol.Read})
	refused(protocol.Body{Type: protocol.Init, NodeID: "n1", Workload: "echo"})
	c.init(node.GSet)
	refused(protocol.Body{Type: protocol.Init, NodeID: "n1", Workload: node.GSet})
	refused(protocol.Body{Type: protocol.Add})
	refused(protocol.Body{Type: protocol.Add, Delta: of(1)})
	refused(protocol.Body{Type: "cas"})
	require.JSONEq(t, `[]`, string(c.ask(protocol.Body{Type: protocol.Read}).Value))
	require.NotEmpty(t, c.ask(protocol.Body{Type: protocol.Status}).Digest)
}
