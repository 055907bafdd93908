package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/internal/eventq"
	"github.com/joinery-crdt/joinery/broker/internal/lifeline"
)

// Defaults of Config.
const (
	DefaultQueueMessages = 4096
	DefaultQueueBytes    = 64 << 20
	DefaultAudit         = time.Second
)

// longestFlush stands in for a missing deadline, which nats.go insists on.
const longestFlush = time.Hour

// ErrConfig means that the arguments of New make no sense.
var ErrConfig = errors.New("nats: bad configuration")

// Config adjusts a broker. The zero value is good for most.
type Config struct {
	// MaxPayload bounds messages in bytes below the server's own limit; 0 means
	// broker.DefaultMaxPayload.
	MaxPayload int
	// QueueMessages bounds the messages that wait for one handler; 0 means
	// DefaultQueueMessages.
	QueueMessages int
	// QueueBytes bounds the bytes that wait for one handler, subjects included;
	// 0 means DefaultQueueBytes. It should be several times MaxPayload.
	QueueBytes int
	// Audit is the time between looks at the connection's last error and at the
	// counters of subscriptions whose handler is stuck; 0 means DefaultAudit.
	Audit time.Duration
}

// withDefaults validates the configuration.
func (c Config) withDefaults() (Config, error) {
	if c.MaxPayload < 0 || c.QueueMessages < 0 || c.QueueBytes < 0 || c.Audit < 0 {
		return c, fmt.Errorf("%w: negative limit in %+v", ErrConfig, c)
	}
	setDefault(&c.MaxPayload, broker.DefaultMaxPayload)
	setDefault(&c.QueueMessages, DefaultQueueMessages)
	setDefault(&c.QueueBytes, DefaultQueueBytes)
	setDefault(&c.Audit, DefaultAudit)
	return c, nil
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Broker is a broker.Broker over one NATS connection.
type Broker struct {
	nc     *nats.Conn
	cfg    Config
	events *eventq.Queue
	line   lifeline.Line
	done   chan struct{} // closed by Close
	watch  sync.WaitGroup

	sent, sentBytes, received, receivedBytes, dropped atomic.Uint64

	mu     sync.Mutex
	closed bool
	subs   map[*subscription]struct{}

	auditing sync.Mutex
	refused  error // the last permission error that was reported
}

var _ broker.Broker = (*Broker)(nil)

// New returns a broker over nc, which stays the caller's: close the broker
// first and the connection afterwards. Several brokers may share a connection.
// The error, if any, wraps ErrConfig or broker.ErrClosed.
func New(nc *nats.Conn, cfg Config) (*Broker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if nc == nil {
		return nil, fmt.Errorf("%w: no connection", ErrConfig)
	}
	if nc.IsClosed() {
		return nil, broker.ErrClosed
	}
	b := &Broker{
		nc:     nc,
		cfg:    cfg,
		events: eventq.New(),
		done:   make(chan struct{}),
		subs:   make(map[*subscription]struct{}),
	}
	b.refused = b.refusal()
	status := nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	b.postStatus(nc.Status())
	b.watch.Go(func() { b.watchLink(status) })
	return b, nil
}

// ready returns nil if messages can be sent.
func (b *Broker) ready() error {
	if b.isClosed() {
		return broker.ErrClosed
	}
	switch b.nc.Status() {
	case nats.CONNECTED, nats.DRAINING_SUBS:
		return nil
	case nats.CLOSED, nats.DRAINING_PUBS:
		return broker.ErrClosed
	}
	return broker.ErrDisconnected
}

func (b *Broker) isClosed() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// Publish implements broker.Broker.
func (b *Broker) Publish(subject string, data []byte) error {
	if err := broker.CheckSubject(subject); err != nil {
		return err
	}
	if err := b.ready(); err != nil {
		return err
	}
	if limit := b.MaxPayload(); len(data) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", broker.ErrTooLarge, len(data), limit)
	}
	if err := b.nc.Publish(subject, data); err != nil {
		return translate(err)
	}
	b.sent.Add(1)
	b.sentBytes.Add(uint64(len(data)))
	return nil
}

// Probe implements broker.Broker.
func (b *Broker) Probe(ctx context.Context, subject string) error {
	if err := broker.CheckSubject(subject); err != nil {
		return err
	}
	return b.wait(ctx, func(ctx context.Context) error {
		_, err := b.nc.RequestWithContext(ctx, subject, nil)
		return err
	})
}

// wait calls an operation that waits for the server, with a context that also
// ends when the link breaks: nats.go does not give up a request for that.
func (b *Broker) wait(ctx context.Context, operation func(context.Context) error) error {
	bound, release := b.line.Bind(ctx)
	defer release()
	if err := b.ready(); err != nil {
		return err
	}
	err := operation(bound)
	if err != nil && bound.Err() != nil {
		return cmp.Or(ctx.Err(), context.Cause(bound))
	}
	return translate(err)
}

// Flush implements broker.Broker. A broken link ends it with ErrDisconnected;
// a silent one, without a deadline, lasts until the connection's own pings
// notice.
func (b *Broker) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // nats.go may take the answer of a fast server before it looks at ctx
	}
	defer b.audit()
	return b.wait(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, longestFlush)
		defer cancel()
		err := b.nc.FlushWithContext(ctx)
		if errors.Is(err, nats.ErrConnectionClosed) && !b.nc.IsClosed() {
			return broker.ErrDisconnected // nats.go's word for a flush cut short
		}
		return err
	})
}

// MaxPayload implements broker.Broker. It is 0 before the first connect.
func (b *Broker) MaxPayload() int {
	return int(min(b.nc.MaxPayload(), int64(b.cfg.MaxPayload)))
}

// Events implements broker.Broker.
func (b *Broker) Events() <-chan broker.Event { return b.events.C() }

// Stats returns the broker's counters.
func (b *Broker) Stats() broker.Stats {
	return broker.Stats{
		Sent:          b.sent.Load(),
		SentBytes:     b.sentBytes.Load(),
		Received:      b.received.Load(),
		ReceivedBytes: b.receivedBytes.Load(),
		Dropped:       b.dropped.Load(),
	}
}

// Close implements broker.Broker.
func (b *Broker) Close() error {
	subs := b.shut()
	for _, s := range subs {
		s.Unsubscribe()
	}
	for _, s := range subs {
		s.wait()
	}
	b.watch.Wait()
	b.events.Close()
	return nil
}

// shut refuses further subscriptions and returns those that exist.
func (b *Broker) shut() []*subscription {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.done)
		b.line.Break(broker.ErrClosed)
	}
	return slices.Collect(maps.Keys(b.subs))
}

// translate turns errors of nats.go into those of the contract.
func translate(err error) error {
	for _, known := range translations {
		if errors.Is(err, known.theirs) {
			return known.ours
		}
	}
	return err
}

var translations = []struct{ theirs, ours error }{
	{nats.ErrNoResponders, broker.ErrNoResponders},
	{nats.ErrConnectionClosed, broker.ErrClosed},
	{nats.ErrConnectionDraining, broker.ErrClosed},
	{nats.ErrDisconnected, broker.ErrDisconnected},
	{nats.ErrConnectionReconnecting, broker.ErrDisconnected},
	{nats.ErrReconnectBufExceeded, broker.ErrDisconnected},
	{nats.ErrMaxPayload, broker.ErrTooLarge},
	{nats.ErrBadSubject, broker.ErrSubject},
}
