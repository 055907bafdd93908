package message

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

var sender = Header{From: causal.Actor{ID: causal.ID{1, 2, 3}, Incarnation: 9}, Nonce: 1 << 63}

// bodies returns one of each kind, with every field set.
func bodies() []Body {
	var have, only causal.Context
	have.AddRange(sender.From, causal.Range{Lo: 1, Hi: 1 << 40})
	have.AddRange(causal.Actor{ID: causal.ID{9}}, causal.Range{Lo: 7, Hi: 7})
	only.AddRange(sender.From, causal.Range{Lo: 3, Hi: 5})
	states := []State{{"doc", 1 << 60, 3, 500}, {"fleet.42.engine", 1, 0, 1}}
	return []Body{
		&Delta{Doc: "user:123", Unit: delta.Delta("unit")},
		&Beacon{Scope: ">", Digest: 5, Docs: 300, Hello: true, Firm: true, View: 1 << 59, Hints: states},
		&Survey{Stretch: Stretch{"fleet.>", "fleet.1", ""}, Salt: 1 << 62, Effort: 1, Docs: 700, Bounds: []string{"fleet.2", "fleet.21"}, Prints: []byte("aaaabbbbcccc")},
		&Listing{For: 77, Stretch: Stretch{">", "", "user:1"}, Salt: 9, Finding: Differ, Differing: []byte{5}, Cells: []byte("cells"), Prints: []uint64{1, 1 << 60}, States: states},
		&Pull{View: 1 << 58, Wants: []Want{{Doc: "doc", Digest: 3, Have: have, Only: only}, {Doc: "é", Staged: true}}},
		&Push{To: 1, Seen: have, Gifts: []Gift{
			{Doc: "doc", Answer: Units, Deltas: []delta.Delta{delta.Delta("a"), delta.Delta(strings.Repeat("b", 300))}, Digest: 8},
			{Doc: "big", Answer: Transfer, Deltas: []delta.Delta{}, ID: 1 << 62, Size: 1 << 30},
		}},
		&Fetch{ID: 1 << 62, Offset: 4096},
		&Chunk{ID: 3, Offset: 4096, Data: []byte("data")},
		&Table{To: 5, Doc: "doc", ID: 1 << 62, View: 1 << 57, Table: []byte("table"), News: delta.Delta("news")},
		&Delta{Doc: "user:123", Unit: delta.Delta("unit"), Relayed: true},
		&Push{To: 1, Own: true, Gifts: []Gift{{Doc: "doc", Answer: No, Deltas: []delta.Delta{}}}},
		&Decline{To: 5, Doc: "doc", ID: 1 << 62},
		&Muster{Seen: have, Reports: []Report{{sender.From, 7, 1 << 60}, {causal.Actor{ID: causal.ID{9}}, 0, 0}}},
		&Cover{Seen: only, Cuts: []Cut{{1 << 61, "doc", 0, have}, {1, "é", 1 << 63, only}}},
		&Covered{To: 5, Seen: have, Cuts: []Held{{ID: 1}, {ID: 1 << 63, More: have}}},
		&Ask{ID: 1 << 62, Version: 1 << 61, Read: true, Doc: "doc", Digest: 3, Have: have},
		&Reply{To: 1, ID: 1 << 62, Version: 5, Verdict: Moved, Digest: 9, Seen: have},
	}
}

