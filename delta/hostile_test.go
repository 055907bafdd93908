package delta

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// hostileCase is one of testdata/hostile.json, whose head says where they come from.
type hostileCase struct {
	ID     string
	Hex    string
	Repeat []any
	Then   string
}

func (c hostileCase) bytes(t testing.TB) []byte {
	t.Helper()
	text := func(s string) []byte {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	if len(c.Repeat) == 2 {
		return append(bytes.Repeat(text(c.Repeat[0].(string)), int(c.Repeat[1].(float64))), text(c.Then)...)
	}
	return text(c.Hex)
}

func hostileCases(t testing.TB) []hostileCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/hostile.json")
	require.NoError(t, err)
	var file struct{ Cases []hostileCase }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	return file.Cases
}

// entries are all ways for bytes from elsewhere into this package and wire.
// The framed ones get the bytes with a right checksum, as a peer would send them.
var entries = map[string]func(*kernel.State, []byte) error{
	"frame":    func(s *kernel.State, b []byte) error { return Delta(b).Merge(s) },
	"join":     func(_ *kernel.State, b []byte) error { _, err := Join(b); return err },
	"run":      func(s *kernel.State, b []byte) error { return frame(byte(wire.Run), b).Merge(s) },
	"wide run": func(s *kernel.State, b []byte) error { return frame(byte(wire.Run|wire.Wide), b).Merge(s) },
	"sections": func(s *kernel.State, b []byte) error { return frame(0, b).Merge(s) },
	"kept":     func(s *kernel.State, b []byte) error { return frame(byte(wire.Kept), b).Merge(s) },
	"parts":    func(s *kernel.State, b []byte) error { return frame(hasParts, b).Merge(s) },
	"body": func(_ *kernel.State, b []byte) error {
		_, err := wire.Parse(0, b)
		return err
	},
}

func TestHostileInputsAreRefusedByEveryEntry(t *testing.T) {
	s := newAuthor(alice)
	s.put("name", "before")
	before := AppendState(nil, s.State)
	for _, c := range hostileCases(t) {
		in := c.bytes(t)
		for name, read := range entries {
			used := scratch(func() { require.Error(t, read(s.State, in), "%s: %s", c.ID, name) })
			require.LessOrEqual(t, used, allowed(4*len(in)), "%s: %s; three copies are the test's", c.ID, name)
		}
	}
	require.Equal(t, before, AppendState(nil, s.State))
	require.NoError(t, s.Verify())
}

// allowed returns the scratch that a decoder may take for n bytes.
func allowed(n int) uint64 { return uint64(64<<10 + 16*n) }

// scratch returns the bytes that f allocates.
func scratch(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestOpeningAllocatesWithinItsBound(t *testing.T) {
	const many = 60_000
	part := wire.AppendUint(nil, many)
	for i := range uint64(many) {
		part = append(wire.AppendUint(part, i), 0xc4, 0)
	}
	actors := wire.AppendUint(nil, 10_000)
	for i := range 10_000 {
		actors = append(append(actors, 0xc4, 16, byte(i>>8), byte(i)), make([]byte, 14)...)
	}
	for name, d := range map[string]Delta{
		"many parts":            frame(hasParts, part),
		"2^32-1 parts":          frame(hasParts, []byte{0xce, 0xff, 0xff, 0xff, 0xff}),
		"many actors":           frame(0, actors),
		"2^32-1 actors":         frame(0, []byte{0xce, 0xff, 0xff, 0xff, 0xff}),
		"parts, then actors":    frame(hasParts, append([]byte{1, 1, 0xc4, 0}, actors...)),
		"length of 4 GiB":       {ext32, 0xff, 0xff, 0xff, 0xff, family | version, 0},
		"a frame of good taste": kinds()["state"],
	} {
		used := scratch(func() { _, _ = d.Open() })
		require.LessOrEqual(t, used, allowed(len(d)), name)
	}
}
