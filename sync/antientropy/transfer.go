package antientropy

import (
	"time"

	"github.com/joinery-crdt/joinery/delta"
)

// offerAge is after how long without a request a transfer is not offered any more.
const offerAge = 10 * time.Minute

// Outgoing holds the transfers that others may fetch, each a copy of what was
// known at one moment. Those longest unused give way, and go after ten minutes.
type Outgoing struct {
	// MaxBytes bounds all transfers together; the newest is always kept.
	MaxBytes int

	order []*Offer // least recently used first
	bytes int
}

// Offer is a transfer that others may fetch.
type Offer struct {
	ID     uint64
	Doc    string
	Have   uint64 // hash of the context of whoever it was made for; 0 is not to be found
	Digest uint64 // of the document as it was then
	Data   delta.Delta

	used time.Time
}

// Find returns the transfer of a document for somebody who has seen what have
// is the hash of. Whoever asks again, because the answer was lost, gets the
// same one. It must have something new for such a receiver.
func (o *Outgoing) Find(doc string, have uint64, now time.Time) (Offer, bool) {
	o.Expire(now)
	for _, t := range o.order {
		if t.Doc == doc && t.Have == have && have != 0 {
			return *t, true
		}
	}
	return Offer{}, false
}

// Add offers a transfer.
func (o *Outgoing) Add(t Offer, now time.Time) {
	o.Expire(now)
	t.used = now
	o.order = append(o.order, &t)
	o.bytes += len(t.Data)
	for o.bytes > o.MaxBytes && len(o.order) > 1 {
		o.drop()
	}
}

// Expire drops what nobody has asked for in a long time.
func (o *Outgoing) Expire(now time.Time) {
	for len(o.order) > 0 && now.Sub(o.order[0].used) > offerAge {
		o.drop()
	}
}

// drop forgets the transfer longest unused.
func (o *Outgoing) drop() {
	o.bytes -= len(o.order[0].Data)
	o.order[0] = nil
	o.order = o.order[1:]
}

// Len returns how many transfers are offered, and their bytes.
func (o *Outgoing) Len() (offers, bytes int) { return len(o.order), o.bytes }

// Read returns up to n bytes of a transfer, nil if it is not offered any more
// or ends before offset.
func (o *Outgoing) Read(id, offset uint64, n int, now time.Time) []byte {
	for i, t := range o.order {
		if t.ID != id {
			continue
		}
		t.used = now
		copy(o.order[i:], o.order[i+1:])
		o.order[len(o.order)-1] = t
		if offset >= uint64(len(t.Data)) {
			return nil
		}
		return t.Data[offset:min(offset+uint64(n), uint64(len(t.Data)))]
	}
	return nil
}

// window is how many chunks are asked for ahead.
const window = 4

// Incoming stages a transfer. Nothing of it counts before all is there.
type Incoming struct {
	ID   uint64
	Size uint64

	data  []byte
	ahead map[uint64][]byte // chunks that came too early
	asked uint64            // offset up to which chunks were asked for
	chunk uint64            // size of a chunk, as the first one shows
}

// Next returns the offsets to fetch now. The first is where the data ends;
// more follow when the size of chunks is known.
func (in *Incoming) Next() (offsets []uint64) {
	have := uint64(len(in.data))
	if in.chunk == 0 {
		in.asked = have
		return []uint64{have}
	}
	in.asked = max(in.asked, have)
	for in.asked < in.Size && in.asked < have+window*in.chunk {
		offsets = append(offsets, in.asked)
		in.asked += in.chunk
	}
	return offsets
}

// Restart forgets what was asked for and not answered.
func (in *Incoming) Restart() { in.asked = uint64(len(in.data)) }

// Put takes a chunk and reports whether the transfer is complete. Chunks that
// do not belong are ignored.
func (in *Incoming) Put(offset uint64, data []byte) bool {
	have := uint64(len(in.data))
	if len(data) == 0 || offset < have || offset > in.Size || uint64(len(data)) > in.Size-offset {
		return in.Done()
	}
	if in.chunk == 0 {
		in.chunk = uint64(len(data))
		in.asked = offset + in.chunk
	}
	if offset > have {
		if in.ahead == nil {
			in.ahead = make(map[uint64][]byte)
		}
		if len(in.ahead) < window {
			in.ahead[offset] = append([]byte(nil), data...)
		}
		return false
	}
	in.data = append(in.data, data...)
	for more, ok := in.ahead[uint64(len(in.data))]; ok; more, ok = in.ahead[uint64(len(in.data))] {
		delete(in.ahead, uint64(len(in.data)))
		in.data = append(in.data, more...)
	}
	return in.Done()
}

// Received returns how many bytes are there.
func (in *Incoming) Received() uint64 { return uint64(len(in.data)) }

// Done reports whether all is there.
func (in *Incoming) Done() bool { return uint64(len(in.data)) == in.Size && in.Size > 0 }

// Data returns what is there of it, from its beginning.
func (in *Incoming) Data() []byte { return in.data }

// Delta returns the complete transfer.
func (in *Incoming) Delta() delta.Delta { return in.data }
