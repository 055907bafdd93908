package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Values are compared in a canonical form: JSON with sorted keys and exact
// integers. A value that the engine stores is opaque to it: the canonical text.

// parse reads one JSON value with exact numbers.
func parse(b []byte) (any, error) {
	var v any
	err := strict(b, &v)
	return v, err
}

// text returns the canonical JSON of a value as parse gives it.
func text(v any) (string, error) {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			var err error
			if parts[i], err = text(v[i]); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, ",") + "]", nil
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			s, err := text(v[k])
			if err != nil {
				return "", err
			}
			parts = append(parts, quote(k)+":"+s)
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// maxDigits bounds a number's text, and so what it costs.
const maxDigits = 400

// number returns the canonical text of a number, whatever its notation.
func number(n json.Number) (string, error) {
	s := n.String()
	if e := strings.IndexAny(s, "eE"); len(s) > maxDigits || e >= 0 && len(s)-e > 4 {
		return "", fmt.Errorf("%w: a number too long to be meant, %.20q", errFormat, s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", fmt.Errorf("%w: number %q", errFormat, s)
	}
	return r.RatString(), nil
}

// shape says how a type's values compare.
type shape int

const (
	scalar shape = iota // as they are
	bag                 // arrays as sets
	dict                // objects; values as they are
	nested              // objects in objects, arrays as sets, nothing absent written out
)

// matches reports whether a value that was read is what is expected: both are
// JSON; alternatives stand in a oneOf.
func (s shape) matches(want any, got string) (bool, error) {
	if all, ok := alternatives(want); ok {
		for _, w := range all {
			if ok, err := s.matches(w, got); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}
	w, err := s.canonical(want)
	return w == got, err
}

// alternatives returns the choices of {"oneOf": [...]}.
func alternatives(v any) ([]any, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return nil, false
	}
	all, ok := m["oneOf"].([]any)
	return all, ok
}

// canonical returns the text of a value by which it compares.
func (s shape) canonical(v any) (string, error) {
	switch s {
	case bag:
		if _, ok := v.([]any); !ok {
			return "", fmt.Errorf("%w: a set or siblings expected as an array", errFormat)
		}
		return bagText(v.([]any))
	case dict:
		if _, ok := v.(map[string]any); !ok {
			return "", fmt.Errorf("%w: a map expected as an object", errFormat)
		}
	case nested:
		t, err := nestedText(v)
		if t == "" {
			t = "{}"
		}
		return t, err
	}
	return text(v)
}

func bagText(v []any) (string, error) {
	parts := make([]string, len(v))
	for i := range v {
		var err error
		if parts[i], err = text(v[i]); err != nil {
			return "", err
		}
	}
	slices.Sort(parts)
	return "[" + strings.Join(slices.Compact(parts), ",") + "]", nil
}

// nestedText returns "" for what counts as absent in a map: an empty map, an
// empty set, a disabled flag.
func nestedText(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		if !v {
			return "", nil
		}
	case []any:
		if len(v) == 0 {
			return "", nil
		}
		return bagText(v)
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			s, err := nestedText(v[k])
			if err != nil {
				return "", err
			}
			if s != "" {
				parts = append(parts, quote(k)+":"+s)
			}
		}
		if len(parts) == 0 {
			return "", nil
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	}
	return text(v)
}
