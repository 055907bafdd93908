package joinery

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/msgpackcodec"
)

func TestEqualValuesHaveEqualBytes(t *testing.T) {
	type pair struct{ B, A int }
	big := func() map[string]int {
		m := make(map[string]int)
		for i := range 40 {
			m[strings.Repeat("k", i)] = i
		}
		return m
	}
	want, err := encode(big())
	require.NoError(t, err)
	for range 20 {
		got, err := encode(map[string]any{"inner": []any{big(), map[int]bool{1: true, 2: false, 300: true}}})
		require.NoError(t, err)
		again, err := encode(map[string]any{"inner": []any{big(), map[int]bool{1: true, 2: false, 300: true}}})
		require.NoError(t, err)
		require.Equal(t, got, again)
		plain, err := encode(big())
		require.NoError(t, err)
		require.Equal(t, want, plain)
	}
	for _, same := range [][]any{
		{1, int8(1), uint64(1), 1.0, float32(1)},
		{-200, int64(-200), -200.0},
		{pair{2, 1}, map[string]int{"A": 1, "B": 2}, map[string]any{"B": int64(2), "A": uint8(1)}},
		{[]string{"a"}, []any{"a"}, [1]string{"a"}},
	} {
		first, err := encode(same[0])
		require.NoError(t, err)
		for _, v := range same[1:] {
			b, err := encode(v)
			require.NoError(t, err)
			require.Equal(t, first, b, "%T %v and %T %v", same[0], same[0], v, v)
		}
	}
}

func TestCanonicalFormKeepsTheValue(t *testing.T) {
	for _, v := range []map[string]any{
		{}, {"z": int64(1), "a": []any{map[string]any{"y": "x", "b": nil}, int64(2)}, "m": map[string]any{"2": true, "1": []byte{1}}},
	} {
		b, err := encode(v)
		require.NoError(t, err)
		got, err := decode[any](b)
		require.NoError(t, err)
		require.Equal(t, any(v), got)
		require.Equal(t, b, msgpackcodec.Canonical(b))
	}
	wide := make([]int, 70_000)
	b, err := encode(wide)
	require.NoError(t, err)
	got, err := decode[[]int](b)
	require.NoError(t, err)
	require.Equal(t, wide, got)
}

func wrongType[T any](t *testing.T, v any) {
	t.Helper()
	b, err := encode(v)
	require.NoError(t, err)
	_, err = decode[T](b)
	require.ErrorIs(t, err, ErrType, "%T as %T", v, *new(T))
}

func TestAValueOfAnotherTypeIsAnErrorAndKept(t *testing.T) {
	wrongType[string](t, 7)
	wrongType[int](t, "seven")
	wrongType[int](t, 7.5)
	wrongType[bool](t, "true")
	wrongType[[]int](t, "x")
	wrongType[struct{ A int }](t, "x")
	wrongType[time.Time](t, "noon")
	wrongType[int8](t, 300)
	wrongType[int8](t, -129)
	wrongType[uint](t, -1)
	wrongType[uint16](t, 70000)
	wrongType[int64](t, uint64(math.MaxUint64))
	wrongType[time.Duration](t, uint64(math.MaxUint64))

	r, err := Open(t.Context(), Config{Space: "s"})
	require.NoError(t, err)
	defer r.Close()
	v := r.Doc("d").Register("v")
	require.NoError(t, v.Set(t.Context(), "text"))
	_, ok, err := Get[int](v)
	require.ErrorIs(t, err, ErrType)
	require.ErrorContains(t, err, `document "d"`)
	require.False(t, ok)
	_, err = Siblings[int](v)
	require.ErrorIs(t, err, ErrType)
	text, ok, err := Get[string](v)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "text", text)
}

func TestIntegersThatFitAreRead(t *testing.T) {
	for _, n := range []int64{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxInt32, math.MaxUint32, math.MaxInt64, -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt64} {
		b, err := encode(n)
		require.NoError(t, err)
		got, err := decode[int64](b)
		require.NoError(t, err)
		require.Equal(t, n, got)
		if small, err := decode[int16](b); err == nil {
			require.EqualValues(t, n, small)
		} else {
			require.True(t, n > math.MaxInt16 || n < math.MinInt16, n)
		}
		if u, err := decode[uint32](b); err == nil {
			require.EqualValues(t, n, u)
		} else {
			require.True(t, n < 0 || n > math.MaxUint32, n)
		}
	}
}

// hostile values announce more than they hold, never end, or are none.
func TestHostileValuesAreRefusedBeforeAnythingIsAllocated(t *testing.T) {
	for _, h := range []string{
		"", "c1", "dd7fffffff", "df7fffffff", "dbffffffff", "c6ffffffff", "c9ffffffff01", "dcffff", "deffff", "81", "92c0",
		"c0c0", "a5616263", "d801", "cd01", "cb00", strings.Repeat("91", 70) + "c0", strings.Repeat("81c0", 70) + "c0",
	} {
		b, err := hex.DecodeString(h)
		require.NoError(t, err)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = decode[any](string(b))
		require.Error(t, err, h)
		_, err = decode[map[string]string](string(b))
		require.Error(t, err, h)
		_, err = decode[[]byte](string(b))
		runtime.ReadMemStats(&after)
		require.Error(t, err, h)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<10), h)
	}
}

