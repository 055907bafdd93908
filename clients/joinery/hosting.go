package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/broker/embedded"
)

// hosting is the flags of serve about who may join the embedded server, and as whom
// that joins a hub.
type hosting struct {
	auth                      string
	listenCert, listenKey     string
	listenCA                  string
	leafCreds                 string
	leafCA, leafCert, leafKey string
	insecure                  bool
}

func (h *hosting) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&h.auth, "auth", "", "`FILE` in the form of nats-server's configuration, with the authorization of all who may join the embedded server")
	flags.StringVar(&h.listenCert, "listen-cert", "", "`FILE` of the embedded server's certificate; its listeners then take TLS alone")
	flags.StringVar(&h.listenKey, "listen-key", "", "`FILE` of its key")
	flags.StringVar(&h.listenCA, "listen-ca", "", "`FILE` of certificates that those of clients and leaf nodes are checked against; without it they need none")
	flags.StringVar(&h.leafCreds, "leaf-creds", "", "NATS credentials `FILE` for the hubs of --leaf")
	flags.StringVar(&h.leafCA, "leaf-ca", "", "`FILE` of certificates that those of the hubs are checked against")
	flags.StringVar(&h.leafCert, "leaf-cert", "", "`FILE` of the certificate for the hubs; needs --leaf-key")
	flags.StringVar(&h.leafKey, "leaf-key", "", "`FILE` of its key")
	flags.BoolVar(&h.insecure, "insecure", false, "let anybody join at addresses that are not loopback")
}

// check refuses listeners that anybody who reaches this machine could use.
func (h *hosting) check(own bool, listen, leafListen, http string) error {
	switch {
	case (h.listenCert == "") != (h.listenKey == ""):
		return errors.New("--listen-cert and --listen-key need each other")
	case (h.leafCert == "") != (h.leafKey == ""):
		return errors.New("--leaf-cert and --leaf-key need each other")
	case h.listenCA != "" && h.listenCert == "":
		return errors.New("--listen-ca needs --listen-cert")
	case h.insecure:
		return nil
	case http != "" && !isLoopback(http):
		return fmt.Errorf("--http %s: anybody could read it; take 127.0.0.1, or say --insecure", http)
	}
	if !own || h.auth != "" || h.listenCA != "" {
		return nil
	}
	for name, address := range map[string]string{"listen": listen, "leaf-listen": leafListen} {
		if address != "" && !isLoopback(address) {
			return fmt.Errorf("--%s %s: anybody could join; say who may with --auth or --listen-ca, or say --insecure", name, address)
		}
	}
	return nil
}

// isLoopback reports whether an address can be reached from this machine alone. An
// empty host is that of the embedded server's default, and a name that is not
// localhost may be anything.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "" || host == "localhost" || ip != nil && ip.IsLoopback())
}

// host says in the embedded server's configuration who may join, and returns how
// this process connects to it.
func (h *hosting) host(cfg *embedded.Config) (mine []nats.Option, err error) {
	var who *server.Options
	if h.leafCreds != "" { // the embedded server would try in silence for ever
		if _, err := os.ReadFile(h.leafCreds); err != nil {
			return nil, fmt.Errorf("--leaf-creds: %w", err)
		}
	}
	if h.auth != "" {
		if who, mine, err = h.readAuth(); err != nil {
			return nil, fmt.Errorf("--auth: %w", err)
		}
	}
	listenTLS, err := tlsOf(server.TLSConfigOpts{CertFile: h.listenCert, KeyFile: h.listenKey, CaFile: h.listenCA, Verify: h.listenCA != ""})
	if err != nil {
		return nil, fmt.Errorf("--listen-cert: %w", err)
	}
	leafTLS, err := tlsOf(server.TLSConfigOpts{CertFile: h.leafCert, KeyFile: h.leafKey, CaFile: h.leafCA})
	if err != nil {
		return nil, fmt.Errorf("--leaf-cert: %w", err)
	}
	cfg.Tune = func(o *server.Options) {
		if who != nil {
			o.Users, o.Nkeys = who.Users, who.Nkeys
		}
		if listenTLS != nil {
			o.TLSConfig, o.TLSTimeout = listenTLS, tlsPatience
			o.LeafNode.TLSConfig, o.LeafNode.TLSTimeout = listenTLS.Clone(), tlsPatience
		}
		for _, remote := range o.LeafNode.Remotes {
			remote.Credentials = h.leafCreds
			if leafTLS != nil {
				remote.TLS, remote.TLSConfig, remote.TLSTimeout = true, leafTLS.Clone(), tlsPatience
			}
		}
	}
	return mine, nil
}

// tlsPatience bounds a TLS handshake, in seconds.
const tlsPatience = 5.0

// readAuth reads users and nkeys, and adds one for this process, of which nobody
// else knows the key.
func (h *hosting) readAuth() (*server.Options, []nats.Option, error) {
	who, err := server.ProcessConfigFile(h.auth)
	if err != nil {
		return nil, nil, err
	}
	if len(who.Accounts) > 0 {
		return nil, nil, fmt.Errorf("%s has accounts, which the embedded server does not; list all users in authorization", h.auth)
	}
	if who.Username != "" {
		who.Users = append(who.Users, &server.User{Username: who.Username, Password: who.Password})
	}
	if who.Authorization != "" || len(who.Users)+len(who.Nkeys) == 0 {
		return nil, nil, fmt.Errorf("%s names nobody in authorization; take users with nkeys or passwords", h.auth)
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, nil, err
	}
	who.Nkeys = append(who.Nkeys, &server.NkeyUser{Nkey: public})
	return who, []nats.Option{nats.Nkey(public, key.Sign)}, nil
}

// tlsOf returns a configuration, nil if no file is given.
func tlsOf(t server.TLSConfigOpts) (*tls.Config, error) {
	if t.CertFile+t.CaFile == "" {
		return nil, nil
	}
	cfg, err := server.GenTLSConfig(&t)
	if err == nil && t.CertFile == "" || err == nil && !t.Verify {
		err = trust(cfg, t.CaFile)
	}
	return cfg, err
}

// trust has a client check servers against the certificates of a file, if one is given.
func trust(cfg *tls.Config, file string) error {
	if file == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(b) {
		return fmt.Errorf("%s has no certificate", file)
	}
	return nil
}
