package node

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/joinery-crdt/joinery/broker/embedded"
)

// nowhere is what servers announce as their address for routes: the port is
// reserved and nobody listens on it.
const nowhere = "127.0.0.1:1"

// meshed is a server with routes and the address at which it takes others'.
type meshed struct {
	*embedded.Server
	routes string
}

// startServer starts a server of the mesh. listen is the host:port for routes;
// empty takes a free port.
func startServer(ctx context.Context, name, listen string, routes []string) (*meshed, error) {
	cluster, err := clusterOptions(listen)
	if err != nil {
		return nil, err
	}
	urls := make([]*url.URL, len(routes))
	for i, r := range routes {
		urls[i] = &url.URL{Scheme: "nats-route", Host: r}
	}
	var opts *server.Options
	s, err := embedded.Start(ctx, embedded.Config{
		Name: name, Listen: "127.0.0.1:0",
		Tune: func(o *server.Options) { o.Cluster, o.Routes, opts = *cluster, urls, o },
	})
	if err != nil {
		return nil, err
	}
	return &meshed{s, net.JoinHostPort(opts.Cluster.Host, strconv.Itoa(opts.Cluster.Port))}, nil
}

// clusterOptions has one connection a route, so that breaking it breaks all
// there is between two servers.
func clusterOptions(listen string) (*server.ClusterOpts, error) {
	c := &server.ClusterOpts{
		Name: "maelstrom", Host: "127.0.0.1", Port: server.RANDOM_PORT,
		Advertise: nowhere, NoAdvertise: true, PoolSize: -1,
		Compression: server.CompressionOpts{Mode: server.CompressionOff},
	}
	if listen == "" {
		return c, nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("node: address for routes: %w", err)
	}
	c.Host = host
	if c.Port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("node: address for routes: %w", err)
	}
	return c, nil
}
