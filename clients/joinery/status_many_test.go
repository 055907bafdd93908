package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func TestStatusOfManyPeersAndDocumentsStaysShort(t *testing.T) {
	s := &protocol.Status{}
	s.Docs = 1_000_000
	for i := range 300 {
		s.Interest = append(s.Interest, fmt.Sprintf("fleet.%d.>", i))
		s.Peers = append(s.Peers, joinery.PeerStatus{Name: fmt.Sprint("peer", i), Heard: time.Now(), Equal: i != 200})
	}
	text := statusText(s)
	require.Less(t, strings.Count(text, "\n"), 25)
	require.Contains(t, text, "1,000,000")
	require.Contains(t, text, "peer200", "one that differs is shown first")
	require.Contains(t, text, "290 more; of all 299 held the same")
	require.Contains(t, text, "fleet.9.> and 290 more")
}
