package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// startTimeout bounds the start of the server and the opening of the replica,
// shutdownTimeout their end.
const (
	startTimeout    = 20 * time.Second
	shutdownTimeout = 5 * time.Second
)

// errRequest means that a request cannot be served; nothing was done.
var errRequest = errors.New("node: bad request")

// Serve answers the requests on in until it ends. The first must be init.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	n := &node{out: bufio.NewWriter(out)}
	defer n.stop()
	return protocol.Each(in, func(m *protocol.Message) error {
		reply := protocol.Body{Type: m.Body.Type + "_ok"}
		if err := n.handle(ctx, &m.Body, &reply); err != nil {
			reply = protocol.Body{Type: protocol.Error, Code: code(err), Text: err.Error()}
		}
		reply.InReplyTo, reply.MsgID = m.Body.MsgID, m.Body.MsgID
		if err := protocol.Write(n.out, &protocol.Message{Src: m.Dest, Dest: m.Src, Body: reply}); err != nil {
			return err
		}
		return n.out.Flush()
	})
}

func code(err error) int {
	if errors.Is(err, errRequest) {
		return protocol.CodeMalformedRequest
	}
	return protocol.CodeAbort
}

// node is a server, a connection to it, and a replica on that.
type node struct {
	out      *bufio.Writer
	server   *meshed
	conn     *nats.Conn
	replica  *joinery.Replica
	workload workload
}

func (n *node) handle(ctx context.Context, b, reply *protocol.Body) error {
	if b.Type == protocol.Init {
		return n.start(ctx, b, reply)
	}
	if n.replica == nil {
		return fmt.Errorf("%w: %s before init", errRequest, b.Type)
	}
	switch b.Type {
	case protocol.Add, protocol.Broadcast:
		return n.workload.add(ctx, n.replica, b)
	case protocol.Read:
		return n.workload.read(n.replica, reply)
	case protocol.Status:
		s := n.replica.Status()
		reply.Digest, reply.Pending = strconv.FormatUint(s.Digest, 16), s.Pending
		reply.Conflicts, reply.Repairs = s.Stats.Conflicts, s.Stats.Pulls
		return nil
	}
	return fmt.Errorf("%w: unknown type %q", errRequest, b.Type)
}

// start brings up what the node consists of. The reply carries the address for
// routes.
func (n *node) start(ctx context.Context, b, reply *protocol.Body) (err error) {
	w, ok := workloads[b.Workload]
	if !ok || n.server != nil {
		return fmt.Errorf("%w: init a second time, or with the unknown workload %q", errRequest, b.Workload)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if n.server, err = startServer(ctx, b.NodeID, b.Listen, b.Routes); err != nil {
		return err
	}
	if n.conn, err = nats.Connect(n.server.ClientURL(), nats.MaxReconnects(-1)); err != nil {
		return err
	}
	n.replica, err = joinery.Open(ctx, joinery.Config{Space: "maelstrom", Conn: n.conn, ID: identity(b.NodeID)})
	n.workload, reply.Listen = w, n.server.routes
	return err
}

// identity derives a node's lasting identity from its name.
func identity(name string) (id joinery.ID) {
	h := fnv.New128a()
	h.Write([]byte(name))
	copy(id[:], h.Sum(nil))
	return id
}

func (n *node) stop() {
	if n.replica != nil {
		n.replica.Close()
	}
	if n.conn != nil {
		n.conn.Close()
	}
	if n.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		_ = n.server.Shutdown(ctx) // the process ends anyway
	}
}
