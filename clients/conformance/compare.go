package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// compare checks what the named replicas read. midway allows for a counter
// what the format allows for every type: that a delta which arrived across a
// gap is applied at once. The expectations of counters do not always say so.
func (r *run) compare(want map[string]json.RawMessage, midway bool) error {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w, err := parse(want[name])
		if err != nil {
			return fmt.Errorf("%w: expectation %s", errFormat, want[name])
		}
		names := []string{name}
		if name == "*" {
			names = r.names
		}
		if err := r.compareAll(names, w, midway); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) compareAll(names []string, want any, midway bool) error {
	first := ""
	for i, name := range names {
		x, ok := r.replicas[name]
		if !ok {
			return fmt.Errorf("%w: no replica %q", errFormat, name)
		}
		got, err := x.read()
		if err != nil {
			return err
		}
		ok, err = r.kind.shape.matches(want, got)
		if err != nil {
			return err
		}
		if !ok && midway && r.kind == &counterKind && x.hasGap() {
			continue
		}
		if t, _ := text(want); !ok {
			return fmt.Errorf("%s reads %s, want %s", name, got, t)
		}
		if i > 0 && got != first {
			return fmt.Errorf("%s reads %s and %s reads %s", names[0], first, name, got)
		}
		first = got
	}
	return nil
}

// sameContextsSameValues checks the kernel's promise.
func (r *run) sameContextsSameValues() error {
	seen := map[string]string{}
	for _, name := range r.names {
		x := r.replicas[name]
		s := x.value.Document().State()
		c := s.Context()
		got, err := x.read()
		if err != nil {
			return err
		}
		print := fmt.Sprintf("%s, fingerprint %x", got, s.Fingerprint())
		if was, ok := seen[c.String()]; ok && was != print {
			return fmt.Errorf("equal contexts %v, unequal values %s and %s", c.String(), was, print)
		}
		seen[c.String()] = print
	}
	return nil
}
