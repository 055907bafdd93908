package service

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// exactly returns what is at a field itself: register, counter, flags, entry of
// an LWW map. It looks at these places alone, so that it answers while the rest
// of a large document is still being loaded. A counter of 0 and a flag that is
// off are left out, and deletions unless they are asked for.
func exactly(d *joinery.Doc, field string, deleted bool) (out []joinery.Field) {
	path := protocol.SplitPath(field)
	around, name := split(field)
	add := func(kind joinery.Kind, value any, there bool) {
		if there {
			out = append(out, joinery.Field{Path: path, Kind: kind, Value: value, Exists: true})
		}
	}
	in := record.Within(d, around)
	for _, at := range cells(d, field) {
		if f, ok := cellField(at, path, deleted); ok {
			out = append(out, f)
		}
	}
	if n := in.Counter(name).Value(); n != 0 {
		add(joinery.KindCounter, n, true)
	}
	add(joinery.KindFlag, true, in.Flag(name).Enabled())
	add(joinery.KindDisableWinsFlag, true, in.DisableWinsFlag(name).Enabled())
	return out
}

// cellField describes what is at a register or entry, deletions only if they are
// asked for.
func cellField(at cell, path []string, deleted bool) (f joinery.Field, ok bool) {
	all, err := joinery.Siblings[msgpack.RawMessage](at)
	if err != nil || len(all) == 0 || all[0].Deleted && !deleted {
		return f, false
	}
	f = joinery.Field{Path: path, Kind: joinery.KindRegister, Exists: !all[0].Deleted, Siblings: len(all), Origin: all[0].Replica, Raw: all[0].Value}
	if _, ok := at.(joinery.Entry); ok {
		f.Kind = joinery.KindEntry
	}
	if decoded, err := joinery.Siblings[any](at); err == nil && len(decoded) > 0 {
		f.Value = decoded[0].Value
	} else {
		f.Err = err
	}
	return f, true
}
