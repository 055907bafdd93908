package joinery

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// The decoder cuts off integers that their Go type cannot hold. So whatever has
// integers inside is looked at twice: as the type that was asked for, and as what
// is there.

// checkNumbers returns an error if an integer inside a stored value is another
// one in what was decoded of it.
func checkNumbers(v reflect.Value, s string) error {
	if !holdsNumbers(v.Type()) {
		return nil
	}
	raw, err := decode[any](s)
	if err != nil {
		return nil // a map with other keys than strings, for instance: nothing to compare with
	}
	if at, ok := agree(v, raw); !ok {
		return fmt.Errorf("%w: the number at %s does not fit", ErrType, strings.Join(at, ""))
	}
	return nil
}

// numeric remembers which types have integers inside.
var numeric sync.Map // reflect.Type to bool

func holdsNumbers(t reflect.Type) bool {
	if known, ok := numeric.Load(t); ok {
		return known.(bool)
	}
	found := findNumbers(t, map[reflect.Type]bool{})
	numeric.Store(t, found)
	return found
}

// findNumbers does not count an integer on its own: fits has looked at that.
func findNumbers(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || decodesItself(t) {
		return false
	}
	seen[t] = true
	inside := func(e reflect.Type) bool { return isNumber(e.Kind()) || findNumbers(e, seen) }
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Uint8 && inside(t.Elem())
	case reflect.Pointer, reflect.Array, reflect.Map:
		return inside(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if inside(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// decodesItself reports whether values of a type are read by code of its own.
func decodesItself(t reflect.Type) bool {
	if t == reflect.TypeFor[time.Time]() {
		return true
	}
	p := reflect.PointerTo(t)
	for _, i := range []reflect.Type{reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()} {
		if p.Implements(i) {
			return true
		}
	}
	return false
}

// agree compares the integers of a decoded value with what is there, and says
// where they differ. What it knows nothing of agrees.
func agree(v reflect.Value, raw any) (at []string, ok bool) {
	k := v.Kind()
	switch {
	case isNumber(k):
		return nil, sameNumber(v, raw)
	case decodesItself(v.Type()):
		return nil, true
	case k == reflect.Pointer && !v.IsNil():
		return agree(v.Elem(), raw)
	case k == reflect.Slice || k == reflect.Array:
		return agreeList(v, raw)
	case k == reflect.Map:
		return agreeMap(v, raw)
	case k == reflect.Struct:
		return agreeStruct(v, raw)
	}
	return nil, true
}

func sameNumber(v reflect.Value, raw any) bool {
	switch n := raw.(type) {
	case int64:
		return v.CanInt() && v.Int() == n || v.CanUint() && n >= 0 && v.Uint() == uint64(n)
	case uint64:
		return v.CanUint() && v.Uint() == n || v.CanInt() && n <= math.MaxInt64 && v.Int() == int64(n)
	}
	return true // nil, or a number of another kind, which the decoder has judged
}

func agreeList(v reflect.Value, raw any) (at []string, ok bool) {
	list, is := raw.([]any)
	for i := 0; is && i < min(v.Len(), len(list)); i++ {
		if at, ok := agree(v.Index(i), list[i]); !ok {
			return append([]string{fmt.Sprintf("[%d]", i)}, at...), false
		}
	}
	return nil, true
}

func agreeMap(v reflect.Value, raw any) (at []string, ok bool) {
	entries, is := raw.(map[string]any)
	if !is || v.Type().Key().Kind() != reflect.String {
		return nil, true
	}
	for i := v.MapRange(); i.Next(); {
		if at, ok := agree(i.Value(), entries[i.Key().String()]); !ok {
			return append([]string{fmt.Sprintf("[%q]", i.Key().String())}, at...), false
		}
	}
	return nil, true
}

func agreeStruct(v reflect.Value, raw any) (at []string, ok bool) {
	entries, is := raw.(map[string]any)
	for i := 0; is && i < v.NumField(); i++ {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
		if name == "" {
			name = f.Name
		}
		inner, there := entries[name]
		if !there && f.Anonymous {
			inner = raw // its fields stand among those of the outer one
		}
		if at, ok := agree(v.Field(i), inner); !ok {
			return append([]string{"." + f.Name}, at...), false
		}
	}
	return nil, true
}
