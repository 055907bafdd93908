package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
)

const (
	// dialTimeout bounds the first connect, per address.
	dialTimeout = 3 * time.Second
	// redial is the pause between attempts to reconnect.
	redial = 200 * time.Millisecond
	// flushPause bounds the goodbye to the server.
	flushPause = time.Second
)

// dial connects to the server, or says what to do.
func (o *options) dial(name string, more ...nats.Option) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(name), nats.Timeout(dialTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(redial),
		nats.ReconnectJitter(redial/4, redial/4),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // asked for, not printed between the lines
	}
	mine, err := o.natsOptions()
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	opts = append(opts, mine...)
	nc, err := nats.Connect(o.url, append(opts, more...)...)
	var file *fs.PathError
	if errors.As(err, &file) {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	if err != nil {
		return nil, &absentError{
			what:   "no NATS server to talk to at " + redacted(o.url),
			advice: `Start one with "joinery serve", or say where it is with --nats URL or $JOINERY_NATS.`,
			err:    err,
		}
	}
	return nc, nil
}

// redacted hides the password of a URL.
func redacted(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return "the given URL"
}

// ask connects a thin client and calls fn with it.
func (o *options) ask(cmd *cobra.Command, fn func(*remote.Client) error) error {
	nc, err := o.dial("joinery " + cmd.Name())
	if err != nil {
		return err
	}
	defer nc.Close()
	c, err := remote.New(nc, remote.Config{Space: o.space, Replica: o.replica, FailFast: true, NoSession: true})
	if err != nil {
		return err
	}
	if err := o.explain(fn(c)); err != nil {
		return err
	}
	_ = nc.FlushTimeout(flushPause) // a goodbye only
	return nil
}

// explain says what to do about an error of the service.
func (o *options) explain(err error) error {
	if !errors.Is(err, remote.ErrNoReplica) {
		return err
	}
	absent := &absentError{
		what:   fmt.Sprintf("no replica of space %q answers at %s", o.space, redacted(o.url)),
		advice: fmt.Sprintf("Start one with \"joinery serve --nats %s --space %s\", or name another space with --space.", redacted(o.url), o.space),
		err:    err,
	}
	if o.replica != "" {
		absent.what = fmt.Sprintf("replica %s of space %q does not answer at %s", o.replica, o.space, redacted(o.url))
		absent.advice = "Leave --replica out to ask any; joinery status --all lists them."
	}
	return absent
}
