// Package natscontext reads the contexts that the nats command line keeps: a JSON
// file each, in $XDG_CONFIG_HOME/nats/context or ~/.config/nats/context.
//
// What this program cannot use (nsc lookups, SOCKS proxies, keys in a user's
// Windows certificate store) is an error if a context has it, rather than left out.
package natscontext

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrContext means that there is no such context, or that it can't be used.
var ErrContext = errors.New("natscontext: bad NATS context")

// Context is what a context says of a connection. Empty is not said.
type Context struct {
	URL         string `json:"url"`
	Token       string `json:"token"`
	User        string `json:"user"`
	Password    string `json:"password"`
	Creds       string `json:"creds"`
	NKey        string `json:"nkey"`
	Cert        string `json:"cert"`
	Key         string `json:"key"`
	CA          string `json:"ca"`
	InboxPrefix string `json:"inbox_prefix"`
	TLSFirst    bool   `json:"tls_first"`
	JWT         string `json:"user_jwt"`
	Seed        string `json:"user_seed"`

	NSC      string `json:"nsc"`
	Proxy    string `json:"socks_proxy"`
	CertType string `json:"windows_cert_store"`
}

// Load reads the context of a name.
func Load(name string) (*Context, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("%w: %q is no name of one", ErrContext, name)
	}
	dir, err := directory()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContext, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w; \"nats context ls\" lists them", ErrContext, err)
	}
	c := &Context{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrContext, name, err)
	}
	if c.NSC+c.Proxy+c.CertType != "" {
		return nil, fmt.Errorf("%w: %s uses nsc, socks_proxy or windows_cert_store, which are not read; name a creds file in it", ErrContext, name)
	}
	for _, file := range []*string{&c.Creds, &c.NKey, &c.Cert, &c.Key, &c.CA} {
		*file = expand(*file)
	}
	return c, nil
}

func directory() (string, error) {
	base := os.Getenv("XDG_CONFIG_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "nats", "context"), nil
}

// expand replaces a leading ~ and variables, as the nats command line does.
func expand(file string) string {
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			file = filepath.Join(home, rest)
		}
	}
	return os.ExpandEnv(file)
}
