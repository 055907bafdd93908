package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/clients/internal/service"
)

const (
	// leafRedial is the pause between attempts to reach a hub.
	leafRedial = 250 * time.Millisecond
	// farewell bounds the end of the embedded server.
	farewell = 5 * time.Second
)

// serving is the flags of serve.
type serving struct {
	*options
	listen, leafListen string
	leaf, interest     []string
	id                 string
	keeping
	bridging
	budget int
	hosting
	logging
	config, http string
	printConfig  bool
	ownOnly      bool
	drain        time.Duration
}

func newServe(o *options) *cobra.Command {
	s := &serving{options: &options{}} // flags of the same names, with defaults of their own
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a replica, with a NATS server of its own or on another",
		Long: `Runs a replica of a space and answers thin clients, until it is interrupted. By
default it brings a NATS server of its own, which other replicas and clients may
join; with --leaf that server joins a hub as a leaf node and goes on without it
when the link is away. With --nats it joins a server that is there. With --relay
it is a replica on further servers besides, which may know nothing of the first,
and passes on to each what is news from the others; URL#SPACE is for a space that
has another name there.

With --dir the replica keeps its data in a directory, which no other process can
use meanwhile, and goes on from there when it is started again, also after a
kill or a power loss. --durability says when a write is acknowledged:

  commit    when it is on the disk; writes at the same time share a sync
  interval  at once, and it is on the disk after --sync-every at the latest
  memory    at once, without --dir: what this replica alone has is gone when
            it ends

It serves as soon as the directory is open, and joins the others when all is in
memory. If the disk fails it says so, goes on serving reads, and ends with status
1 when it is stopped.`,
		Example: example(
			"joinery serve --dir ~/joinery                 # data that lasts",
			"joinery serve                                 # in memory",
			"joinery serve --nats nats://127.0.0.1:4222    # a second replica",
			"joinery serve --leaf-listen 0.0.0.0:7422      # a hub",
			"joinery serve --nats nats://factory --relay nats://office#plants",
			"joinery serve --listen 127.0.0.1:0 --leaf nats-leaf://hub:7422"),
		Args: takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.json = o.json
			return s.run(cmd)
		},
	}
	s.addServer(cmd, "", "`URL` of a NATS server to join in place of an own one")
	flags := cmd.Flags()
	flags.StringVar(&s.listen, "listen", "127.0.0.1:4222", "`HOST:PORT` of the embedded server; port 0 takes a free one")
	flags.StringVar(&s.leafListen, "leaf-listen", "", "`HOST:PORT` for leaf nodes to join the embedded server")
	flags.StringArrayVar(&s.leaf, "leaf", nil, "`URL` of a hub that the embedded server joins as a leaf node; may be repeated")
	flags.StringArrayVar(&s.relay, "relay", nil, "`URL` of a further NATS server to be a replica on; may be repeated")
	flags.IntVar(&s.budget, "budget", 0, "`BYTES` a second that the replica sends at most; 0 is no limit")
	flags.StringArrayVar(&s.interest, "interest", nil, "hold only the documents that match `PATTERN`, as fleet.42.>; may be repeated")
	flags.StringVar(&s.id, "id", "", "lasting `ID` of the replica, a UUID; never use one twice at a time")
	s.keeping.add(cmd)
	s.hosting.add(cmd)
	s.logging.add(cmd)
	flags.StringVar(&s.config, "config", "", "`FILE` of settings: a JSON object whose keys are the names of these flags")
	flags.BoolVar(&s.printConfig, "print-config", false, "print all settings and where they come from, without secrets, and end")
	flags.StringVar(&s.http, "http", "", "`HOST:PORT` for /healthz, /readyz and /metrics; loopback alone, unless --insecure")
	flags.BoolVar(&s.ownOnly, "own-only", false, "others take from this replica what it wrote itself and nothing else; for devices, see joinery permissions")
	flags.DurationVar(&s.drain, "drain", 5*time.Second, "how long the last writes may take to leave when it is stopped")
	return cmd
}

// check refuses flags that contradict each other.
func (s *serving) check(cmd *cobra.Command) error {
	for _, own := range []string{"listen", "leaf-listen", "leaf", "auth", "listen-cert", "listen-ca", "leaf-creds", "leaf-ca", "leaf-cert"} {
		if s.url != "" && cmd.Flags().Changed(own) {
			return misuse(cmd, fmt.Errorf("--%s is for the embedded server, which --nats replaces", own))
		}
	}
	err := errors.Join(s.hosting.check(s.url == "", s.listen, s.leafListen, s.http), s.logging.check())
	if s.drain <= 0 {
		err = errors.Join(err, errors.New("--drain must be above 0"))
	}
	if err != nil {
		return misuse(cmd, err)
	}
	return s.keeping.check(cmd)
}

