package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// ErrInUpdate means that something was to be read inside an Update: its writes
// are sent when it ends, and there is nothing to read before.
var ErrInUpdate = errors.New("remote: read inside an Update; read before it")

// Doc is a handle on a document.
type Doc struct {
	fields
}

// Name returns the document's name.
func (d *Doc) Name() string { return d.doc }

// Update collects the writes that fn makes through tx and sends them as one atomic
// group: every replica and every watcher sees all of them or none. If fn returns
// an error nothing is sent. fn must not read through tx.
func (d *Doc) Update(ctx context.Context, fn func(tx *Tx) error) error {
	t := d.target
	t.tx = &group{}
	if err := fn(&Tx{fields{target: t}}); err != nil {
		return err
	}
	if len(t.tx.writes) == 0 {
		return nil
	}
	return d.send(ctx, t.tx.writes...)
}

// Delete removes all that the replica that answers has observed in the document.
// What others write concurrently stays. It is one atomic group, which bounds it to
// documents of some 40,000 fields; above that it is joinery.ErrTooLarge.
func (d *Doc) Delete(ctx context.Context) error {
	return d.write(ctx, protocol.Write{Do: protocol.DoDelete})
}

// Expire makes the whole document expire; see joinery.Doc.Expire.
func (d *Doc) Expire(ctx context.Context, ttl time.Duration) error {
	return d.write(ctx, protocol.Write{Do: protocol.DoExpire, TTLMS: millis(ttl)})
}

// Exists reports whether there is any field in the document.
func (d *Doc) Exists(ctx context.Context) (bool, error) {
	lines, err := d.lines(ctx, protocol.Query{Limit: 1})
	return len(lines) > 0, err
}

// Fields yields what is in the document, in the order of paths, as of one moment.
// An error is the last that it yields. Raw is set in each, to be read with
// joinery.Decode.
func (d *Doc) Fields(ctx context.Context) iter.Seq2[joinery.Field, error] { return d.FieldsAt(ctx) }

