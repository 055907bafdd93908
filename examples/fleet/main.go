// Command fleet is a site with devices, behind a link that goes away.
//
// The site has a NATS server of its own, a leaf node of the hub. Each device
// has a replica on the site's server. While the link to the hub is away the
// devices go on: they read and write, and see each other's writes. When it
// comes back the hub's replica has all of it at once, and the devices have what
// the hub decided meanwhile. No device was told, or asked, anything.
//
//	go run ./examples/fleet
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// devices is how many the site has, readings how many each takes.
const (
	devices  = 5
	readings = 100
)

// fleet is all that runs. Close ends it, last things first.
type fleet struct {
	hub     *joinery.Replica
	devices []*joinery.Replica
	link    *linktest.Link // between the site and the hub
	closers []func() error
}

func (f *fleet) defers(fn func() error) { f.closers = append(f.closers, fn) }

func (f *fleet) Close() (err error) {
	for i := len(f.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, f.closers[i]())
	}
	return err
}

// server starts a NATS server.
func (f *fleet) server(ctx context.Context, cfg embedded.Config) (*embedded.Server, error) {
	s, err := embedded.Start(ctx, cfg)
	if err == nil {
		f.defers(func() error { return s.Shutdown(context.Background()) })
	}
	return s, err
}

// replica opens a replica on a connection of its own.
func (f *fleet) replica(ctx context.Context, s *embedded.Server, name string) (*joinery.Replica, error) {
	nc, err := s.Connect(nats.Name(name))
	if err != nil {
		return nil, err
	}
	f.defers(func() error { nc.Close(); return nil })
	r, err := joinery.Open(ctx, joinery.Config{Space: "fleet", Conn: nc})
	if err == nil {
		f.defers(r.Close)
	}
	return r, err
}

// start starts the hub, the link, the site and its devices.
func (f *fleet) start(ctx context.Context) error {
	hub, err := f.server(ctx, embedded.Config{Name: "hub", LeafListen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	if f.link, err = linktest.New(strings.TrimPrefix(hub.LeafURL(), "nats-leaf://")); err != nil {
		return err
	}
	f.defers(f.link.Close)
	site, err := f.server(ctx, embedded.Config{
		Name: "site", LeafRemotes: []string{embedded.LeafURL(f.link.Addr())}, LeafReconnect: 100 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	if f.hub, err = f.replica(ctx, hub, "hub"); err != nil {
		return err
	}
	for i := range devices {
		d, err := f.replica(ctx, site, fmt.Sprintf("device-%d", i))
		if err != nil {
			return err
		}
		f.devices = append(f.devices, d)
	}
	return nil
}

// measure is what a device does all day: a document of its own, and a counter
// that it shares with the others.
func (f *fleet) measure(ctx context.Context, device, n int) error {
	r := f.devices[device]
	own := r.Doc(fmt.Sprintf("fleet.%d.engine", device))
	return errors.Join(
		own.Register("celsius").Set(ctx, 60+n%30),
		own.Set("seen").Add(ctx, n),
		r.Doc("fleet.total").Counter("readings").Inc(ctx, 1))
}

// equal waits until all replicas given hold the same and returns how long it took.
func equal(ctx context.Context, some ...*joinery.Replica) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	start := time.Now()
	for {
		digest := some[0].Status().Digest
		if !slices.ContainsFunc(some, func(r *joinery.Replica) bool { return r.Status().Digest != digest }) {
			return time.Since(start).Round(time.Millisecond), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("the replicas do not converge: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	var f fleet
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.start(ctx); err != nil {
		return err
	}
	if err := f.hub.Doc("fleet.policy").Register("report").Set(ctx, "hourly"); err != nil {
		return err
	}
	if _, err := equal(ctx, append(f.devices, f.hub)...); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d devices behind a leaf node, and the hub, hold the same\n", devices)
	return f.outage(ctx, out)
}

// outage cuts the link, lets both sides go on, and restores it.
func (f *fleet) outage(ctx context.Context, out io.Writer) error {
	f.link.Cut()
	start := time.Now()
	for n := range readings {
		for d := range devices {
			if err := f.measure(ctx, d, n); err != nil {
				return err
			}
		}
	}
	took := time.Since(start)
	if err := f.hub.Doc("fleet.policy").Register("report").Set(ctx, "daily"); err != nil {
		return err
	}
	if _, err := equal(ctx, f.devices...); err != nil {
		return err
	}
	fmt.Fprintf(out, "the link is away: %d writes accepted in %v, the devices see each other's\n",
		3*devices*readings, took.Round(100*time.Microsecond))
	f.report(out)
	f.link.Restore()
	back, err := equal(ctx, append(f.devices, f.hub)...)
	if err != nil {
		return err
	}
	f.report(out)
	fmt.Fprintf(out, "converged %v after the link's return\n", back)
	return nil
}

// report prints what each side knows.
func (f *fleet) report(out io.Writer) {
	for _, side := range []struct {
		name string
		*joinery.Replica
	}{{"hub", f.hub}, {"device-0", f.devices[0]}} {
		policy, _, _ := joinery.Get[string](side.Doc("fleet.policy").Register("report"))
		fmt.Fprintf(out, "  %s: %d readings, report %s\n", side.name, side.Doc("fleet.total").Counter("readings").Value(), policy)
	}
}
