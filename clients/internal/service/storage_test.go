package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/store"
)

// disk is a store that counts its syncs.
type disk struct {
	*store.Memory
	syncs atomic.Int64
}

func (d *disk) Sync() error {
	d.syncs.Add(1)
	return d.Memory.Sync()
}

// refusal returns the code of an error that a replica answered with.
func refusal(t *testing.T, err error) string {
	var e *remote.Error
	require.ErrorAs(t, err, &e)
	return e.Code
}

// backup reads a whole backup.
func backup(t *testing.T, c *remote.Client) (out bytes.Buffer, err error) {
	for chunk, err := range c.Backup(t.Context()) {
		if err != nil {
			return out, err
		}
		out.Write(chunk)
	}
	return out, nil
}

// someLines returns n records of as many documents.
func someLines(n, padding int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"doc":"d.%d","fields":{"x":"%s"}}`+"\n", i, strings.Repeat("x", padding))
	}
	return []byte(b.String())
}

func TestLinesOfAnImportShareSyncs(t *testing.T) {
	s, d := newSite(t), &disk{Memory: store.NewMemory()}
	s.stored(d)
	c := s.client()
	before := d.syncs.Load()
	got, err := c.Import(t.Context(), someLines(2000, 1), false)
	require.NoError(t, err)
	require.Equal(t, 2000, got.Applied)
	t.Logf("2000 lines took %d syncs", d.syncs.Load()-before)
	require.Less(t, d.syncs.Load()-before, int64(1000))
}

func TestAnImportOntoAFailedDiskIsNotAcknowledged(t *testing.T) {
	s, m := newSite(t), store.NewMemory()
	s.stored(m)
	c := s.client()
	_, err := c.Import(t.Context(), someLines(1, 1), false)
	require.NoError(t, err)
	m.FailNext(store.OpSync, errors.New("no disk"))
	got, err := c.Import(t.Context(), someLines(10, 1), true)
	require.NoError(t, err)
	require.Zero(t, got.Applied)
	require.Equal(t, 10, got.Refused)
	require.Contains(t, got.Errors[0].Error, "no disk")
	var st protocol.Status
	require.NoError(t, c.Call(t.Context(), true, protocol.OpStatus, struct{}{}, &st))
	require.Contains(t, st.Failed, "no disk")
	require.Equal(t, `{"doc":"d.0","fields":{"x":"x"}}`+"\n", s.lines(c, protocol.Query{Kind: protocol.Documents, Pattern: "d.0"}), "reads go on")
	require.Equal(t, protocol.CodeFailed, refusal(t, c.Doc("d").Counter("n").Inc(t.Context(), 1)))
}

func TestABackupIsOfOneMoment(t *testing.T) {
	s, m := newSite(t), store.NewMemory()
	r, _ := s.stored(m)
	c := s.client()
	for range 4 {
		_, err := c.Import(t.Context(), someLines(30, 20_000), false)
		require.NoError(t, err)
	}
	var out bytes.Buffer
	for chunk, err := range c.Backup(t.Context()) {
		require.NoError(t, err)
		if out.Len() == 0 { // it was begun
			require.NoError(t, r.Doc("later").Register("x").Set(t.Context(), 1))
		}
		out.Write(chunk)
	}
	require.Greater(t, out.Len(), 2*protocol.ChunkSize)
	into := store.NewMemory()
	_, err := journal.RestoreBackup(t.Context(), &out, into, nil)
	require.NoError(t, err)
	again, _ := newSite(t).stored(into)
	require.Equal(t, r.ID(), again.ID())
	require.True(t, again.Doc("d.29").Exists())
	require.False(t, again.Doc("later").Exists())
}

func TestOneBackupAtATime(t *testing.T) {
	s, m := newSite(t), store.NewMemory()
	s.stored(m)
	c, other := s.client(), s.client()
	_, err := c.Import(t.Context(), someLines(60, 15_000), false)
	require.NoError(t, err)
	for _, err := range c.Backup(t.Context()) {
		require.NoError(t, err)
		_, err = backup(t, other)
		require.Equal(t, protocol.CodeConflict, refusal(t, err))
		_, err = other.Compact(t.Context())
		require.Equal(t, protocol.CodeConflict, refusal(t, err))
		break // the replica is told that nobody will ask for more
	}
	require.Eventually(t, func() bool {
		out, err := backup(t, other)
		return err == nil && out.Len() > 0
	}, 5*time.Second, 10*time.Millisecond)
	done, err := other.Compact(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, done.After, done.Before)
}

func TestABackupThatBreaksOffIsAnError(t *testing.T) {
	s, m := newSite(t), store.NewMemory()
	_, stop := s.stored(m)
	c := s.client()
	_, err := c.Import(t.Context(), someLines(60, 15_000), false)
	require.NoError(t, err)
	var last error
	for _, err := range c.Backup(t.Context()) {
		if last = err; err == nil {
			stop()
		}
	}
	require.Error(t, last)
	require.NoError(t, m.Close())
}

func TestAReplicaInMemoryHasNothingToBackUp(t *testing.T) {
	s := newSite(t)
	s.replica()
	_, err := backup(t, s.client())
	require.Equal(t, protocol.CodeMissing, refusal(t, err))
	_, err = s.client().Compact(t.Context())
	require.Equal(t, protocol.CodeMissing, refusal(t, err))
}

func TestClientsWriteAtTheSameTime(t *testing.T) {
	s, d := newSite(t), &disk{Memory: store.NewMemory()}
	r, _ := s.stored(d)
	var clients sync.WaitGroup
	for range 8 {
		c := s.client()
		clients.Go(func() {
			for range 50 {
				if err := c.Doc("d").Counter("n").Inc(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	require.Equal(t, int64(400), r.Doc("d").Counter("n").Value())
}