// FieldsAt yields what Fields would of a field, map or set, whichever the path names.
func (d *Doc) FieldsAt(ctx context.Context, path ...string) iter.Seq2[joinery.Field, error] {
	return func(yield func(joinery.Field, error) bool) {
		for line, err := range d.query(ctx, protocol.Query{Field: protocol.JoinPath(path)}) {
			f, err := fieldOf(&line, err)
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// FieldPage returns a page of fields, as joinery's Doc.FieldPage does: for back ends
// that show large documents piece by piece, and keep nothing in between. Raw is
// set in each field, to be read with joinery.Decode.
func (d *Doc) FieldPage(ctx context.Context, q joinery.FieldRange) (p joinery.FieldPage, err error) {
	if q.Limit < 1 {
		return p, fmt.Errorf("%w: a page of %d fields", joinery.ErrConfig, q.Limit)
	}
	lines, err := d.lines(ctx, protocol.Query{Field: protocol.JoinPath(q.Path), Prefix: q.Prefix, From: q.After, Limit: q.Limit})
	for i := range lines {
		f, err := fieldOf(&lines[i], err)
		if err != nil {
			return joinery.FieldPage{}, err
		}
		p.Fields, p.Next = append(p.Fields, f), lines[i].Cursor
	}
	return p, err
}

// Tx is a document inside an Update, to be written to.
type Tx struct {
	fields
}

// Delete is Doc.Delete as part of the group.
func (tx *Tx) Delete(ctx context.Context) error {
	return tx.write(ctx, protocol.Write{Do: protocol.DoDelete})
}

// target is where handles read and write.
type target struct {
	client  *Client
	session *Session // nil: reads follow nothing
	doc     string
	tx      *group // inside an Update
}

// group is the writes of an Update.
type group struct {
	writes []protocol.Write
}

// write sends one write, or keeps it for the group.
func (t target) write(ctx context.Context, w protocol.Write) error {
	if t.tx != nil {
		t.tx.writes = append(t.tx.writes, w)
		return ctx.Err()
	}
	return t.send(ctx, w)
}

func (t target) send(ctx context.Context, writes ...protocol.Write) error {
	g := protocol.Group{Doc: t.doc, Writes: writes, Position: t.session != nil, After: t.session.after(t.doc, t.client)}
	out, err := t.client.Write(ctx, g)
	if err != nil {
		return fmt.Errorf("document %q: %w", t.doc, err)
	}
	return t.session.saw(t.doc, out.Position)
}

// query yields the lines about fields of the document.
func (t target) query(ctx context.Context, q protocol.Query) iter.Seq2[protocol.Field, error] {
	return func(yield func(protocol.Field, error) bool) {
		if t.tx != nil {
			yield(protocol.Field{}, ErrInUpdate)
			return
		}
		q.Kind, q.Doc, q.Raw, q.Position, q.After = protocol.Fields, t.doc, true, t.session != nil, t.session.after(t.doc, t.client)
		saw := func(position string) error { return t.session.saw(t.doc, position) }
		for line, err := range t.client.fieldLines(ctx, q, saw) {
			if err != nil {
				err = fmt.Errorf("document %q: %w", t.doc, err)
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// lines is query for a few lines.
func (t target) lines(ctx context.Context, q protocol.Query) (out []protocol.Field, err error) {
	for line, err := range t.query(ctx, q) {
		if err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	return out, nil
}

// fields makes handles on what is in a document or map.
type fields struct {
	target
	path []string
}

func (f fields) below(name string) []string { return append(f.path[:len(f.path):len(f.path)], name) }

func (f fields) field(kind joinery.Kind, name string) field {
	return field{f.target, kind, f.below(name)}
}

// Register returns a handle on the register of this name.
func (f fields) Register(name string) Register { return Register{f.field(joinery.KindRegister, name)} }

// Counter returns a handle on the counter of this name.
func (f fields) Counter(name string) Counter { return Counter{f.field(joinery.KindCounter, name)} }

// Set returns a handle on the add-wins set of this name.
func (f fields) Set(name string) Set { return Set{elements{f.field(joinery.KindElement, name)}} }

// RemoveWinsSet returns a handle on the remove-wins set of this name.
func (f fields) RemoveWinsSet(name string) RemoveWinsSet {
	return RemoveWinsSet{elements{f.field(joinery.KindRemoveWins, name)}}
}

// Flag returns a handle on the enable-wins flag of this name.
func (f fields) Flag(name string) Flag { return Flag{f.field(joinery.KindFlag, name)} }

// DisableWinsFlag returns a handle on the disable-wins flag of this name.
func (f fields) DisableWinsFlag(name string) DisableWinsFlag {
	return DisableWinsFlag{Flag{f.field(joinery.KindDisableWinsFlag, name)}}
}

// Map returns a handle on the map of this name, which holds fields of any type.
func (f fields) Map(name string) Map { return Map{fields{f.target, f.below(name)}} }

// LWWMap returns a handle on the last-writer-wins map of this name.
func (f fields) LWWMap(name string) LWWMap { return LWWMap{f.field(joinery.KindEntry, name)} }

// Map is a map of fields of any type.
type Map struct {
	fields
}

// Remove removes all that the replica that answers has observed in the map.
func (m Map) Remove(ctx context.Context) error {
	return m.write(ctx, protocol.Write{Do: protocol.DoRemove, Kind: "map", Field: protocol.JoinPath(m.path)})
}

// field is a place in a document.
type field struct {
	target
	kind joinery.Kind
	path []string
}

// Name returns the field's name.
func (f field) Name() string { return f.path[len(f.path)-1] }

// named refuses the one field that the service has no word for.
func (f field) named() error {
	if len(f.path) == 1 && f.path[0] == "" {
		return fmt.Errorf("remote: document %q: %w: a field without a name", f.doc, joinery.ErrName)
	}
	return nil
}

// do writes to the field.
func (f field) do(ctx context.Context, do string, w protocol.Write) error {
	if err := f.named(); err != nil {
		return err
	}
	w.Do, w.Kind, w.Field = do, f.kind.String(), protocol.JoinPath(f.path)
	return f.write(ctx, w)
}

// exactly returns what is at the field itself.
func (f field) exactly(ctx context.Context, siblings bool) (line protocol.Field, ok bool, err error) {
	if err := f.named(); err != nil {
		return line, false, err
	}
	q := protocol.Query{Field: protocol.JoinPath(f.path), Exact: true, Only: f.kind.String(), Siblings: siblings}
	lines, err := f.lines(ctx, q)
	if err != nil || len(lines) == 0 {
		return line, false, err
	}
	return lines[0], true, nil
}

// fieldOf turns a line into what the package joinery has for it.
func fieldOf(line *protocol.Field, err error) (f joinery.Field, _ error) {
	if err != nil {
		return f, err
	}
	f = joinery.Field{Kind: protocol.ParseKind(line.Kind), Exists: !line.Removed, Siblings: max(line.Count, 1)}
	if line.Field != "" {
		f.Path = protocol.SplitPath(line.Field)
	}
	if f.Kind != joinery.KindRegister && f.Kind != joinery.KindEntry {
		f.Siblings = 0
	}
	if line.Origin != "" {
		if f.Origin, err = joinery.ParseID(line.Origin); err != nil {
			return f, fmt.Errorf("remote: answer is not understood: %w", err)
		}
	}
	return f, decodeField(&f, line.Value)
}

// decodeField fills in the value.
func decodeField(f *joinery.Field, value json.RawMessage) (err error) {
	if value == nil {
		return nil
	}
	if f.Raw, err = protocol.DecodeRaw(value); err != nil {
		return fmt.Errorf("remote: answer is not understood: %w", err)
	}
	f.Value, f.Err = joinery.Decode[any](f.Raw)
	return nil
}
