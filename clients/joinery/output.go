package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// show writes a result, as a line of JSON or as text. No text is no line.
func (o *options) show(cmd *cobra.Command, result any, format string, args ...any) error {
	if o.json {
		_, err := cmd.OutOrStdout().Write(record.AppendJSON(nil, result))
		return err
	}
	if format == "" {
		return nil
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

// done is the result of a command that has nothing to tell but its success.
type done struct {
	Replica string `json:"replica"` // who did it
	Changed int    `json:"changed"`
}

// jsonOf reads a VALUE: JSON if it is JSON, otherwise text.
func jsonOf(arg string, text bool) json.RawMessage {
	if !text && json.Valid([]byte(arg)) {
		return json.RawMessage(arg)
	}
	return json.RawMessage(record.FormatValue(arg))
}

// phrase says in words what is in a field.
func phrase(f *protocol.Field) string {
	value := string(f.Value)
	switch {
	case f.Kind == "set" || f.Kind == "remove-wins-set":
		if f.Removed {
			return fmt.Sprintf("%s has no %s", f.Field, value)
		}
		return fmt.Sprintf("%s has %s", f.Field, value)
	case f.Removed:
		return f.Field + " removed"
	}
	text := fmt.Sprintf("%s = %s", f.Field, value)
	if f.Kind != "register" {
		text += "  (" + f.Kind + ")"
	}
	if f.Count > 1 {
		text += fmt.Sprintf("  (conflict: %d values)", f.Count)
	}
	return text
}

// siblingLines describes concurrent values, one a line.
func siblingLines(all []protocol.Sibling) string {
	var b strings.Builder
	for i, s := range all {
		value := string(s.Value)
		if s.Deleted {
			value = "deleted"
		}
		fmt.Fprintf(&b, "  %d. %s  by %s at %s\n", i+1, value, s.Replica, s.Time.Local().Format("2006-01-02 15:04:05.000"))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
