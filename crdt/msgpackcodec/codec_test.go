package msgpackcodec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/msgpackcodec"
	"github.com/joinery-crdt/joinery/orset"
)

type point struct {
	X, Y int
	Tags map[string][]string
}

func TestStructsSurvive(t *testing.T) {
	c := msgpackcodec.New[point]()
	p := point{3, -1 << 20, map[string][]string{"a": {"x"}, "b": nil, "c": {"y", "z"}}}
	b, err := c.Append([]byte("before"), p)
	require.NoError(t, err)
	require.Equal(t, "before", string(b[:6]))
	got, err := c.Decode(string(b[6:]))
	require.NoError(t, err)
	require.Equal(t, p, got)
}

func TestEqualMapsHaveEqualEncodings(t *testing.T) {
	c := msgpackcodec.New[map[string]int]()
	m := map[string]int{}
	for i := range 50 {
		m[fmt.Sprint(i)] = i
	}
	first, err := c.Append(nil, m)
	require.NoError(t, err)
	for range 20 {
		again, err := c.Append(nil, m)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestDecodingIsBounded(t *testing.T) {
	deep := strings.Repeat("\x91", 1_000_000) + "\xc0"
	for _, s := range []string{"", "\xc1", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x01",
		"\xd4", "\xd8", "\xa2\xff", "\xc0\xc0", "\xcf\x00", deep} {
		_, err := msgpackcodec.New[any]().Decode(s)
		require.ErrorIs(t, err, codec.ErrDecode, "%.20q", s)
		_, err = msgpackcodec.New[[]int64]().Decode(s)
		require.ErrorIs(t, err, codec.ErrDecode, "%.20q", s)
	}
}

func TestEveryMapIsSorted(t *testing.T) {
	c := msgpackcodec.New[map[string]any]()
	b, err := c.Append(nil, map[string]any{"b": map[int]bool{2: true, 1: false}, "a": []any{map[string]int{"y": 1, "x": 2}}})
	require.NoError(t, err)
	require.Equal(t, "\x82\xa1a\x91\x82\xa1x\x02\xa1y\x01\xa1b\x82\x01\xc2\x02\xc3", string(b))
}

func TestWhatCouldNotBeDecodedIsNotEncoded(t *testing.T) {
	var nested any = 1
	for range msgpackcodec.MaxDepth + 1 {
		nested = []any{nested}
	}
	_, err := msgpackcodec.New[any]().Append(nil, nested)
	require.ErrorIs(t, err, codec.ErrDecode)
	_, err = msgpackcodec.New[func()]().Append(nil, func() {})
	require.Error(t, err)
}

// TestAnExtensionIsNoMap: what is in an extension was taken for a map, at any
// depth, and what that announced was allocated.
func TestAnExtensionIsNoMap(t *testing.T) {
	const bomb = "\xd7\x05\x81\xa0\xdd\xff\xff\xff\xff\x00" // a map whose only value is an array of 2^32-1
	type inner struct{ M map[any]any }
	refused := func(v any, err error) {
		t.Helper()
		require.ErrorIs(t, err, codec.ErrDecode)
		require.ErrorContains(t, err, "extension")
	}
	m, err := msgpackcodec.New[map[any]any]().Decode(bomb)
	refused(m, err)
	i, err := msgpackcodec.New[inner]().Decode("\x81\xa1M" + bomb)
	refused(i, err)
	s, err := msgpackcodec.New[map[string]*inner]().Decode("\x82\xa1a\x81\xa1M\xc0\xa1b\x81\xa1M" + bomb)
	refused(s, err)
	a, err := msgpackcodec.New[[]map[string]string]().Decode("\x91\xc7\x05\x05\xc0\xdf\xff\xff\xff") // nil, then a torn map
	refused(a, err)
	n, err := msgpackcodec.New[map[string]map[any]any]().Decode("\xc7\x0c\x05\x81\xa0" + bomb) // an extension in a well-formed one
	refused(n, err)
}

func TestTimesAndOrderlyExtensionsAreRead(t *testing.T) {
	type event struct {
		At   time.Time
		Tags map[string]string
	}
	c := msgpackcodec.New[event]()
	for _, at := range []time.Time{time.Unix(0x80000000, 0), time.Unix(0xdf000000, 0), time.Unix(1, 0x30000000), time.Unix(1<<35, 5)} {
		b, err := c.Append(nil, event{at, map[string]string{"a": "b"}})
		require.NoError(t, err)
		got, err := c.Decode(string(b))
		require.NoError(t, err)
		require.True(t, at.Equal(got.At), "%v became %v", at, got.At)
	}
	m, err := msgpackcodec.New[map[string]int]().Decode("\xc7\x04\x05\x81\xa1k\x07")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"k": 7}, m)
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "\x81\xa4Tags\xd7\x05\x81\xa0\xdd\xff\xff\xff\xff\x00", "\xc0", "\x93\x01\xa1x\xcb12345678", "\x81\xa1k\x90", "\xc7\x01\x05x", "\xdd\xff\xff\xff\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = msgpackcodec.New[any]().Decode(s)
		_, _ = msgpackcodec.New[point]().Decode(s)
	})
}

func ExampleNew() {
	type device struct {
		Name string
		Port int
	}
	fleet := orset.NewMapWith(causal.Actor{ID: causal.ID{1}}, orset.MapConfig[string, device]{
		Values: msgpackcodec.New[device](),
	})
	fleet.Put("d1", device{"engine", 7})
	d, ok := fleet.Get("d1")
	fmt.Println(d.Name, d.Port, ok)
	// Output: engine 7 true
}