// TestAValueThatIsNoneHarmsNothingElse: another program may have written it.
func TestAValueThatIsNoneHarmsNothingElse(t *testing.T) {
	ctx := t.Context()
	r, err := Open(ctx, Config{Space: "s"})
	require.NoError(t, err)
	defer r.Close()
	const bomb = "\xdd\x7f\xff\xff\xff"
	d := r.Doc("d")
	require.NoError(t, d.Register("good").Set(ctx, 1))
	require.NoError(t, r.node.Write(ctx, "d", func(c *crdt.Document) error {
		return errors.Join(
			c.Assign(kernel.Root, crdt.TagRegister, "bad", bomb, false, crdt.Options{}),
			c.Assign(kernel.Root, crdt.TagRegister, "bad", "\xc1", false, crdt.Options{HasOver: true}),
			c.Assign(kernel.Root, crdt.TagCounter, "odd", bomb, false, crdt.Options{}))
	}))
	_, ok, err := Get[any](d.Register("bad"))
	require.ErrorIs(t, err, ErrValue)
	require.False(t, ok)
	_, err = Siblings[any](d.Register("bad"))
	require.ErrorIs(t, err, ErrValue)
	conflicts := 0
	for _, err := range r.Conflicts(">") {
		require.ErrorIs(t, err, ErrValue)
		conflicts++
	}
	require.Equal(t, 1, conflicts)
	seen := map[string]Field{}
	for f := range d.Fields() {
		seen[f.Path[0]] = f
	}
	require.ErrorIs(t, seen["bad"].Err, ErrValue)
	require.NotEmpty(t, seen["bad"].Raw)
	require.EqualValues(t, 1, seen["good"].Value)
	require.EqualValues(t, 0, seen["odd"].Value)
	require.NoError(t, d.Register("bad").Set(ctx, "mended"))
	v, _, err := Get[string](d.Register("bad"))
	require.NoError(t, err)
	require.Equal(t, "mended", v)
}

// TestAnExtensionIsNoMap: what is in an extension was taken for a map, and
// what that announced was allocated.
func TestAnExtensionIsNoMap(t *testing.T) {
	const hostile = "\xd7\xff\x81\xa0\xdd\xff\xff\xff\xff\x00"
	_, err := decode[map[any]any](hostile)
	require.ErrorIs(t, err, ErrType)
	_, err = decode[*struct{ A []any }](hostile)
	require.ErrorIs(t, err, ErrType)
	_, err = decode[struct{ A map[any]any }]("\x81\xa1A" + hostile)
	require.ErrorIs(t, err, ErrType)
}

// TestDecodingNeverPanics: a slice as the key of a map[any]any once did.
func TestDecodingNeverPanics(t *testing.T) {
	_, err := decode[map[any]any]("\x81\x91\x01\x02")
	require.ErrorIs(t, err, ErrType)
	rng := rand.New(rand.NewPCG(3, 3))
	seeds := []any{map[string]any{"a": []any{1, "x", nil, 2.5, time.Unix(1, 2)}}, []map[string]int{{"x": 1}}, time.Now(), "text", []byte("bin")}
	for i := range 20_000 {
		var buf bytes.Buffer
		require.NoError(t, msgpack.NewEncoder(&buf).Encode(seeds[i%len(seeds)]))
		b := buf.Bytes()
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		s := string(b[:1+rng.IntN(len(b))])
		_, _ = decode[any](s)
		_, _ = decode[map[any]any](s)
		_, _ = decode[time.Time](s)
		_, _ = decode[struct {
			A []any
			X *int
		}](s)
		if msgpackcodec.Check(s) == nil {
			again := msgpackcodec.Canonical(s)
			require.NoError(t, msgpackcodec.Check(again))
			require.Equal(t, again, msgpackcodec.Canonical(again))
		}
	}
}

func TestValuesThatCannotBeEncoded(t *testing.T) {
	var nested any = 1
	for range maxValueDepth + 1 {
		nested = []any{nested}
	}
	for _, v := range []any{make(chan int), func() {}, struct{ F func() }{func() {}}, nested} {
		_, err := encode(v)
		require.ErrorIs(t, err, ErrValue, "%T", v)
	}
}

func TestEncodedValuesAreWhatRegistersHold(t *testing.T) {
	type point struct{ X, Y int }
	b, err := Encode(point{1, 2})
	require.NoError(t, err)
	p, err := Decode[point](b)
	require.NoError(t, err)
	require.Equal(t, point{1, 2}, p)
	_, err = Decode[string](b)
	require.ErrorIs(t, err, ErrType)
	_, err = Decode[any](nil)
	require.ErrorIs(t, err, ErrValue)
	_, err = Encode(func() {})
	require.ErrorIs(t, err, ErrValue)
}
