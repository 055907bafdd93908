package replica

import (
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/sync/consistency"
)

// Ticket names a request that waits for other replicas. 0 is none.
type Ticket uint64

// Outcome is the end of a request: its level was reached, or Err says why it
// never will be.
type Outcome struct {
	Ticket Ticket
	Err    error
	// Answered is how many owners answered, this replica among them if it is one.
	Answered int
	// Agreed is, of a read, how many of them held just what this replica now holds.
	Agreed int
}

// ErrBusy means that too many requests wait for other replicas.
var ErrBusy = errors.New("replica: too many requests wait for other replicas; let some of them end")

// maxInquiries bounds the requests that wait for other replicas.
const maxInquiries = 1 << 14

// quorums is what a replica knows of its requests that wait for others.
type quorums struct {
	inquiries  map[uint64]*inquiry // by what others answer to
	tickets    map[Ticket]*inquiry
	fresh      []*inquiry // not sent yet
	last       Ticket
	at         time.Time // when the first inquiry is due; zero: never
	voters     voters
	electorate func(doc string) consistency.View // in place of the membership, in tests
}

// Confirm asks the owners of a document to hold what this replica has written to
// it so far, and returns a ticket for when as many do as level asks; 0 if that
// is so already. The error is consistency.ErrTooFew or ErrBusy. Nothing is
// taken back if the level is not reached.
func (r *Replica) Confirm(now time.Time, doc string, level consistency.Level) (Ticket, error) {
	r.advance(now)
	d := r.docs[doc]
	if d == nil || level == consistency.Local {
		return 0, nil
	}
	for _, q := range r.quorums.fresh { // what is flushed together is asked for together
		if q.d == d && !q.read {
			return r.enlist(q, level)
		}
	}
	return r.inquire(&inquiry{d: d}, level)
}

// Consult asks owners of a document what they hold, and returns a ticket for
// when this replica has what as many of them had as level asks; 0 if it asks
// for nobody. With repair those that were behind have caught up by then; without
// they are told to, and not waited for.
func (r *Replica) Consult(now time.Time, doc string, level consistency.Level, repair bool) (Ticket, error) {
	r.advance(now)
	if level == consistency.Local {
		return 0, nil
	}
	return r.inquire(&inquiry{d: r.open(doc), read: true, repair: repair}, level)
}

// inquire begins an inquiry for one ticket.
func (r *Replica) inquire(q *inquiry, level consistency.Level) (Ticket, error) {
	if len(r.quorums.tickets) >= maxInquiries {
		return 0, ErrBusy
	}
	t, err := r.enlist(q, level)
	if t == 0 {
		return 0, err
	}
	q.d.inquiries = append(q.d.inquiries, q)
	r.quorums.fresh = append(r.quorums.fresh, q)
	if r.online && !q.d.unsent {
		r.inquireFresh()
	}
	return t, nil
}

// enlist lets a request wait for an inquiry, unless its level asks for nobody else.
func (r *Replica) enlist(q *inquiry, level consistency.Level) (Ticket, error) {
	tally, err := r.tally(q.d, level)
	if err != nil {
		return 0, err
	}
	if tally.Reached() {
		return 0, nil
	}
	if r.quorums.tickets == nil {
		r.quorums.tickets = make(map[Ticket]*inquiry)
		r.quorums.inquiries = make(map[uint64]*inquiry)
	}
	r.quorums.last++
	r.quorums.tickets[r.quorums.last] = q
	q.waits = append(q.waits, wait{r.quorums.last, level, tally})
	return r.quorums.last, nil
}

// tally returns a tally in which this replica has answered.
func (r *Replica) tally(d *document, level consistency.Level) (*consistency.Tally, error) {
	t, err := consistency.NewTally(level, r.site(), r.owners(d.name))
	if err == nil {
		t.Answer(r.cfg.ID)
	}
	return t, err
}

// Abandon ends a request whose time is up. It returns how far it came, a
// *consistency.Error, or nil if the ticket has ended by itself.
func (r *Replica) Abandon(t Ticket) error {
	q := r.quorums.tickets[t]
	if q == nil {
		return nil
	}
	var err error
	for _, w := range q.waits {
		if w.ticket == t {
			err = w.tally.Shortfall()
		}
	}
	r.dismiss(q, t)
	return err
}
