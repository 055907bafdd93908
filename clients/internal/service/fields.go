package service

import (
	"context"
	"iter"
	"slices"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// fieldsProducer makes the lines about the fields of a document.
func (s *Server) fieldsProducer(q *protocol.Query) (producer, error) {
	elems, err := parseElements(q.Elements)
	if err != nil {
		return nil, badRequest(err)
	}
	isSet := q.Only == joinery.KindElement.String() || q.Only == joinery.KindRemoveWins.String()
	if len(elems) > 0 && (!isSet || q.Field == "") {
		return nil, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "elements need the field and the kind of a set")
	}
	if q.Only == "" && len(elems) == 0 && !q.Exact && (q.Limit > 0 || q.From != "" || q.Prefix != "") {
		return func(_ context.Context, emit func([]byte) bool) error { return s.fieldPage(q, emit) }, nil
	}
	if q.From != "" || q.Prefix != "" {
		return nil, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "from and prefix exclude only, elements and exact")
	}
	return func(ctx context.Context, emit func([]byte) bool) error {
		return always(q, func(q *protocol.Query, emit func([]byte) bool) { s.fields(q, elems, emit) })(ctx, emit)
	}, nil
}

// fieldPage makes the lines of a page of fields.
func (s *Server) fieldPage(q *protocol.Query, emit func([]byte) bool) error {
	d := s.replica.Doc(q.Doc)
	p, err := d.FieldPage(joinery.FieldRange{Path: pathOf(q.Field), Prefix: q.Prefix, After: q.From, Limit: q.Limit})
	if err != nil {
		return badRequest(err)
	}
	for i := range p.Fields {
		line := s.fieldLine(d, &p.Fields[i], q)
		if i == len(p.Fields)-1 {
			line.Cursor = p.Next
		}
		if !emit(record.AppendJSON(nil, line)) {
			break
		}
	}
	return nil
}

func (s *Server) fieldLine(d *joinery.Doc, f *joinery.Field, q *protocol.Query) *protocol.Field {
	line := lineOf(q.Doc, f, q.Raw)
	if q.Siblings {
		line.Siblings = siblings(d, f, q.Raw)
	}
	return line
}

func (s *Server) fields(q *protocol.Query, elems []any, emit func([]byte) bool) {
	d := s.replica.Doc(q.Doc)
	for f := range fieldsOf(d, q, elems) {
		if q.Only != "" && q.Only != f.Kind.String() {
			continue
		}
		if !emit(record.AppendJSON(nil, s.fieldLine(d, &f, q))) {
			return
		}
	}
}

func fieldsOf(d *joinery.Doc, q *protocol.Query, elems []any) iter.Seq[joinery.Field] {
	switch {
	case len(elems) > 0:
		return members(d, q, elems)
	case q.Exact && q.Field != "":
		return slices.Values(exactly(d, q.Field, q.Siblings))
	}
	return d.FieldsAt(pathOf(q.Field)...)
}

// members yields those of some elements that are in a set, without a look at the
// others.
func members(d *joinery.Doc, q *protocol.Query, elems []any) iter.Seq[joinery.Field] {
	return func(yield func(joinery.Field) bool) {
		around, name := split(q.Field)
		in, kind := record.Within(d, around), protocol.ParseKind(q.Only)
		for _, e := range elems {
			there := in.Set(name).Contains(e)
			if kind == joinery.KindRemoveWins {
				there = in.RemoveWinsSet(name).Contains(e)
			}
			if there && !yield(joinery.Field{Path: protocol.SplitPath(q.Field), Kind: kind, Value: e, Exists: true}) {
				return
			}
		}
	}
}
