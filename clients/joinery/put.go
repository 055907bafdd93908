package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newPut(o *options) *cobra.Command {
	var text, lww bool
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "put DOC FIELD VALUE [FIELD VALUE]...",
		Short: "Write fields of a document, all or none",
		Long: `Writes fields of a document as one atomic group.

A VALUE is JSON if it is valid JSON, and text otherwise; --text takes it as text
in any case. A JSON object writes the fields of a map, and the forms of export
write other types than registers: {"$counter":3}, {"$set":["a"]}, ...`,
		Example: example(
			"joinery put user:123 name Alice email alice@example.com",
			"joinery put user:123 age 42 address '{\"city\":\"Oslo\"}'",
			"joinery put session:7 token 9f2c --ttl 15m",
			"joinery put user:123 zip --text 0150",
			"joinery put user:123 prefs/lang no --lww   # an entry of the LWW map prefs"),
		Args: takes(func(_ *cobra.Command, args []string) error {
			if ttl < 0 {
				return errors.New("--ttl must be above 0")
			}
			if len(args) < 3 || len(args)%2 == 0 {
				return errors.New("needs DOC and then pairs of FIELD and VALUE")
			}
			return nil
		}),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			fields := make(fieldTree)
			for i := 1; i < len(args); i += 2 {
				path := protocol.SplitPath(args[i])
				if err := fields.insert(path, lasting(jsonOf(args[i+1], text), ttl), lww); err != nil {
					return misuse(cmd, err)
				}
			}
			return o.apply(cmd, args[0], fields)
		}),
	}
	cmd.Flags().BoolVar(&text, "text", false, "take VALUE as text even if it looks like JSON")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "what is written expires after `TIME`, such as 90m; 0 is never")
	cmd.Flags().BoolVar(&lww, "lww", false, "FIELD is an entry of an LWW map")
	return cmd
}

// lasting returns what is to be written for a while, by the clock of this machine.
func lasting(value json.RawMessage, ttl time.Duration) any {
	if ttl == 0 {
		return value
	}
	return map[string]any{"$until": []any{time.Now().Add(ttl).UTC().Format(time.RFC3339Nano), value}}
}

// fieldTree is the fields of a record.
type fieldTree map[string]any

// insert puts a value at a path; with lww the last name is a key of an LWW map.
func (t fieldTree) insert(path []string, value any, lww bool) error {
	last := len(path) - 1
	if lww {
		if last == 0 {
			return fmt.Errorf("--lww needs a FIELD of the form MAP/KEY, not %q", path[0])
		}
		value = map[string]any{"$lwwmap": map[string]any{record.Escape(path[last]): value}}
		last--
	}
	for _, name := range path[:last] {
		name = record.Escape(name)
		below, ok := t[name].(fieldTree)
		if !ok {
			below = make(fieldTree)
			t.add(name, below)
		}
		t = below
	}
	t.add(record.Escape(path[last]), value)
	return nil
}

// add puts a value beside what already has the name.
func (t fieldTree) add(name string, value any) {
	before, ok := t[name]
	if !ok {
		t[name] = value
		return
	}
	several, ok := before.(beside)
	if !ok {
		several = beside{"$all": {before}}
	}
	t[name] = beside{"$all": append(several["$all"], value)}
}

// beside is several values under one name.
type beside map[string][]any

// apply sends one record.
func (o *options) apply(cmd *cobra.Command, doc string, fields fieldTree) error {
	line := record.AppendJSON(nil, map[string]any{"doc": doc, "fields": fields})
	return o.ask(cmd, func(c *remote.Client) error {
		got, err := c.Import(cmd.Context(), line, false)
		if err != nil {
			return err
		}
		if len(got.Errors) > 0 {
			return errors.New(got.Errors[0].Error)
		}
		return o.show(cmd, done{c.Replica(), got.Applied}, "")
	})
}
