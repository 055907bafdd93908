package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
)

// sites is where the five replicas are: each site has a NATS server of its own.
var sites = []string{"oslo", "oslo", "bergen", "bodo", "bodo"}

// cluster is three NATS servers with routes that can be cut, and five replicas
// whose connections can be cut and slowed.
type cluster struct {
	routes   map[[2]string]*linktest.Link
	links    []*linktest.Link // of the replicas
	replicas []*joinery.Replica
	closes   []func()
}

func startCluster(ctx context.Context) (c *cluster, err error) {
	c = &cluster{routes: make(map[[2]string]*linktest.Link)}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	servers := make(map[string]*embedded.Server)
	ports := make(map[string]string)
	for _, site := range slices.Compact(slices.Clone(sites)) {
		if servers[site], err = c.startServer(ctx, site, ports); err != nil {
			return c, err
		}
	}
	for i, site := range sites {
		if err := c.startReplica(ctx, fmt.Sprintf("%s-%d", site, i), site, servers[site]); err != nil {
			return c, err
		}
	}
	return c, c.awaitMembers(ctx)
}

// startServer starts a site's server with routes to those that run already.
func (c *cluster) startServer(ctx context.Context, site string, ports map[string]string) (*embedded.Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	var routes []*url.URL
	for other, address := range ports {
		link, err := linktest.New(address)
		if err != nil {
			return nil, err
		}
		c.closes = append(c.closes, func() { _ = link.Close() })
		c.routes[[2]string{other, site}] = link
		routes = append(routes, &url.URL{Scheme: "nats", Host: link.Addr()})
	}
	ports[site] = fmt.Sprintf("127.0.0.1:%d", port)
	s, err := embedded.Start(ctx, embedded.Config{Listen: "127.0.0.1:0", Tune: func(o *server.Options) {
		o.ServerName = site
		o.Cluster = server.ClusterOpts{
			Name: "levels", Host: "127.0.0.1", Port: port, NoAdvertise: true, PoolSize: -1,
			Advertise: "127.0.0.1:1", // where nobody listens: servers must not find a way around the links
		}
		o.Routes = routes
		o.NoSystemAccount = true
	}})
	if err == nil {
		c.closes = append(c.closes, func() { _ = s.Shutdown(context.Background()) })
	}
	return s, err
}

// freePort returns a port that nobody listens on at the moment: routes have to
// be known before a server starts.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (c *cluster) startReplica(ctx context.Context, name, site string, s *embedded.Server) error {
	target, err := url.Parse(s.ClientURL())
	if err != nil {
		return err
	}
	link, err := linktest.New(target.Host)
	if err != nil {
		return err
	}
	c.closes = append(c.closes, func() { _ = link.Close() })
	nc, err := nats.Connect("nats://"+link.Addr(), nats.Name(name), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0), nats.IgnoreDiscoveredServers())
	if err != nil {
		return err
	}
	c.closes = append(c.closes, nc.Close)
	r, err := joinery.Open(ctx, joinery.Config{Space: "levels", Conn: nc, Membership: &joinery.Membership{Site: site}})
	if err != nil {
		return err
	}
	c.closes = append(c.closes, func() { _ = r.Close() })
	c.links, c.replicas = append(c.links, link), append(c.replicas, r)
	return nil
}

// awaitMembers returns when each replica knows all five.
func (c *cluster) awaitMembers(ctx context.Context) error {
	return until(ctx, "the replicas to know each other", func() bool {
		return !slices.ContainsFunc(c.replicas, func(r *joinery.Replica) bool { return len(r.Members()) < len(sites) })
	})
}

// awaitEqual returns when all replicas hold the same.
func (c *cluster) awaitEqual(ctx context.Context) error {
	return until(ctx, "the replicas to converge", func() bool {
		digest := c.replicas[0].Status().Digest
		return !slices.ContainsFunc(c.replicas, func(r *joinery.Replica) bool { return r.Status().Digest != digest })
	})
}

func until(ctx context.Context, what string, ok func() bool) error {
	for !ok() {
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for %s", what), ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func (c *cluster) close() {
	for _, f := range slices.Backward(c.closes) {
		f()
	}
}

// heal ends whatever fault there is.
func (c *cluster) heal() {
	for _, l := range c.links {
		l.Restore()
		l.Delay(0)
	}
	for _, l := range c.routes {
		l.Restore()
	}
}

// isolate cuts the routes of a site's server.
func (c *cluster) isolate(site string) {
	for ends, l := range c.routes {
		if ends[0] == site || ends[1] == site {
			l.Cut()
		}
	}
}
