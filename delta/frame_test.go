package delta

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

var (
	alice = causal.Actor{ID: causal.ID{0xa1, 15: 1}}
	bob   = causal.Actor{ID: causal.ID{0xb0, 15: 2}, Incarnation: 0x0123456789abcdef}
)

// author is a state with the events that its actor has not sealed.
type author struct {
	*kernel.State
	Pending
	clock hlc.Time
}

func newAuthor(a causal.Actor) *author {
	x := &author{State: &kernel.State{}, clock: 1 << 40}
	x.Self = x.Intern(a)
	return x
}

func (x *author) put(key, value string) uint64 {
	x.clock++
	return x.assign(&kernel.Payload{Tag: 2, Key: key, Value: value, Time: x.clock})
}

func (x *author) assign(p *kernel.Payload) uint64 {
	seq := x.Next(x.Self)
	x.Record(seq, x.Assign(x.Self, seq, p, nil))
	return seq
}

func (x *author) remove(key string) uint64 {
	seq := x.Next(x.Self)
	killed := x.Clear(kernel.Root, 2, key, nil)
	x.Event(x.Self, seq)
	x.Record(seq, killed)
	return seq
}

func (x *author) seal() Delta {
	d, _ := x.Seal(nil, x.State, 0)
	return d
}

// kinds are a frame of each form.
func kinds() map[string]Delta {
	a := newAuthor(alice)
	a.put("name", "Alice")
	a.put("mail", "alice@example.org")
	out := map[string]Delta{"run": a.seal()}
	b := newAuthor(bob)
	b.put("name", "Bob")
	out["run-wide"] = b.seal()
	_ = out["run"].Merge(b.State)
	b.put("name", "Bob and Alice")
	b.remove("mail")
	in := b.Ensure(b.Ensure(kernel.Root, 8, "address"), 9, "city")
	b.assign(&kernel.Payload{Parent: in, Tag: 0x7d, Key: "\xff\xfe", Time: 1 << 41, Expiry: 1 << 42, Flags: kernel.Mark})
	out["unit"] = b.seal()
	b.KillDot(causal.Dot{Actor: alice, Seq: 9})
	out["state"] = AppendState(nil, b.State)
	known := a.Context()
	known.AddRange(bob, causal.Range{Lo: 1, Hi: 2})
	out["kept"] = appendFrame(nil, func(dst []byte) ([]byte, wire.Form) { return wire.AppendFor(dst, b.State, &known) })
	out["empty"] = AppendState(nil, &kernel.State{})
	out["parts"] = withParts(out["run"], Part{1, []byte("first")}, Part{200, nil})
	return out
}

// frame frames content with a right checksum, whatever it is.
func frame(features byte, content []byte) Delta {
	return seal(append(make([]byte, maxHeader), content...), 0, features)
}

// content returns the parts of a frame that frame takes.
func content(d Delta) (features byte, rest []byte) {
	c, err := d.content()
	if err != nil {
		panic(err)
	}
	return c[0], c[bodyOffset:]
}

func withParts(d Delta, parts ...Part) Delta {
	features, body := content(d)
	dst := wire.AppendUint(nil, uint64(len(parts)))
	for _, p := range parts {
		dst = wire.AppendBin(wire.AppendUint(dst, p.ID), string(p.Data))
	}
	return frame(features|hasParts, append(dst, body...))
}

func TestFramesMergeIntoTheStateTheyCameFrom(t *testing.T) {
	all := kinds()
	s := &kernel.State{}
	for _, name := range []string{"unit", "run", "run-wide", "unit", "empty"} {
		require.NoError(t, all[name].Merge(s), name)
		require.NoError(t, s.Verify())
	}
	var want kernel.State
	require.NoError(t, all["state"].Merge(&want))
	require.Equal(t, want.Digest(), s.Digest())
	require.Equal(t, 2, s.Dots())
}

func TestAppendKeepsWhatIsBefore(t *testing.T) {
	s := newAuthor(alice)
	s.put("k", "v")
	plain := AppendState(nil, s.State)
	require.Equal(t, append([]byte("before"), plain...), AppendState([]byte("before"), s.State))
	d, _ := s.Seal([]byte("before"), s.State, 0)
	require.Equal(t, "before", string(d[:6]))
	require.NoError(t, d[6:].Merge(&kernel.State{}))
}

// The envelope takes 8, 16 or 32 bits for its length.
func TestFramesOfEverySize(t *testing.T) {
	for _, n := range []int{0, 150, 200, 215, 216, 217, 218, 219, 220, 221, 222, 223, 256, 60_000, 65_490, 65_500, 65_510, 100_000} {
		s := newAuthor(alice)
		s.put("k", string(make([]byte, n)))
		d := s.seal()
		var out kernel.State
		require.NoError(t, d.Merge(&out), n)
		require.Equal(t, s.Digest(), out.Digest())
		code := map[bool]byte{true: ext8, false: ext16}[len(d)-3 <= 0xff]
		if len(d)-4 > 0xffff {
			code = ext32
		}
		require.Equal(t, code, d[0], "%d bytes", len(d))
	}
}

func TestDamagedFramesAreRefusedAndChangeNothing(t *testing.T) {
	s := newAuthor(alice)
	s.put("name", "before")
	before := AppendState(nil, s.State)
	for name, d := range kinds() {
		for cut := range d {
			require.Error(t, d[:cut].Merge(s.State), "%s cut at %d", name, cut)
		}
		require.Error(t, Delta(append(bytes.Clone(d), 0)).Merge(s.State), "%s with a byte more", name)
		for bit := range 8 * len(d) {
			b := bytes.Clone(d)
			b[bit/8] ^= 1 << (bit % 8)
			require.Error(t, Delta(b).Merge(s.State), "%s with bit %d flipped", name, bit)
		}
	}
	require.Equal(t, before, AppendState(nil, s.State))
}

