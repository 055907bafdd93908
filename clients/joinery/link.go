package main

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/natscontext"
)

// credentials are the flags that say as whom to connect, and to whom.
type credentials struct {
	creds, nkey         string
	ca, cert, key       string
	context             string
	inboxPrefix         string
	user, secret, token string // of a context
	jwt, seed           string
	tlsFirst            bool
}

func (c *credentials) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.creds, "creds", "", "NATS credentials `FILE`, with a JWT and its seed")
	flags.StringVar(&c.nkey, "nkey", "", "`FILE` with the seed of an nkey")
	flags.StringVar(&c.ca, "tls-ca", "", "`FILE` of certificates that the server's is checked against, in place of the system's")
	flags.StringVar(&c.cert, "tls-cert", "", "`FILE` of the own certificate; needs --tls-key")
	flags.StringVar(&c.key, "tls-key", "", "`FILE` of its key")
	flags.StringVar(&c.context, "nats-context", "", "`NAME` of a context of the nats command line, for what is not given otherwise")
	flags.StringVar(&c.inboxPrefix, "inbox-prefix", "", "`PREFIX` of reply subjects, where permissions want one; as printed by joinery permissions")
}

// identify reads the context, for all that flags, environment and file leave open.
func (o *options) identify(cmd *cobra.Command) error {
	if (o.cert == "") != (o.key == "") {
		return misuse(cmd, errors.New("--tls-cert and --tls-key need each other"))
	}
	if o.creds != "" && o.nkey != "" {
		return misuse(cmd, errors.New("--creds and --nkey exclude each other"))
	}
	if o.context == "" {
		return nil
	}
	x, err := natscontext.Load(o.context)
	if err != nil {
		return misuse(cmd, err)
	}
	if f := cmd.Flags().Lookup("nats"); !f.Changed && x.URL != "" {
		o.url = x.URL
	}
	fill := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	if o.creds == "" && o.nkey == "" { // one way to say who this is
		o.creds, o.nkey, o.user, o.secret, o.token = x.Creds, x.NKey, x.User, x.Password, x.Token
		o.jwt, o.seed = x.JWT, x.Seed
	}
	fill(&o.ca, x.CA)
	if o.cert == "" {
		o.cert, o.key = x.Cert, x.Key
	}
	fill(&o.inboxPrefix, x.InboxPrefix)
	o.tlsFirst = x.TLSFirst
	return nil
}

// natsOptions returns how to connect as these credentials say.
func (c *credentials) natsOptions() (opts []nats.Option, err error) {
	switch {
	case c.creds != "":
		opts = append(opts, nats.UserCredentials(c.creds))
	case c.jwt != "" && c.seed != "":
		opts = append(opts, nats.UserJWTAndSeed(c.jwt, c.seed))
	case c.nkey != "":
		key, err := nats.NkeyOptionFromSeed(c.nkey)
		if err != nil {
			return nil, err
		}
		opts = append(opts, key)
	case c.user != "":
		opts = append(opts, nats.UserInfo(c.user, c.secret))
	case c.token != "":
		opts = append(opts, nats.Token(c.token))
	}
	if c.ca != "" {
		opts = append(opts, nats.RootCAs(c.ca))
	}
	if c.cert != "" {
		opts = append(opts, nats.ClientCert(c.cert, c.key))
	}
	if c.tlsFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	if c.inboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(c.inboxPrefix))
	}
	return opts, nil
}
