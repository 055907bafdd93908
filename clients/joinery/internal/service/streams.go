package service

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/record"
	"github.com/joinery-crdt/joinery/sync/message"
)

// producer makes the lines of a stream until emit returns false. An error goes to
// the client in place of the end.
type producer func(ctx context.Context, emit func([]byte) bool) error

func (s *Server) producer(q *Query) (producer, error) {
	if q.Doc == "" {
		if err := message.CheckPattern(q.Pattern); err != nil {
			return nil, err
		}
	}
	switch q.Kind {
	case Documents:
		return s.always(q, s.documents), nil
	case Fields:
		return s.always(q, s.fields), nil
	case Conflicts:
		return s.always(q, s.conflicts), nil
	case Watch:
		return func(ctx context.Context, emit func([]byte) bool) error {
			s.watch(ctx, q, emit)
			return nil
		}, nil
	}
	return nil, refuse(CodeBad, "there is no stream of kind %q", q.Kind)
}

// always makes a producer of a reader that does not fail.
func (s *Server) always(q *Query, read func(*Query, func([]byte) bool)) producer {
	return func(_ context.Context, emit func([]byte) bool) error {
		read(q, emit)
		return nil
	}
}

func (s *Server) documents(q *Query, emit func([]byte) bool) {
	if q.Doc != "" {
		emitAll(record.Lines(q.Doc, s.replica.Doc(q.Doc).FieldsAt(pathOf(q.Field)...)), emit)
		return
	}
	for name := range s.replica.Docs(q.Pattern) {
		if !emitAll(record.Lines(name, s.replica.Doc(name).Fields()), emit) {
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
	return record.SplitPath(field)
}

func (s *Server) fields(q *Query, emit func([]byte) bool) {
	d := s.replica.Doc(q.Doc)
	for f := range fieldsOf(d, q) {
		line := lineOf(q.Doc, &f)
		if q.Siblings {
			line.Siblings = s.siblings(d, &f)
		}
		if !emit(record.AppendJSON(nil, line)) {
			return
		}
	}
}

func fieldsOf(d *joinery.Doc, q *Query) iter.Seq[joinery.Field] {
	if q.Exact && q.Field != "" {
		return slices.Values(exactly(d, q.Field))
	}
	return d.FieldsAt(pathOf(q.Field)...)
}

func (s *Server) conflicts(q *Query, emit func([]byte) bool) {
	for c := range s.replica.Conflicts(q.Pattern) {
		f := joinery.Field{Path: c.Path, Kind: c.Kind, Exists: true}
		line := lineOf(c.Doc, &f)
		line.Value = nil
		line.Siblings = s.siblings(s.replica.Doc(c.Doc), &f)
		line.Count = len(line.Siblings)
		if line.Count > 1 && !emit(record.AppendJSON(nil, line)) {
			return
		}
	}
}

func (s *Server) watch(ctx context.Context, q *Query, emit func([]byte) bool) {
	var opts []joinery.WatchOption
	if q.UpdatesOnly {
		opts = append(opts, joinery.UpdatesOnly())
	}
	for ev, err := range s.replica.Watch(ctx, q.Pattern, opts...) {
		if err != nil {
			return
		}
		line := Field{Gap: true}
		if !ev.Gap {
			line = *lineOf(ev.Doc, &ev.Field)
			line.Snapshot = ev.Snapshot
		}
		if !emit(record.AppendJSON(nil, &line)) {
			return
		}
	}
}

// lineOf describes a field.
func lineOf(doc string, f *joinery.Field) *Field {
	line := &Field{Doc: doc, Field: record.JoinPath(f.Path), Kind: f.Kind.String(), Removed: !f.Exists}
	if f.Siblings > 1 {
		line.Count = f.Siblings
	}
	isElement := f.Kind == joinery.KindElement || f.Kind == joinery.KindRemoveWins
	if f.Exists || isElement {
		line.Value = json.RawMessage(record.FormatValue(valueOf(f)))
	}
	return line
}

func valueOf(f *joinery.Field) any {
	if f.Err != nil {
		return msgpack.RawMessage(f.Raw)
	}
	return f.Value
}

// siblings returns what lives at a register or entry, the winner first.
func (s *Server) siblings(d *joinery.Doc, f *joinery.Field) (out []Sibling) {
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
		one := Sibling{Deleted: v.Deleted, Replica: v.Replica.String(), Time: v.Time.UTC(), Context: v.Context.String()}
		if !v.Deleted {
			one.Value = json.RawMessage(record.FormatRaw(v.Value))
		}
		out = append(out, one)
	}
	return out
}