func TestWhatIsAppendedIsParsed(t *testing.T) {
	for i, b := range bodies() {
		require.Equal(t, i >= 9, b.kind() > KindTable)
		h, got, err := Parse(Append([]byte(nil), sender, b))
		require.NoError(t, err, "%v", b.kind())
		require.Equal(t, sender, h)
		require.Equal(t, b, got)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	out := Append([]byte("before"), sender, &Survey{Stretch: Stretch{Scope: ">"}, Prints: make([]byte, PrintSize)})
	require.Equal(t, "before", string(out[:6]))
	_, _, err := Parse(out[6:])
	require.NoError(t, err)
}

func TestEveryDamagedByteIsNoticed(t *testing.T) {
	for _, b := range bodies() {
		data := Append(nil, sender, b)
		for i := range data {
			flipped := append([]byte(nil), data...)
			flipped[i] ^= 0x10
			_, _, err := Parse(flipped)
			require.Error(t, err, "byte %d of a %v", i, b.kind())
			_, _, err = Parse(data[:i])
			require.Error(t, err)
		}
	}
}

func TestNewerVersionsAndKindsAreToldApartFromDamage(t *testing.T) {
	data := Append(nil, sender, &Survey{Stretch: Stretch{Scope: ">"}, Prints: make([]byte, PrintSize)})
	data[0] = 2
	_, _, err := Parse(data)
	require.ErrorIs(t, err, ErrVersion)
	data[0], data[1] = Version, 99
	mend(data)
	_, _, err = Parse(data)
	require.ErrorIs(t, err, ErrVersion)
	require.Equal(t, "kind(99)", Kind(99).String())
}

func TestBoundsOfSizesHold(t *testing.T) {
	for _, b := range bodies() {
		switch m := b.(type) {
		case *Pull:
			for i := range m.Wants {
				one := &Pull{Wants: m.Wants[i : i+1]}
				require.LessOrEqual(t, len(one.append(nil)), 1+WantSize(&m.Wants[i]))
			}
		case *Push:
			for i := range m.Gifts {
				one := &Push{To: 1<<64 - 1, Gifts: m.Gifts[i : i+1]}
				require.LessOrEqual(t, len(one.append(nil)), 10+GiftSize(&m.Gifts[i]))
			}
		case *Table:
			m.To, m.ID = 1<<64-1, 1<<64-1
			require.LessOrEqual(t, len(m.append(nil)), TableSize(m))
		}
	}
}

// TestAnnouncedLengthsAllocateNothing has lists of billions of items in a few bytes.
func TestAnnouncedLengthsAllocateNothing(t *testing.T) {
	lie := wire.AppendUint(nil, 1<<40)
	for kind, body := range map[Kind][]byte{
		KindBeacon:  append([]byte{0xa1, '>', 0, 0, 0xc2, 0xc2, 0}, lie...),
		KindSurvey:  append([]byte{0xa1, '>', 0xa0, 0xa0, 0, 0, 0}, lie...),
		KindListing: append([]byte{0, 0xa1, '>', 0xa0, 0xa0, 0, 0, 0xc4, 0, 0xc4, 0}, lie...),
		KindPull:    append([]byte{0}, lie...),
		KindPush:    append([]byte{0, 0}, lie...),
	} {
		data := Append(nil, sender, &Fetch{})
		data = append(data[:len(data)-sumSize-2], body...)
		data = append(data, make([]byte, sumSize)...)
		data[1] = byte(kind)
		mend(data)
		used := allocated(func() {
			_, _, err := Parse(data)
			require.ErrorContains(t, err, "announced", "%v", kind)
		})
		require.Less(t, used, uint64(64<<10))
	}
}

func TestContextsMustBeCanonical(t *testing.T) {
	var c causal.Context
	c.AddRange(causal.Actor{ID: causal.ID{1}}, causal.Range{Lo: 1, Hi: 2})
	one := AppendContext(nil, c)[1:]
	for _, twice := range [][]byte{append([]byte{2}, append(one, one...)...), {1}} {
		r := wire.NewReader(twice)
		ReadContext(&r)
		require.ErrorIs(t, r.Err(), ErrMalformed)
	}
}

// mend makes the checksum right.
func mend(data []byte) {
	body := data[:len(data)-sumSize]
	binary.BigEndian.PutUint32(data[len(body):], crc32.Checksum(body, castagnoli))
}

func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestParsingAllocatesInProportionToItsInput(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	all := bodies()
	for range 20000 {
		data := Append(nil, sender, all[rng.IntN(len(all))])
		for range 1 + rng.IntN(3) {
			data[2+rng.IntN(len(data)-2)] = byte(rng.IntN(256))
		}
		mend(data)
		if used := allocated(func() { _, _, _ = Parse(data) }); used > 64<<10+16*uint64(len(data)) {
			require.Fail(t, "too much", "%d bytes for %d", used, len(data))
		}
	}
}

// FuzzParse demands that what parses is written back as it was: one meaning,
// one encoding.
func FuzzParse(f *testing.F) {
	for _, b := range bodies() {
		f.Add(Append(nil, sender, b))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < sumSize+2 {
			return
		}
		data[0] = Version
		mend(data)
		h, b, err := Parse(data)
		if err == nil {
			require.Equal(t, data, Append(nil, h, b))
		}
	})
}
