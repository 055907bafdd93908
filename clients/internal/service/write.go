package service

import (
	"context"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// write carries out a group, once if the request has a name.
func (s *Server) write(g *protocol.Group) (out protocol.Written, err error) {
	steps, err := parseWrites(g.Writes)
	if err != nil {
		return out, err
	}
	if err := s.await(g.Doc, &g.After); err != nil {
		return out, err
	}
	d := s.replica.Doc(g.Doc)
	fn := func(tx *joinery.Tx) error { return steps.apply(s.writing, tx, &out) }
	if g.Request == nil {
		err = d.Update(s.writing, fn)
	} else {
		out.Repeated, err = s.once(d, g.Request, fn)
	}
	if err == nil && out.Repeated {
		d.View(func(tx *joinery.Tx) { steps.read(tx, &out) })
	}
	if err == nil && g.Position {
		out.Position = position(d)
	}
	return out, err
}

// position returns a document's position, "" if it is too long to be sent back.
func position(d *joinery.Doc) string {
	text := d.Position().String()
	if len(text) > joinery.MaxPosition {
		return ""
	}
	return text
}

// once carries out a request that has a name, unless it was sent to another
// replica at first, or to this one in another life: whether that one has carried it
// out can be seen, but not that it has not.
func (s *Server) once(d *joinery.Doc, n *protocol.Named, fn func(*joinery.Tx) error) (bool, error) {
	req, err := requestOf(n)
	if err != nil {
		return false, err
	}
	if actor := s.replica.Actor(); n.Actor != actor {
		seen, err := d.Seen(req)
		if err == nil && !seen {
			err = protocol.Refuse(protocol.CodeConflict, protocol.KindActor, "the request was sent to %q at first, this is %s", n.Actor, actor)
		}
		return seen, err
	}
	return d.Once(s.writing, req, fn)
}

func requestOf(n *protocol.Named) (joinery.Request, error) {
	id, err := joinery.ParseID(n.Client)
	if err != nil {
		return joinery.Request{}, badRequest(err)
	}
	if id == (joinery.ID{}) || n.Number == 0 {
		return joinery.Request{}, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "a request needs a client and a number from 1")
	}
	return joinery.Request{Client: id, Number: n.Number}, nil
}

func (s *Server) seen(q *protocol.Question) (out protocol.Seen, err error) {
	req, err := requestOf(&q.Request)
	if err != nil {
		return out, err
	}
	d := s.replica.Doc(q.Doc)
	if out.Seen, err = d.Seen(req); err == nil && out.Seen && q.Position {
		out.Position = position(d)
	}
	return out, err
}

// await returns when the replica has seen what a client has.
func (s *Server) await(doc string, a *protocol.After) error {
	if len(a.After) > maxAfter {
		return protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "%d positions, the limit is %d", len(a.After), maxAfter)
	}
	ctx, cancel := context.WithTimeout(s.writing, min(time.Duration(a.WaitMS)*time.Millisecond, protocol.LongWait))
	defer cancel()
	for _, text := range a.After {
		p, err := joinery.ParsePosition(text)
		if err == nil {
			err = s.replica.Doc(doc).Await(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step is one write, checked.
type step struct {
	*protocol.Write
	do    func(*step, context.Context, *joinery.Tx) (int, error)
	path  []string
	value any
	elems []any
	opts  []joinery.Option
}

type steps []step

// apply carries out the writes.
func (all steps) apply(ctx context.Context, tx *joinery.Tx, out *protocol.Written) error {
	out.Results = make([]protocol.Result, len(all))
	for i := range all {
		n, err := all[i].do(&all[i], ctx, tx)
		if err != nil {
			return err
		}
		out.Results[i].Changed = n
	}
	all.read(tx, out)
	return nil
}

// read fills in what counters are after all that.
func (all steps) read(tx *joinery.Tx, out *protocol.Written) {
	if out.Results == nil {
		out.Results = make([]protocol.Result, len(all))
	}
	for i := range all {
		if all[i].Do == protocol.DoInc {
			n := all[i].in(tx).Counter(all[i].name()).Value()
			out.Results[i].Value = &n
		}
	}
}

// in returns the map that the field is in.
func (w *step) in(tx *joinery.Tx) record.Container {
	return record.Within(tx, w.path[:len(w.path)-1])
}

func (w *step) name() string { return w.path[len(w.path)-1] }

// lww returns the LWW map whose entry the field is.
func (w *step) lww(tx *joinery.Tx) joinery.LWWMap {
	last := len(w.path) - 2
	return record.Within(tx, w.path[:last]).LWWMap(w.path[last])
}
