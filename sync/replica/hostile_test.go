package replica

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// conversation returns one real message of each kind, as others would send them.
func conversation(t testing.TB) (all [][]byte) {
	seen := map[message.Kind]bool{}
	now := time.Unix(1e9, 0)
	var rs []*Replica
	for i := range 2 {
		r, err := New(Config{ID: causal.ID{byte(i + 1)}, Rand: rand.New(rand.NewPCG(uint64(i), 1)), MaxMessage: 4 << 10, LogBytes: 2000}, now)
		require.NoError(t, err)
		rs = append(rs, r)
	}
	rs[0].Connect(now, true)
	for i := range 400 {
		now = now.Add(20 * time.Millisecond)
		if i == 5 {
			for _, n := range []int{10, 100, 9000, 50} {
				require.NoError(t, rs[0].Write(now, "doc", func(d *crdt.Document) error {
					return d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprint(n), long(n), false, crdt.Options{})
				}))
			}
		}
		if i == 300 { // what differs is no more to be had from a log
			for j, r := range rs {
				r.cfg.TripBytes = -1 << 20
				r.log = delta.Log{}
				require.NoError(t, r.Write(now, "doc", func(d *crdt.Document) error {
					return d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprint("by", j), "v", false, crdt.Options{})
				}))
				r.Flush(now)
				r.Ready()
			}
		}
		if i == 200 { // long after anybody was told what there is
			rs[1].Connect(now, true)
		}
		for j, r := range rs {
			r.Tick(now)
			for _, m := range r.Ready().Messages {
				if !seen[m.Kind] {
					seen[m.Kind] = true
					all = append(all, m.Data)
				}
				if i >= 200 {
					require.NoError(t, rs[1-j].Step(now, m.Doc, m.Data))
				}
			}
		}
	}
	require.Equal(t, rs[0].Digest(), rs[1].Digest())
	return all
}

// target returns a replica that holds something and pursues something.
func target(t testing.TB) (*Replica, time.Time) {
	now := time.Unix(1e9, 0)
	r, err := New(Config{ID: causal.ID{7}, Rand: rand.New(rand.NewPCG(7, 1)), MaxMessage: 4 << 10, MaxDocs: 100}, now)
	require.NoError(t, err)
	r.Connect(now, true)
	require.NoError(t, r.Write(now, "doc", func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, "k", "v", false, crdt.Options{})
	}))
	r.Ready()
	return r, now
}

func TestTheConversationHasEveryKind(t *testing.T) {
	kinds := map[message.Kind]bool{}
	for _, data := range conversation(t) {
		kinds[message.Kind(data[1])] = true
	}
	for k := message.KindDelta; k <= message.KindTable; k++ {
		require.True(t, kinds[k], "%v", k)
	}
}

// FuzzStep feeds a replica arbitrary messages with the checksums made right,
// so that they get deep. Whatever is refused must leave the state as it was,
// and nothing may break it.
func FuzzStep(f *testing.F) {
	for _, data := range conversation(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 7 || len(data) > 64<<10 {
			return
		}
		r, now := target(t)
		mend(data)
		for range 2 {
			before, refused := r.Digest(), r.Stats().Refused
			if err := r.Step(now, "", data); err != nil {
				require.Equal(t, refused+1, r.Stats().Refused)
				if k := message.Kind(data[1]); k != message.KindPush && k != message.KindTable {
					require.Equal(t, before, r.Digest())
				}
			}
			now = now.Add(50 * time.Millisecond)
			r.Tick(now)
			for _, m := range r.Ready().Messages {
				require.LessOrEqual(t, len(m.Data), r.cfg.MaxMessage)
			}
		}
		for _, name := range r.Names() {
			require.NoError(t, r.View(name).State().Verify())
		}
	})
}

