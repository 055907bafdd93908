package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func TestALongLoadIsToldAndAShortOneIsNot(t *testing.T) {
	var out bytes.Buffer
	c := condition{out: &out, begun: time.Now()}
	loading := joinery.Status{Loading: 3, Stored: 1000}
	c.look(&loading)
	c.look(&joinery.Status{})
	require.Empty(t, out.String())

	c.begun = c.begun.Add(-2 * longLoad)
	c.look(&loading)
	c.look(&loading)
	require.Equal(t, "loading: 997 of 1,000 documents are there; reads and writes are served\n", out.String())
	c.look(&joinery.Status{Stored: 1000})
	require.Contains(t, out.String(), "loaded 1,000 documents in 2")
}

func TestAFailedStoreIsToldOnceAndLoudly(t *testing.T) {
	var out bytes.Buffer
	c := condition{out: &out, begun: time.Now(), quiet: true}
	for range 3 {
		c.look(&joinery.Status{Failed: "no space left"})
	}
	require.Equal(t, 1, strings.Count(out.String(), "THE STORE FAILED: no space left"))
	require.True(t, c.failed)
}

func TestErrorsInTheLogAreOneLine(t *testing.T) {
	var out bytes.Buffer
	logger(&out, false).Error("failed", "error", errors.Join(errors.New("one"), errors.New("two")))
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), `error="one\ntwo"`)
}

func TestStatusTellsHowFarADocumentIsFetched(t *testing.T) {
	st := protocol.Status{Status: joinery.Status{Incoming: []joinery.Incoming{
		{Doc: "big", Name: "a", Received: 1_500_000, Size: 9_000_000}, {Doc: "huge", Name: "b", Size: 10, Waiting: true},
	}}}
	text := statusText(&st)
	require.Contains(t, text, "fetching    big from a: 1.5 MB of 9.0 MB\n")
	require.Contains(t, text, "fetching    huge from b: 0 bytes of 10 bytes, waiting for it\n")
}
