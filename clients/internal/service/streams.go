package service

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/message"
)

// producer makes the lines of a stream until emit returns false. An error goes to
// the client in place of the end.
type producer func(ctx context.Context, emit func([]byte) bool) error

func (s *Server) producer(q *protocol.Query) (producer, error) {
	if q.Doc == "" {
		if err := message.CheckPattern(q.Pattern); err != nil {
			return nil, err
		}
	}
	switch q.Kind {
	case protocol.Documents:
		return always(q, s.documents), nil
	case protocol.Names:
		return always(q, s.names), nil
	case protocol.Fields:
		return s.fieldsProducer(q)
	case protocol.Conflicts:
		return always(q, s.conflicts), nil
	case protocol.Watch:
		return func(ctx context.Context, emit func([]byte) bool) error {
			s.watch(ctx, q, emit)
			return nil
		}, nil
	}
	return nil, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "there is no stream of kind %q", q.Kind)
}

// always makes a producer of a reader that does not fail.
func always(q *protocol.Query, read func(*protocol.Query, func([]byte) bool)) producer {
	return func(_ context.Context, emit func([]byte) bool) error {
		left := q.Limit
		read(q, func(line []byte) bool {
			left--
			return emit(line) && left != 0
		})
		return nil
	}
}

func (s *Server) documents(q *protocol.Query, emit func([]byte) bool) {
	if q.Doc != "" {
		emitAll(record.Lines(s.replica.Doc(q.Doc), s.replica.Doc(q.Doc).FieldsAt(pathOf(q.Field)...)), emit)
		return
	}
	for name := range s.replica.Docs(q.Pattern, joinery.After(q.From)) {
		if !emitAll(record.Lines(s.replica.Doc(name), s.replica.Doc(name).Fields()), emit) {
			return
		}
	}
}

func (s *Server) names(q *protocol.Query, emit func([]byte) bool) {
	for name := range s.replica.Docs(q.Pattern, joinery.After(q.From), joinery.Limit(q.Limit)) {
		if !emit(record.AppendJSON(nil, &protocol.Field{Doc: name})) {
			return
		}
	}
}

func emitAll(lines iter.Seq[[]byte], emit func([]byte) bool) bool {
	for line := range lines {
		if !emit(line) {
			return false
		}
	}
	return true
}

// pathOf returns the path of a field, of the document itself if it is "".
func pathOf(field string) []string {
	if field == "" {
		return nil
	}
	return protocol.SplitPath(field)
}

func (s *Server) conflicts(q *protocol.Query, emit func([]byte) bool) {
	for c := range s.replica.Conflicts(q.Pattern) {
		f := joinery.Field{Path: c.Path, Kind: c.Kind, Exists: true}
		line := lineOf(c.Doc, &f, q.Raw)
		line.Value = nil
		line.Siblings = siblings(s.replica.Doc(c.Doc), &f, q.Raw)
		line.Count = len(line.Siblings)
		if line.Count > 1 && !emit(record.AppendJSON(nil, line)) {
			return
		}
	}
}

func (s *Server) watch(ctx context.Context, q *protocol.Query, emit func([]byte) bool) {
	var opts []joinery.WatchOption
	if q.UpdatesOnly {
		opts = append(opts, joinery.UpdatesOnly())
	}
	if q.OldValues {
		opts = append(opts, joinery.OldValues())
	}
	for ev, err := range s.replica.Watch(ctx, q.Pattern, opts...) {
		if err != nil || !emit(record.AppendJSON(nil, eventLine(&ev, q.Raw))) {
			return
		}
	}
}

func eventLine(ev *joinery.Event, raw bool) *protocol.Field {
	if ev.Gap {
		return &protocol.Field{Gap: true}
	}
	line := lineOf(ev.Doc, &ev.Field, raw)
	line.Snapshot, line.Skipped = ev.Snapshot, ev.Skipped
	if ev.Old != nil {
		line.Old = lineOf("", ev.Old, raw)
		line.Old.Field, line.Old.Kind = "", ""
	}
	return line
}

// lineOf describes a field.
func lineOf(doc string, f *joinery.Field, raw bool) *protocol.Field {
	line := &protocol.Field{Doc: doc, Field: protocol.JoinPath(f.Path), Kind: f.Kind.String(), Removed: !f.Exists}
	if f.Siblings > 1 {
		line.Count = f.Siblings
	}
	if !f.Origin.IsZero() {
		line.Origin = f.Origin.String()
	}
	isElement := f.Kind == joinery.KindElement || f.Kind == joinery.KindRemoveWins
	if f.Exists || isElement {
		line.Value = formatField(f, raw)
	}
	return line
}

func formatField(f *joinery.Field, raw bool) json.RawMessage {
	encoded := f.Encoded()
	if raw && encoded == nil {
		encoded, _ = joinery.Encode(f.Value) // a number or a truth value
	}
	if raw {
		return protocol.EncodeRaw(encoded)
	}
	if f.Err != nil {
		return json.RawMessage(record.FormatValue(msgpack.RawMessage(f.Raw)))
	}
	return json.RawMessage(record.FormatValue(f.Value))
}

func formatEncoded(b []byte, raw bool) json.RawMessage {
	if raw {
		return protocol.EncodeRaw(b)
	}
	return json.RawMessage(record.FormatRaw(b))
}

// siblings returns what lives at a register or entry, the winner first.
func siblings(d *joinery.Doc, f *joinery.Field, raw bool) (out []protocol.Sibling) {
	var at joinery.Cell
	last := len(f.Path) - 1
	switch f.Kind {
	case joinery.KindRegister:
		at = record.Within(d, f.Path[:last]).Register(f.Path[last])
	case joinery.KindEntry:
		at = record.Within(d, f.Path[:last-1]).LWWMap(f.Path[last-1]).Entry(f.Path[last])
	default:
		return nil
	}
	all, err := joinery.Siblings[msgpack.RawMessage](at)
	if err != nil {
		return nil
	}
	for _, v := range all {
		one := protocol.Sibling{Deleted: v.Deleted, Replica: v.Replica.String(), Time: v.Time.UTC(), Context: v.Context.String()}
		if !v.Deleted {
			one.Value = formatEncoded(v.Value, raw)
		}
		out = append(out, one)
	}
	return out
}
