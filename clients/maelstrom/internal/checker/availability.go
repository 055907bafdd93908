package checker

import "github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"

// AvailabilityResult counts the operations on nodes that ran all the while.
type AvailabilityResult struct {
	Tried    int     `json:"tried"`
	OK       int     `json:"ok"`
	Fraction float64 `json:"fraction"`
	// PartedTried and PartedOK are those that began and ended while the node
	// was parted from another.
	PartedTried int  `json:"parted_tried"`
	PartedOK    int  `json:"parted_ok"`
	Valid       bool `json:"valid"`
}

// Availability judges operations of all kinds. Everything is local, so every
// single one must succeed.
func Availability(ops []history.Op, t *history.Timeline) (r AvailabilityResult) {
	for i := range ops {
		op := &ops[i]
		if t.Away(op.Node, op.Invoked, op.Completed) {
			continue
		}
		ok := 0
		if op.Outcome == history.OK {
			ok = 1
		}
		r.Tried++
		r.OK += ok
		if t.Parted(op.Node, op.Invoked, op.Completed) {
			r.PartedTried++
			r.PartedOK += ok
		}
	}
	if r.Tried > 0 {
		r.Fraction = float64(r.OK) / float64(r.Tried)
	}
	r.Valid = r.Tried > 0 && r.OK == r.Tried
	return r
}
