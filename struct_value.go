package joinery

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/kernel"
)

func (m *member) place(at *place) *place { return &place{at, m.name, "." + m.goName} }

// encode returns what a struct says, within the limits of its target.
func (r *record) encode(t target, v reflect.Value, at *place) (content, error) {
	c := content{exists: true, below: make(map[string]content, len(r.members))}
	for i := range r.members {
		m := &r.members[i]
		f, ok := walk(v, m.index, false)
		if !ok || m.omitEmpty && isEmpty(f) {
			continue
		}
		in, err := m.encode(t, f, m.place(at))
		if err != nil {
			return c, err
		}
		c.below[m.name] = in
	}
	return c, nil
}

// walk returns a field through embedded structs; false if it is behind a nil
// pointer and make does not say to fill it.
func walk(v reflect.Value, index []int, make bool) (reflect.Value, bool) {
	for i, x := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() && !make {
				return v, false
			}
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, true
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array:
		return v.Len() == 0
	case reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	z, ok := v.Interface().(interface{ IsZero() bool })
	return v.IsZero() || ok && z.IsZero()
}

// encode returns what a value says.
func (s *shape) encode(t target, v reflect.Value, at *place) (c content, err error) {
	if isNil(v) {
		return c, nil
	}
	if s.pointer {
		v = v.Elem()
	}
	switch s.form {
	case asCounter:
		c.exists = true
		if c.number, err = count(v); err != nil {
			err = at.fail(err)
		}
		return c, err
	case asFlag, asDisableWinsFlag:
		return content{exists: v.Bool()}, nil
	case asSet, asRemoveWinsSet:
		return s.encodeSet(t, v, at)
	case asMap, asLWWMap:
		return s.encodeKeys(t, v, at)
	case asStruct:
		if at.depth() >= kernel.MaxDepth {
			return c, at.fail(fmt.Errorf("%w: structs nested deeper than %d; does one contain itself?", ErrTooLarge, kernel.MaxDepth-1))
		}
		return s.record.encode(t, v, at)
	}
	if c.value, err = t.bounded(behind(v)); err != nil {
		return c, at.fail(err)
	}
	return content{exists: true, value: c.value}, nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// behind returns a pointer to a value: an encoding of its own may need one.
func behind(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface()
}

func count(v reflect.Value) (int64, error) {
	if v.CanInt() {
		return v.Int(), nil
	}
	if v.Uint() > math.MaxInt64 {
		return 0, fmt.Errorf("%w: %d is more than a counter adds up to", ErrValue, v.Uint())
	}
	return int64(v.Uint()), nil
}

func (s *shape) encodeSet(t target, v reflect.Value, at *place) (content, error) {
	below := make(map[string]content, v.Len())
	add := func(elem reflect.Value) error {
		if isNil(elem) {
			return nil
		}
		key, err := elements{target: t}.key(behind(elem))
		if err != nil {
			return at.fail(err)
		}
		below[key] = content{exists: true}
		return nil
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if err := add(v.Index(i)); err != nil {
				return content{}, err
			}
		}
		return holding(below), nil
	}
	for it := v.MapRange(); it.Next(); {
		if err := add(it.Key()); err != nil {
			return content{}, err
		}
	}
	return holding(below), nil
}

func (s *shape) encodeKeys(t target, v reflect.Value, at *place) (content, error) {
	if at.depth() >= kernel.MaxDepth {
		return content{}, at.fail(fmt.Errorf("%w: maps nested deeper than %d; does one contain itself?", ErrTooLarge, kernel.MaxDepth-1))
	}
	below := make(map[string]content, v.Len())
	for it := v.MapRange(); it.Next(); {
		key := it.Key().String()
		c, err := s.elem.encode(t, it.Value(), at.key(key))
		if err != nil {
			return c, err
		}
		if c.exists {
			below[key] = c
		}
	}
	return holding(below), nil
}

// load sets the fields of a struct to a content, and returns an error for each
// that cannot be.
func (r *record) load(c content, v reflect.Value, at *place) (errs []error) {
	for i := range r.members {
		m := &r.members[i]
		in := c.below[m.name]
		if f, ok := walk(v, m.index, in.exists); ok {
			errs = append(errs, m.load(in, f, m.place(at))...)
		}
	}
	return errs
}

// load sets a value to a content. It is zero if that is absent or of another type.
func (s *shape) load(c content, v reflect.Value, at *place) (errs []error) {
	if s.form == asStruct && !s.pointer {
		return s.record.load(c, v, at) // and leaves what is not stored as it is
	}
	v.SetZero()
	if !c.exists {
		return nil
	}
	fresh := reflect.New(s.typ)
	switch s.form {
	case asCounter:
		errs = at.failIf(setCount(fresh.Elem(), c.number))
	case asFlag, asDisableWinsFlag:
		fresh.Elem().SetBool(true)
	case asSet, asRemoveWinsSet:
		errs = s.loadSet(c, fresh.Elem(), at)
	case asMap, asLWWMap:
		errs = s.loadKeys(c, fresh.Elem(), at)
	case asStruct:
		errs = s.record.load(c, fresh.Elem(), at)
	default:
		if err := decodeTo(c.value, fresh.Interface()); err != nil {
			return at.failIf(err)
		}
	}
	if s.pointer {
		v.Set(fresh)
	} else {
		v.Set(fresh.Elem())
	}
	return errs
}

func (p *place) failIf(err error) []error {
	if err == nil {
		return nil
	}
	return []error{p.fail(err)}
}

func setCount(v reflect.Value, n int64) error {
	switch {
	case v.CanInt() && !v.OverflowInt(n):
		v.SetInt(n)
	case v.CanUint() && n >= 0 && !v.OverflowUint(uint64(n)):
		v.SetUint(uint64(n))
	default:
		return fmt.Errorf("%w: the sum %d does not fit a %v", ErrType, n, v.Type())
	}
	return nil
}

// loadSet leaves out what is of another type.
func (s *shape) loadSet(c content, v reflect.Value, at *place) (errs []error) {
	isMap := v.Kind() == reflect.Map
	if isMap {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(c.below)))
	}
	for _, key := range slices.Sorted(maps.Keys(c.below)) {
		elem := reflect.New(s.elem.typ)
		err := decodeTo(key, elem.Interface())
		if err == nil && isMap && !s.elem.pointer && !elem.Elem().Comparable() {
			err = fmt.Errorf("%w: not the key of a map", ErrType)
		}
		if err != nil {
			errs = append(errs, at.fail(err))
			continue
		}
		if !s.elem.pointer {
			elem = elem.Elem()
		}
		if isMap {
			v.SetMapIndex(elem, reflect.Zero(v.Type().Elem()))
		} else {
			v.Set(reflect.Append(v, elem))
		}
	}
	return errs
}

// loadKeys leaves out what is of another type.
func (s *shape) loadKeys(c content, v reflect.Value, at *place) (errs []error) {
	v.Set(reflect.MakeMapWithSize(v.Type(), len(c.below)))
	for _, key := range slices.Sorted(maps.Keys(c.below)) {
		elem := reflect.New(v.Type().Elem()).Elem()
		failed := s.elem.load(c.below[key], elem, at.key(key))
		errs = append(errs, failed...)
		if len(failed) == 0 || s.elem.form >= asSet {
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
		}
	}
	return errs
}
