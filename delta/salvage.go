package delta

import (
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Salvage puts the payloads that stand whole in the beginning of a frame of a state
// into s, by their dots: see [wire.Salvage]. The frame's checksum is not looked at,
// as it is of the whole; whoever has the beginning must know that it is sound.
func (d Delta) Salvage(s *kernel.State) {
	head := 0
	switch {
	case len(d) == 0:
	case d[0] == ext8:
		head = 3
	case d[0] == ext16:
		head = 4
	case d[0] == ext32:
		head = 6
	}
	if head == 0 || len(d) < head+bodyOffset || d[head-1] != family|version || d[head]&^formBits != 0 {
		return
	}
	wire.Salvage(s, wire.Form(d[head]), d[head+bodyOffset:])
}
