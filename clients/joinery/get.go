package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newGet(o *options) *cobra.Command {
	var siblings, exact bool
	cmd := &cobra.Command{
		Use:   "get DOC [FIELD]",
		Short: "Read a document or field",
		Long: `Reads a document, or what is at and below FIELD.

Of a single value it prints just that: text as it is, anything else as JSON. Of
concurrent values it prints the last by time; --siblings prints all of them,
with who wrote them and when. --json prints records as export does.

--exact looks at FIELD alone and not below it, which is answered even while a
large document is still being loaded after a start. It leaves out sets, counters
of 0 and flags that are off.`,
		Example: example(
			"joinery get user:123",
			"joinery get user:123 address/city",
			"joinery get user:123 name --siblings",
			"joinery get user:123 --json"),
		Args: takes(cobra.RangeArgs(1, 2)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			q := protocol.Query{Kind: protocol.Fields, Doc: args[0], Siblings: siblings, Exact: exact}
			if len(args) == 2 {
				q.Field = args[1]
			}
			if exact && (o.json || len(args) < 2) {
				return misuse(cmd, errors.New("--exact needs a FIELD, and excludes --json"))
			}
			if o.json && !siblings {
				q.Kind = protocol.Documents
			}
			return o.ask(cmd, func(c *remote.Client) error { return o.get(cmd, c, q) })
		}),
	}
	cmd.Flags().BoolVar(&exact, "exact", false, "look at FIELD alone, not below it")
	cmd.Flags().BoolVar(&siblings, "siblings", false, "print all concurrent values, with who and when")
	return cmd
}

func (o *options) get(cmd *cobra.Command, c *remote.Client, q protocol.Query) error {
	if o.json {
		return o.copyLines(cmd, c, q)
	}
	var fields []protocol.Field
	for f, err := range c.FieldLines(cmd.Context(), q) {
		if err != nil {
			return err
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return notFound(q)
	}
	single := &fields[0]
	if len(fields) == 1 && single.Field == q.Field && !q.Siblings && single.Kind != "set" && single.Kind != "remove-wins-set" {
		return o.show(cmd, nil, "%s", bare(single.Value))
	}
	for i := range fields {
		if err := o.showField(cmd, &fields[i], q.Siblings); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) showField(cmd *cobra.Command, f *protocol.Field, siblings bool) error {
	if !siblings || len(f.Siblings) == 0 {
		return o.show(cmd, f, "%s", phrase(f))
	}
	return o.show(cmd, f, "%s\n%s", phrase(f), siblingLines(f.Siblings))
}

// copyLines writes a stream's lines as they come.
func (o *options) copyLines(cmd *cobra.Command, c *remote.Client, q protocol.Query) error {
	found := false
	for line, err := range c.Lines(cmd.Context(), q) {
		if err != nil {
			return err
		}
		found = true
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line); err != nil {
			return err
		}
	}
	if !found {
		return notFound(q)
	}
	return nil
}

func notFound(q protocol.Query) error {
	if q.Field != "" {
		return fmt.Errorf("document %q has nothing at %q", q.Doc, q.Field)
	}
	return fmt.Errorf("there is no document %q", q.Doc)
}

// bare returns text without its quotes, and anything else as JSON.
func bare(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
