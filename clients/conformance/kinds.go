package main

import (
	"fmt"
	"iter"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/lwwmap"
	"github.com/joinery-crdt/joinery/orset"
)

var nobody causal.Actor

// kindFor returns the type of a case.
func kindFor(c *Case) (*kind, error) {
	if c.Profile != "" && c.Type != "lwwmap" && c.Profile != "or" {
		return nil, fmt.Errorf("%w: type %q has no profile %q", errFormat, c.Type, c.Profile)
	}
	switch c.Type {
	case "orset":
		return &setKind, nil
	case "gset":
		return &growKind, nil
	case "rwset":
		return &removeWinsKind, nil
	case "pncounter":
		return &counterKind, nil
	case "mvregister":
		return &siblingsKind, nil
	case "lwwregister":
		return &latestKind, nil
	case "ewflag":
		return &enableKind, nil
	case "dwflag":
		return &disableKind, nil
	case "ormap":
		return treeKind(c)
	case "lwwmap":
		switch c.Profile {
		case "ts":
			return &lwwMapKind, nil
		case "or":
			return &orMapKind, nil
		}
	}
	return nil, fmt.Errorf("%w: unknown type %q with profile %q", errFormat, c.Type, c.Profile)
}

func array(texts iter.Seq[string]) (any, error) {
	out := []any{}
	for t := range texts {
		v, err := parse([]byte(t))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func object(entries iter.Seq2[string, string]) (any, error) {
	out := map[string]any{}
	for k, t := range entries {
		v, err := parse([]byte(t))
		if err != nil {
			return nil, err
		}
		out[k] = v
	}
	return out, nil
}

var setKind = kind{
	shape: bag,
	fresh: func() value { return orset.New[string](nobody) },
	apply: func(v value, c call) error {
		w := v.(*orset.Set[string]).Writer()
		switch {
		case c.is("add", 1):
			return w.Add(c.args[0])
		case c.is("remove", 1):
			return w.Remove(c.args[0])
		case c.is("clear", 0):
			return w.Clear()
		}
		return c.unknown()
	},
	read: func(v value) (any, error) { return array(v.(*orset.Set[string]).All()) },
}

var growKind = kind{
	shape: bag, fresh: setKind.fresh, read: setKind.read,
	apply: func(v value, c call) error {
		if !c.is("add", 1) {
			return c.unknown()
		}
		return setKind.apply(v, c)
	},
}

var removeWinsKind = kind{
	shape: bag,
	fresh: func() value { return orset.NewRemoveWins[string](nobody) },
	apply: func(v value, c call) error {
		w := v.(*orset.RemoveWins[string]).Writer()
		switch {
		case c.is("add", 1):
			return w.Add(c.args[0])
		case c.is("remove", 1):
			return w.Remove(c.args[0])
		}
		return c.unknown()
	},
	read: func(v value) (any, error) { return array(v.(*orset.RemoveWins[string]).All()) },
}

var counterKind = kind{
	fresh: func() value { return crdt.NewCounter(nobody) },
	apply: func(v value, c call) error {
		n, err := c.amount()
		if err != nil {
			return err
		}
		return v.(*crdt.Counter).Writer().Add(n)
	},
	read: func(v value) (any, error) { return parse(fmt.Append(nil, v.(*crdt.Counter).Value())) },
}

// applyRegister is the one write that registers have, by either name.
func applyRegister(op string) func(value, call) error {
	return func(v value, c call) error {
		if !c.is(op, 1) {
			return c.unknown()
		}
		return v.(*crdt.Register[string]).Writer().Set(c.args[0], c.opts)
	}
}

var siblingsKind = kind{
	shape: bag,
	fresh: func() value { return crdt.NewRegister[string](nobody) },
	apply: applyRegister("write"),
	read: func(v value) (any, error) {
		return array(values(v.(*crdt.Register[string]).Siblings()))
	},
	seen: func(v value, _ call) []causal.Dot { return v.(*crdt.Register[string]).Context() },
}

func values(all []crdt.Sibling[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range all {
			if !yield(s.Value) {
				return
			}
		}
	}
}

var latestKind = kind{
	fresh: siblingsKind.fresh,
	apply: applyRegister("set"),
	read: func(v value) (any, error) {
		t, ok := v.(*crdt.Register[string]).Get()
		if !ok {
			return nil, nil
		}
		return parse([]byte(t))
	},
}

var enableKind = kind{
	fresh: func() value { return crdt.NewEnableFlag(nobody) },
	apply: func(v value, c call) error {
		w := v.(*crdt.EnableFlag).Writer()
		switch {
		case c.is("enable", 0):
			return w.Enable()
		case c.is("disable", 0):
			return w.Disable()
		}
		return c.unknown()
	},
	read: func(v value) (any, error) { return v.(*crdt.EnableFlag).Enabled(), nil },
}

var disableKind = kind{
	fresh: func() value { return crdt.NewDisableFlag(nobody) },
	apply: func(v value, c call) error {
		w := v.(*crdt.DisableFlag).Writer()
		switch {
		case c.is("enable", 0):
			return w.Enable()
		case c.is("disable", 0):
			return w.Disable()
		}
		return c.unknown()
	},
	read: func(v value) (any, error) { return v.(*crdt.DisableFlag).Enabled(), nil },
}

var lwwMapKind = kind{
	shape: dict,
	fresh: func() value { return lwwmap.New[string, string](nobody) },
	apply: func(v value, c call) error {
		w := v.(*lwwmap.Map[string, string]).Writer()
		switch {
		case c.is("put", 2):
			return withKey(c, func(key string) error { return w.Put(key, c.args[1], c.opts) })
		case c.is("remove", 1):
			return withKey(c, func(key string) error { return w.Delete(key, c.opts) })
		}
		return c.unknown()
	},
	read: func(v value) (any, error) { return object(v.(*lwwmap.Map[string, string]).All()) },
}

var orMapKind = kind{
	shape: dict,
	fresh: func() value { return orset.NewMap[string, string](nobody) },
	apply: func(v value, c call) error {
		w := v.(*orset.Map[string, string]).Writer()
		switch {
		case c.is("put", 2):
			return withKey(c, func(key string) error { return w.Put(key, c.args[1], c.opts) })
		case c.is("remove", 1):
			return withKey(c, func(key string) error { return w.Remove(key, c.opts) })
		}
		return c.unknown()
	},
	read: func(v value) (any, error) { return object(v.(*orset.Map[string, string]).All()) },
}

// withKey calls write with a map's key, which must be a string.
func withKey(c call, write func(string) error) error {
	v, err := parse([]byte(c.args[0]))
	if err != nil {
		return err
	}
	key, ok := v.(string)
	if !ok {
		return fmt.Errorf("%w: key %s is no string", errOp, c.args[0])
	}
	return write(key)
}

// maxDepth is how many names a path can have: a set's elements are one level
// below its name.
const maxDepth = kernel.MaxDepth - 1