// mend makes the checksums of a message, and of the frames in it, right.
func mend(data []byte) {
	if len(data) < 6 {
		return
	}
	data[0] = message.Version
	table := crc32.MakeTable(crc32.Castagnoli)
	body := data[:len(data)-4]
	for i := range body {
		n, head := 0, 0
		switch rest := body[i:]; {
		case rest[0] == 0xc7 && len(rest) > 3:
			n, head = int(rest[1]), 3
		case rest[0] == 0xc8 && len(rest) > 4:
			n, head = int(binary.BigEndian.Uint16(rest[1:])), 4
		}
		if head == 0 || n < 5 || len(body)-i < head+n || body[i+head-1] != 0x41 {
			continue
		}
		content := body[i+head : i+head+n]
		sum := crc32.Update(crc32.Checksum([]byte{0x41, content[0]}, table), table, content[5:])
		binary.BigEndian.PutUint32(content[1:], sum)
	}
	binary.BigEndian.PutUint32(data[len(data)-4:], crc32.Checksum(body, table))
}

func TestMendMakesChecksumsRight(t *testing.T) {
	for _, data := range conversation(t) {
		same := append([]byte(nil), data...)
		mend(same)
		require.Equal(t, data, same, "nothing to mend in a %v", message.Kind(data[1]))
	}
}

func TestDamagedMessagesAreRefusedAndCounted(t *testing.T) {
	r, now := target(t)
	before, refused := r.Digest(), uint64(0)
	for _, data := range conversation(t) {
		for i := range data {
			flipped := append([]byte(nil), data...)
			flipped[i] ^= 1 << (i % 8)
			require.Error(t, r.Step(now, "", flipped), "byte %d of %v", i, message.Kind(data[1]))
			require.Error(t, r.Step(now, "", data[:i]))
			refused += 2
		}
	}
	require.Equal(t, before, r.Digest())
	require.Equal(t, refused, r.Stats().Refused)
}

func TestStepsAllocateInProportionToTheirInput(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	seeds := conversation(t)
	for range 2000 {
		data := append([]byte(nil), seeds[rng.IntN(len(seeds))]...)
		for range 1 + rng.IntN(4) {
			data[2+rng.IntN(len(data)-2)] = byte(rng.IntN(256))
		}
		mend(data)
		r, now := target(t)
		if used := allocated(func() { _ = r.Step(now, "", data) }); used > 64<<10+16*uint64(len(data)) {
			require.Fail(t, "too much", "%d bytes for a %v of %d", used, message.Kind(data[1]), len(data))
		}
	}
}

func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestHugeClaimsCostNothing(t *testing.T) {
	r, now := target(t)
	var all causal.Context
	for i := range 50 {
		all.AddRange(causal.Actor{ID: causal.ID{9, byte(i)}, Incarnation: 1}, causal.Range{Lo: 1, Hi: causal.MaxSeq - 1})
	}
	all.AddRange(r.Actor(), causal.Range{Lo: 1, Hi: causal.MaxSeq - 1})
	from := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	for _, w := range []message.Want{{Doc: "doc", Have: all}, {Doc: "doc", Only: all}, {Doc: "doc", Have: all, Only: all}} {
		data := say(from, 1, &message.Pull{Wants: []message.Want{w}})
		require.Less(t, allocated(func() { require.NoError(t, r.Step(now, "", data)) }), uint64(256<<10))
	}
}

func TestMoreDocumentsThanTheLimitAreRefused(t *testing.T) {
	r, now := target(t)
	from := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	for i := range 300 {
		other := crdt.NewDocument(from, nil)
		require.NoError(t, other.Increment(kernel.Root, "n", 1))
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		require.NoError(t, r.Step(now, "", say(from, 1, &message.Delta{Doc: name, Unit: other.Flush(nil)})))
	}
	require.Len(t, r.Names(), 100)
	alarms := r.Ready().Alarms
	require.Equal(t, Full, alarms[len(alarms)-1].Kind)
	require.LessOrEqual(t, len(alarms), maxAlarms)
}
