package joinery

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type Embedded struct{ Inner int16 }

type numbers struct {
	Embedded
	Small  int8
	Named  uint16 `msgpack:"n,omitempty"`
	Ptr    *int8
	List   []int8
	Pair   [2]uint16
	Map    map[string]uint32
	Deep   []map[string]struct{ X uint }
	When   time.Time
	Bytes  []byte
	Any    any
	Others map[int]int8
}

// TestIntegersInsideAreNotCutOff: 300 was read as 44 by who asked for an int8.
func TestIntegersInsideAreNotCutOff(t *testing.T) {
	fits := map[string]any{
		"Small": -128, "n": 65535, "Ptr": 127, "List": []int{1, -2}, "Pair": []int{255, 0}, "Map": map[string]any{"a": uint32(1 << 31)},
		"Deep": []any{map[string]any{"k": map[string]any{"X": 1 << 40}}}, "When": time.Unix(1<<33, 0), "Bytes": []byte{255}, "Any": 1 << 50, "Inner": -300,
		"unknown": 1 << 60,
	}
	b, err := encode(fits)
	require.NoError(t, err)
	n, err := decode[numbers](b)
	require.NoError(t, err)
	require.EqualValues(t, 1<<40, n.Deep[0]["k"].X)
	require.EqualValues(t, -300, n.Inner)
	for at, wrong := range map[string]any{
		".Small": map[string]any{"Small": 128}, ".Named": map[string]any{"n": -1}, ".Ptr": map[string]any{"Ptr": 300},
		".List[1]": map[string]any{"List": []int{1, 300}}, ".Pair[0]": map[string]any{"Pair": []int{70000, 0}},
		`.Map["a"]`:     map[string]any{"Map": map[string]any{"a": 1 << 40}},
		`.Deep[0]["k"]`: map[string]any{"Deep": []any{map[string]any{"k": map[string]any{"X": -5}}}},
		".Inner":        map[string]any{"Inner": 1 << 20},
	} {
		b, err := encode(wrong)
		require.NoError(t, err)
		v, err := decode[numbers](b)
		require.ErrorIs(t, err, ErrType, at)
		require.ErrorContains(t, err, at)
		require.Zero(t, v)
	}
	wrongType[[]int8](t, []int{1, 300})
	wrongType[map[string]uint8](t, map[string]int{"a": -1})
	wrongType[*[]int64](t, []uint64{1 << 63})
}

func TestOnlyTypesWithIntegersInsideAreLookedAtTwice(t *testing.T) {
	type recursive struct {
		Next *recursive
		Name string
	}
	for _, v := range []any{"", []byte(nil), []string(nil), map[string]string(nil), struct{ A []any }{}, recursive{}, 7, time.Time{}} {
		require.False(t, holdsNumbers(reflect.TypeOf(v)), "%T", v)
	}
	for _, v := range []any{[]time.Duration(nil), map[string][]int{}, struct{ A *int }{}} {
		require.True(t, holdsNumbers(reflect.TypeOf(v)), "%T", v)
	}
}
