package main

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
)

// bridging is what a relay speaks on besides its own server.
type bridging struct {
	relay []string // URL, or URL#SPACE
	conns []*nats.Conn
}

// open connects to the further servers; those that are not there yet are tried
// again for ever.
func (b *bridging) open(o *options) (out []joinery.Bridge, err error) {
	for _, text := range b.relay {
		url, space, _ := strings.Cut(text, "#")
		to := options{url: url, credentials: o.credentials}
		conn, err := to.dial("joinery serve", nats.RetryOnFailedConnect(true))
		if err != nil {
			b.close()
			return nil, fmt.Errorf("--relay: %w", err)
		}
		b.conns = append(b.conns, conn)
		out = append(out, joinery.Bridge{Space: space, Conn: conn})
	}
	return out, nil
}

func (b *bridging) close() {
	for _, conn := range b.conns {
		conn.Close()
	}
}