func TestNewerFramesAreRefusedAloud(t *testing.T) {
	d := kinds()["run"]
	newer := bytes.Clone(d)
	newer[2]++
	require.ErrorIs(t, Delta(newer).Merge(&kernel.State{}), ErrVersion)
	features, body := content(d)
	for _, critical := range []byte{0x08, 0x10, 0x20, 0x40} {
		_, err := frame(features|critical, body).Open()
		require.ErrorIs(t, err, ErrVersion)
		require.NotErrorIs(t, err, ErrMalformed)
	}
}

func TestForeignBytesAreNoFrame(t *testing.T) {
	d := kinds()["run"]
	foreign := bytes.Clone(d)
	foreign[2] = 0x11
	for _, b := range []Delta{nil, {}, {0xc7}, {0xc7, 0}, {0xc7, 0, 0x41}, {0xc8, 0, 0}, {0xc9, 0, 0, 0, 0}, Delta("{}"), foreign} {
		_, err := b.Open()
		require.ErrorIs(t, err, ErrMalformed, "%x", b)
	}
}

func TestEnvelopeIsInItsShortestForm(t *testing.T) {
	d := kinds()["run"]
	n := len(d) - 3
	wide := append(Delta{ext16, 0, byte(n)}, d[2:]...)
	wider := append(Delta{ext32, 0, 0, 0, byte(n)}, d[2:]...)
	require.ErrorIs(t, wide.Merge(&kernel.State{}), ErrMalformed)
	require.ErrorIs(t, wider.Merge(&kernel.State{}), ErrMalformed)
}

func TestOptionalPartsAreSkippedAndShown(t *testing.T) {
	all := kinds()
	f, err := all["parts"].Open()
	require.NoError(t, err)
	require.Equal(t, []Part{{1, []byte("first")}, {200, []byte{}}}, f.Parts())
	var with, without kernel.State
	require.NoError(t, all["parts"].Merge(&with))
	require.NoError(t, all["run"].Merge(&without))
	require.Equal(t, without.Digest(), with.Digest())

	features, body := content(all["run"])
	for name, parts := range map[string]string{
		"none announced": "\x00", "more than bytes": "\xce\xff\xff\xff\xff", "out of order": "\x02\x05\xc4\x00\x05\xc4\x00", "no data": "\x01\x01", "text": "\x01\x01\xa0",
	} {
		_, err := frame(features|hasParts, append([]byte(parts), body...)).Open()
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

func TestFrameForAnotherReceiverIsUnfit(t *testing.T) {
	s := newAuthor(bob)
	s.put("other", "thing")
	before := s.Digest()
	require.ErrorIs(t, kinds()["kept"].Merge(s.State), ErrUnfit)
	require.Equal(t, before, s.Digest())
}

func TestJoinSaysWhatItsDeltasSayTogether(t *testing.T) {
	all := kinds()
	group, err := Join(all["unit"], all["run"], all["run-wide"], all["run"])
	require.NoError(t, err)
	var one, each kernel.State
	require.NoError(t, group.Merge(&one))
	for _, name := range []string{"run", "run-wide", "unit"} {
		require.NoError(t, all[name].Merge(&each))
	}
	require.Equal(t, each.Digest(), one.Digest())
	_, err = Join(all["run"], all["run"][:20])
	require.ErrorIs(t, err, ErrMalformed)
	_, err = Join(all["kept"])
	require.ErrorIs(t, err, ErrUnfit)
}

func TestFrameAboveTheLimitIsRefusedUnread(t *testing.T) {
	head := binary.BigEndian.AppendUint32([]byte{ext32}, MaxFrame+1)
	_, err := append(Delta(head), family|version, 0).Open()
	require.ErrorIs(t, err, ErrMalformed)
}

func TestOverheadOfAPutIsSmall(t *testing.T) {
	for _, c := range []struct {
		puts int
		most float64
	}{{1, 60}, {1000, 4.1}} {
		s := newAuthor(bob)
		payload := 0
		for i := range c.puts {
			key := fmt.Sprint("key-", i)
			s.put(key, "some value")
			payload += len(key) + len("some value")
		}
		over := float64(len(s.seal())-payload) / float64(c.puts)
		require.LessOrEqual(t, over, c.most, "%d puts", c.puts)
	}
}

func TestOneFrameServesForManyDeltas(t *testing.T) {
	all := kinds()
	var f Frame
	var reused, fresh kernel.State
	for _, name := range []string{"parts", "unit", "run-wide", "empty", "run"} {
		require.NoError(t, all[name].OpenInto(&f))
		require.Equal(t, name == "parts", len(f.Parts()) > 0)
		require.NoError(t, f.Merge(&reused))
		require.NoError(t, all[name].Merge(&fresh))
		require.Error(t, all[name][:7].OpenInto(&f))
	}
	require.Equal(t, fresh.Digest(), reused.Digest())
}

func TestFramesBehindEachOtherAreCutApart(t *testing.T) {
	frames := []Delta{golden()["run"], golden()["unit"], golden()["run"]}
	all := slices.Concat(frames...)
	for _, want := range frames {
		first, rest := all.Cut()
		require.Equal(t, want, first)
		all = rest
	}
	require.Empty(t, all)
	for _, whole := range []Delta{nil, {1}, {ext8}, {ext8, 3}, {ext16, 0xff, 0xff, 1}, {ext32, 0xff, 0xff, 0xff, 0xff, 1, 2}, frames[0][:9]} {
		first, rest := whole.Cut()
		require.Equal(t, whole, first)
		require.Empty(t, rest)
	}
}
