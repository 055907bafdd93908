package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/orset"
)

// treeKind is the recursive map. A case says by the types that it updates
// fields with how they are to be read.
func treeKind(c *Case) (*kind, error) {
	schema := map[string]string{}
	for _, s := range c.Steps {
		if s.Op != "update" {
			continue
		}
		at := strings.Join(s.Path, "\x00")
		if was := schema[at]; was != "" && was != s.VType {
			return nil, fmt.Errorf("%w: %q is both %s and %s", errFormat, s.Path, was, s.VType)
		}
		schema[at] = s.VType
	}
	return &kind{
		shape: nested,
		fresh: func() value { return orset.NewTree(nobody) },
		apply: applyTree,
		read: func(v value) (any, error) {
			t := v.(*orset.Tree)
			return readFields(t, nil, slices.Collect(t.Fields()), schema)
		},
		seen: func(v value, c call) []causal.Dot { return field(v, c.path).Context() },
	}, nil
}

func field(v value, path []string) orset.Field { return v.(*orset.Tree).Field(path[0], path[1:]...) }

func applyTree(v value, c call) error {
	if len(c.path) == 0 || len(c.path) > maxDepth {
		return c.unknown()
	}
	f := field(v, c.path).Writer()
	if c.op == "remove_key" && c.vtype == "" && len(c.args) == 0 {
		return f.Remove()
	}
	switch c.vtype {
	case "orset":
		return applyInnerSet(f, c)
	case "counter":
		n, err := c.amount()
		if err != nil {
			return err
		}
		return f.Increment(n)
	}
	switch {
	case c.vtype == "ewflag" && c.is("enable", 0):
		return f.Enable()
	case c.vtype == "ewflag" && c.is("disable", 0):
		return f.Disable()
	case c.vtype == "mvregister" && c.is("write", 1), c.vtype == "lww" && c.is("set", 1):
		return f.Assign(c.args[0], c.opts)
	}
	return c.unknown()
}

func applyInnerSet(f orset.FieldWriter, c call) error {
	switch {
	case c.is("add", 1):
		return f.Add(c.args[0])
	case c.is("remove", 1):
		return f.Discard(c.args[0])
	case c.is("clear", 0):
		return f.Clear()
	}
	return c.unknown()
}

// readFields returns what lives in the named fields of a map.
func readFields(t *orset.Tree, above, names []string, schema map[string]string) (any, error) {
	out := map[string]any{}
	for _, name := range names {
		path := append(slices.Clip(above), name)
		v, err := readField(t, path, schema)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[name] = v
		}
	}
	return out, nil
}

func readField(t *orset.Tree, path []string, schema map[string]string) (any, error) {
	f := field(t, path)
	switch schema[strings.Join(path, "\x00")] {
	case "orset":
		return array(f.Elements())
	case "counter":
		if n, ok := f.Sum(); ok {
			return parse(fmt.Append(nil, n))
		}
		return nil, nil
	case "ewflag":
		return f.Enabled(), nil
	case "mvregister":
		return array(values(f.Siblings()))
	case "lww":
		if text, ok := f.Value(); ok {
			return parse([]byte(text))
		}
		return nil, nil
	}
	return readFields(t, path, slices.Collect(f.Fields()), schema)
}
