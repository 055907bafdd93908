package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Defaults and bounds of Config.
const (
	DefaultMaxPayload    = 1 << 20
	LargestMaxPayload    = 64 << 20
	DefaultLeafReconnect = time.Second
)

// ErrConfig means that a Config makes no sense; the text says what to change.
var ErrConfig = errors.New("embedded: bad configuration")

// Config describes a server. The zero value is a server that only this process
// can reach.
type Config struct {
	// Name is shown to clients and peers. Leaf nodes and their hub need
	// different names. Empty means a random one.
	Name string

	// Listen is the host:port for clients. Port 0 takes a free one, an empty
	// host means 127.0.0.1. Empty means no listener: only Connect reaches it.
	Listen string

	// LeafListen is the host:port for leaf nodes, likewise. Empty means none.
	LeafListen string

	// LeafRemotes are the URLs of hubs to join as a leaf node, such as
	// "nats-leaf://user:secret@hub.example.com:7422". Each gets a link of its
	// own. Hubs need not be up: the server keeps trying.
	LeafRemotes []string

	// LeafReconnect is the pause between attempts to reach a hub; 0 means
	// DefaultLeafReconnect.
	LeafReconnect time.Duration

	// MaxPayload is the largest message in bytes; 0 means DefaultMaxPayload,
	// at most LargestMaxPayload. Never set it above that of a hub: a hub drops
	// the whole link of a leaf that forwards a larger message.
	MaxPayload int

	// Users are the only ones who may connect, leaf nodes included. None means
	// everybody.
	Users []User

	// Logger receives the server's log. Nil means silence.
	Logger *slog.Logger

	// Tune may change the server's options after everything above was applied,
	// for what this struct does not cover (TLS, clusters, accounts).
	Tune func(*server.Options)
}

// User is a name, a password and what they may do.
type User struct {
	Name, Password string
	// Publish and Subscribe are the patterns allowed. Nil means all, empty
	// but not nil means none. Probes and requests also need the pattern
	// "_INBOX.>" in Subscribe, and responders need to publish to it.
	Publish, Subscribe []string
}

// options validates the configuration and translates it.
func (c Config) options() (*server.Options, error) {
	opts := &server.Options{
		ServerName:      c.Name,
		MaxPayload:      int32(DefaultMaxPayload),
		NoSigs:          true,
		NoSystemAccount: true,
		DontListen:      true,
	}
	for _, apply := range []func(*server.Options) error{
		c.applyListen, c.applyLeafs, c.applyRemotes, c.applyLimits, c.applyUsers,
	} {
		if err := apply(opts); err != nil {
			return nil, err
		}
	}
	if c.Tune != nil {
		c.Tune(opts)
	}
	return opts, nil
}

func (c Config) applyListen(opts *server.Options) (err error) {
	if c.Listen == "" {
		return nil
	}
	opts.DontListen = false
	opts.Host, opts.Port, err = splitAddress("Listen", c.Listen)
	return err
}

// applyLeafs does not announce the listener's address: a leaf comes back by the
// way it came, which may be a tunnel or a proxy.
func (c Config) applyLeafs(opts *server.Options) (err error) {
	if c.LeafListen == "" {
		return nil
	}
	opts.LeafNode.NoAdvertise = true
	opts.LeafNode.Host, opts.LeafNode.Port, err = splitAddress("LeafListen", c.LeafListen)
	return err
}

func (c Config) applyRemotes(opts *server.Options) error {
	if c.LeafReconnect < 0 {
		return fmt.Errorf("%w: LeafReconnect is %v, must not be negative", ErrConfig, c.LeafReconnect)
	}
	opts.LeafNode.ReconnectInterval = DefaultLeafReconnect
	if c.LeafReconnect > 0 {
		opts.LeafNode.ReconnectInterval = c.LeafReconnect
	}
	for _, remote := range c.LeafRemotes {
		u, err := url.Parse(remote)
		if err != nil {
			return fmt.Errorf("%w: LeafRemotes: %w", ErrConfig, err)
		}
		if u.Scheme == "" || u.Host == "" {
			return fmt.Errorf("%w: LeafRemotes: %q should look like nats-leaf://host:7422", ErrConfig, u.Redacted())
		}
		opts.LeafNode.Remotes = append(opts.LeafNode.Remotes, &server.RemoteLeafOpts{URLs: []*url.URL{u}})
	}
	return nil
}

func (c Config) applyLimits(opts *server.Options) error {
	if c.MaxPayload < 0 || c.MaxPayload > LargestMaxPayload {
		return fmt.Errorf("%w: MaxPayload is %d bytes, must be 0 to %d", ErrConfig, c.MaxPayload, LargestMaxPayload)
	}
	if c.MaxPayload > 0 {
		opts.MaxPayload = int32(c.MaxPayload)
	}
	return nil
}

func (c Config) applyUsers(opts *server.Options) error {
	seen := make(map[string]bool)
	for _, u := range c.Users {
		if u.Name == "" || seen[u.Name] {
			return fmt.Errorf("%w: Users: name %q is empty or taken", ErrConfig, u.Name)
		}
		seen[u.Name] = true
		opts.Users = append(opts.Users, &server.User{
			Username: u.Name,
			Password: u.Password,
			Permissions: &server.Permissions{
				Publish:   permission(u.Publish),
				Subscribe: permission(u.Subscribe),
			},
		})
	}
	return nil
}

// permission translates a list of patterns. The server takes an empty list for
// "all", so "none" must be spelt out.
func permission(allow []string) *server.SubjectPermission {
	switch {
	case allow == nil:
		return nil
	case len(allow) == 0:
		return &server.SubjectPermission{Deny: []string{">"}}
	}
	return &server.SubjectPermission{Allow: allow}
}

// splitAddress parses host:port. The server writes "any free port" as -1.
func splitAddress(field, address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %s should be host:port: %w", ErrConfig, field, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %s: port %q is not a number up to 65535", ErrConfig, field, text)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if number == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(number), nil
}
