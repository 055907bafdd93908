package service

import (
	"context"
	"encoding/json"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// verb is what can be done to a kind of field.
type verb struct{ kind, do string }

// plain makes a step of a function that counts nothing.
func plain(do func(*step, context.Context, *joinery.Tx) error) func(*step, context.Context, *joinery.Tx) (int, error) {
	return func(w *step, ctx context.Context, tx *joinery.Tx) (int, error) { return 0, do(w, ctx, tx) }
}

var verbs = map[verb]func(*step, context.Context, *joinery.Tx) (int, error){
	{"register", protocol.DoSet}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Register(w.name()).Set(ctx, w.value, w.opts...)
	}),
	{"register", protocol.DoRemove}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Register(w.name()).Remove(ctx, w.opts...)
	}),
	{"lww-map", protocol.DoSet}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.lww(tx).Put(ctx, w.name(), w.value, w.opts...)
	}),
	{"lww-map", protocol.DoRemove}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.lww(tx).Delete(ctx, w.name(), w.opts...)
	}),
	{"counter", protocol.DoInc}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Counter(w.name()).Inc(ctx, w.By)
	}),
	{"counter", protocol.DoRemove}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Counter(w.name()).Remove(ctx)
	}),
	{"set", protocol.DoAdd}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		if w.TTLMS > 0 {
			return w.in(tx).Set(w.name()).AddFor(ctx, w.ttl(), w.elems...)
		}
		return w.in(tx).Set(w.name()).Add(ctx, w.elems...)
	}),
	{"set", protocol.DoRemove}: (*step).removeElements,
	{"set", protocol.DoClear}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Set(w.name()).Clear(ctx)
	}),
	{"remove-wins-set", protocol.DoAdd}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		if w.TTLMS > 0 {
			return w.in(tx).RemoveWinsSet(w.name()).AddFor(ctx, w.ttl(), w.elems...)
		}
		return w.in(tx).RemoveWinsSet(w.name()).Add(ctx, w.elems...)
	}),
	{"remove-wins-set", protocol.DoRemove}: func(w *step, ctx context.Context, tx *joinery.Tx) (int, error) {
		return len(w.elems), w.in(tx).RemoveWinsSet(w.name()).Remove(ctx, w.elems...)
	},
	{"flag", protocol.DoEnable}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Flag(w.name()).Enable(ctx, w.opts...)
	}),
	{"flag", protocol.DoDisable}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Flag(w.name()).Disable(ctx)
	}),
	{"disable-wins-flag", protocol.DoEnable}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).DisableWinsFlag(w.name()).Enable(ctx, w.opts...)
	}),
	{"disable-wins-flag", protocol.DoDisable}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).DisableWinsFlag(w.name()).Disable(ctx)
	}),
	{"map", protocol.DoRemove}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error {
		return w.in(tx).Map(w.name()).Remove(ctx)
	}),
	{"", protocol.DoExpire}: plain(func(w *step, ctx context.Context, tx *joinery.Tx) error { return tx.Expire(ctx, w.ttl()) }),
	{"", protocol.DoDelete}: plain(func(_ *step, ctx context.Context, tx *joinery.Tx) error { return tx.Delete(ctx) }),
}

// removeElements takes elements out of a set and counts those that were in it.
func (w *step) removeElements(ctx context.Context, tx *joinery.Tx) (n int, err error) {
	set := w.in(tx).Set(w.name())
	for _, e := range w.elems {
		if set.Contains(e) {
			n++
		}
	}
	return n, set.Remove(ctx, w.elems...)
}

// parseWrites checks writes before the first is carried out.
func parseWrites(writes []protocol.Write) (steps, error) {
	if len(writes) == 0 || len(writes) > protocol.MaxWrites {
		return nil, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "%d writes, must be 1 to %d", len(writes), protocol.MaxWrites)
	}
	out := make(steps, len(writes))
	for i := range writes {
		out[i].Write = &writes[i]
		if err := out[i].parse(); err != nil {
			return nil, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "write %d: %v", i, err)
		}
	}
	return out, nil
}

func (w *step) parse() (err error) {
	w.do = verbs[verb{w.Kind, w.Do}]
	if w.path = protocol.SplitPath(w.Field); w.do == nil {
		return refuseVerb(w.Kind, w.Do)
	}
	if w.Kind == "lww-map" && len(w.path) < 2 {
		return refuseVerb("lww-map without a key", w.Do)
	}
	if w.Do == protocol.DoSet {
		if w.value, err = record.ParseValue(string(w.Value)); err != nil {
			return err
		}
	}
	if w.TTLMS < 0 || w.TTLMS > maxTTL {
		return protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "ttl_ms is %d, must be up to %d", w.TTLMS, maxTTL)
	}
	if w.TTLMS > 0 {
		w.opts = append(w.opts, joinery.TTL(w.ttl()))
	}
	if w.elems, err = parseElements(w.Elements); err != nil || w.Over == nil {
		return err
	}
	over, err := joinery.ParseContext(*w.Over)
	w.opts = append(w.opts, joinery.Over(over))
	return err
}

// maxTTL is some 100 years, in milliseconds.
const maxTTL int64 = 100 * 366 * 24 * 3600 * 1000

func (w *step) ttl() time.Duration { return time.Duration(w.TTLMS) * time.Millisecond }

func refuseVerb(kind, do string) error {
	return protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "there is no %q of a %q", do, kind)
}

func parseElements(texts []json.RawMessage) ([]any, error) {
	out := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = record.ParseValue(string(text)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