// ready is what serve says when it serves.
type ready struct {
	Space   string `json:"space"`
	Replica string `json:"replica"`
	URL     string `json:"url"`
	LeafURL string `json:"leaf_url,omitempty"`
	HTTP    string `json:"http,omitempty"` // where health and metrics are
	// Store is the engine and Dir its directory; empty if all is in memory.
	Store      string `json:"store,omitempty"`
	Dir        string `json:"dir,omitempty"`
	Durability string `json:"durability"`
}

func (s *serving) run(cmd *cobra.Command) (err error) {
	if err := s.check(cmd); err != nil {
		return err
	}
	if s.printConfig {
		return printConfig(cmd, s.options)
	}
	cfg := joinery.Config{Space: s.space, Budget: s.budget, Interest: s.interest, OwnOnly: s.ownOnly, Logger: s.logger(cmd.ErrOrStderr())}
	if s.id != "" {
		if cfg.ID, err = joinery.ParseID(s.id); err != nil {
			return misuse(cmd, fmt.Errorf("--id: %w", err))
		}
	}
	storage, err := s.keeping.open(&cfg, cfg.Logger)
	if err != nil {
		return err
	}
	if storage != nil {
		defer func() { err = errors.Join(err, storage.Store.Close()) }()
	}
	conn, server, err := s.connect(cmd.Context(), cfg.Logger)
	if err != nil {
		return err
	}
	if server != nil {
		defer func() { err = errors.Join(err, shutdown(server)) }()
	}
	defer conn.Close()
	cfg.Conn = conn
	if cfg.Relay, err = s.bridging.open(s.options); err != nil {
		return err
	}
	defer s.bridging.close()
	return s.serve(cmd, cfg, storage, server)
}

// serve runs the replica until the command is interrupted.
func (s *serving) serve(cmd *cobra.Command, cfg joinery.Config, storage *service.Storage, server *embedded.Server) (err error) {
	ctx := cmd.Context()
	r, err := joinery.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	api, err := service.Serve(cfg.Conn, s.space, r, storage)
	if err != nil {
		return err
	}
	web, err := observe(s.http, r, storage)
	if err != nil {
		return errors.Join(err, api.Close())
	}
	if err := s.announce(cmd, r.ID(), storage, server, web); err != nil {
		return errors.Join(err, web.close(), api.Close())
	}
	notify("READY=1")
	c := condition{out: cmd.ErrOrStderr(), quiet: s.json}
	failed := c.watch(ctx, r)
	notify("STOPPING=1")
	return errors.Join(failed, api.Close(), s.sendLast(r, storage != nil), web.close())
}

// connect returns a connection, and the embedded server if there is one.
func (s *serving) connect(ctx context.Context, log *slog.Logger) (*nats.Conn, *embedded.Server, error) {
	if s.url != "" {
		conn, err := s.dial("joinery serve")
		return conn, nil, err
	}
	cfg := embedded.Config{Listen: s.listen, LeafListen: s.leafListen, LeafRemotes: s.leaf, LeafReconnect: leafRedial}
	if s.verbose || s.logging.level == "debug" {
		cfg.Logger = log
	}
	mine, err := s.host(&cfg)
	if err != nil {
		return nil, nil, err
	}
	server, err := embedded.Start(ctx, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("%w\nif another server has the port, join it with --nats URL or take a free one with --listen 127.0.0.1:0", err)
	}
	conn, err := server.Connect(append(mine, nats.Name("joinery serve"))...)
	if err != nil {
		return nil, nil, errors.Join(err, shutdown(server))
	}
	return conn, server, nil
}

func (s *serving) announce(cmd *cobra.Command, id joinery.ID, storage *service.Storage, server *embedded.Server, web *web) error {
	r := ready{Space: s.space, Replica: id.String(), URL: redacted(s.url), Dir: s.dir, Durability: s.keeping.level(), HTTP: web.address()}
	if storage != nil {
		r.Store = storage.Engine
	}
	text := fmt.Sprintf("serving space %q as replica %s\n", s.space, id)
	if server != nil {
		r.URL, r.LeafURL = server.ClientURL(), server.LeafURL()
		text += fmt.Sprintf("clients and replicas join at %s\n", r.URL)
		if r.LeafURL != "" {
			text += fmt.Sprintf("leaf nodes join at %s\n", r.LeafURL)
		}
	} else {
		text += fmt.Sprintf("joined %s\n", r.URL)
	}
	if r.HTTP != "" {
		text += fmt.Sprintf("health and metrics are at http://%s\n", r.HTTP)
	}
	text += s.text(storage)
	return s.show(cmd, r, "%sinterrupt to stop", text)
}

// sendLast sends what the replica alone has. What is kept on disk is sent when it
// runs again.
func (s *serving) sendLast(r *joinery.Replica, kept bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.drain)
	defer cancel()
	err := r.Drain(ctx)
	if kept {
		return nil
	}
	if err != nil && r.Status().Pending > 0 {
		return fmt.Errorf("the last writes to %s could not be sent and are lost: %w", plural(r.Status().Pending, "document"), err)
	}
	return nil
}

func shutdown(server *embedded.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return server.Shutdown(ctx)
}
