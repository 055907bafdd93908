package nats

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker"
)

// watchLink turns what the connection shows into events until Close.
func (b *Broker) watchLink(status chan nats.Status) {
	defer b.nc.RemoveStatusListener(status)
	ticker := time.NewTicker(b.cfg.Audit)
	defer ticker.Stop()
	for {
		select {
		case s := <-status:
			b.postStatus(s)
		case <-ticker.C:
			b.audit()
			b.reportDropped()
		case <-b.done:
			return
		}
	}
}

func (b *Broker) postStatus(s nats.Status) {
	kind := broker.Disconnected
	switch s {
	case nats.CONNECTED, nats.DRAINING_SUBS, nats.DRAINING_PUBS:
		kind = broker.Connected
	case nats.CLOSED:
		kind = broker.Closed
		b.line.Break(broker.ErrClosed)
	default:
		b.line.Break(broker.ErrDisconnected)
	}
	b.events.Post(broker.Event{Kind: kind, Err: b.linkError(kind)})
}

// linkError is the connection's last error, where it explains the event.
func (b *Broker) linkError(kind broker.EventKind) error {
	if kind == broker.Connected {
		return nil
	}
	return b.nc.LastError()
}

// reportDropped looks at all subscriptions: one whose handler is stuck, or that
// loses every message because each is above its limit, does not look itself.
func (b *Broker) reportDropped() {
	b.mu.Lock()
	subs := slices.Collect(maps.Keys(b.subs))
	b.mu.Unlock()
	for _, s := range subs {
		s.reportDropped()
	}
}

// audit posts a Denied event if the server refused something new. Each refusal
// is an error value of its own, so comparing them tells old from new.
func (b *Broker) audit() {
	b.auditing.Lock()
	defer b.auditing.Unlock()
	err := b.refusal()
	if err == nil || err == b.refused {
		return
	}
	b.refused = err
	b.events.Post(broker.Event{Kind: broker.Denied, Subject: refusedSubject(err), Err: err})
}

// refusal returns the connection's last error if it is about permissions.
func (b *Broker) refusal() error {
	if err := b.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return err
	}
	return nil
}

// quotedSubject finds the subject in the server's words, such as
// `Permissions Violation for Publish to "a.b"`.
var quotedSubject = regexp.MustCompile(`(?:to|of) "([^"]*)"`)

func refusedSubject(err error) string {
	if match := quotedSubject.FindStringSubmatch(err.Error()); match != nil {
		return match[1]
	}
	return ""
}
