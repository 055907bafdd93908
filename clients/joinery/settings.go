package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Where a setting came from, the strongest first.
const (
	fromFlag        = "flag"
	fromEnvironment = "environment"
	fromFile        = "file"
	fromDefault     = "default"
)

// maxConfig bounds a configuration file in bytes.
const maxConfig = 1 << 20

// settle gives the flags of a command that were not given on the command line
// their values from the environment, and those that are not there either from the
// file that --config names. It notes where each came from.
func configure(cmd *cobra.Command) error {
	if err := fromEnv(cmd); err != nil {
		return err
	}
	if f := cmd.Flags().Lookup("config"); f != nil && f.Value.String() != "" {
		if err := fromConfig(cmd, f.Value.String()); err != nil {
			return misuse(cmd, fmt.Errorf("--config %s: %w", f.Value, err))
		}
	}
	return nil
}

// isSetting reports whether a flag may be set by the environment and the file.
func isSetting(f *pflag.Flag) bool {
	return f.Name != "help" && f.Name != "json" && f.Name != "print-config"
}

// variable is the environment variable of a flag.
func variable(f *pflag.Flag) string {
	return "JOINERY_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// shared are the settings of thin clients that the environment gives; the others
// say what one call is to do.
var shared = map[string]bool{
	"nats": true, "creds": true, "nkey": true, "tls-ca": true, "tls-cert": true, "tls-key": true,
	"nats-context": true, "inbox-prefix": true, "space": true,
}

func fromEnv(cmd *cobra.Command) (err error) {
	all := cmd.Flags().Lookup("config") != nil
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(variable(f))
		if value == "" || f.Changed || !isSetting(f) || !all && !shared[f.Name] {
			return
		}
		if failed := set(f, strings.Split(value, ","), value); failed != nil {
			err = errors.Join(err, misuse(cmd, fmt.Errorf("$%s: %w", variable(f), failed)))
			return
		}
		note(f, fromEnvironment)
	})
	return err
}

// set gives a flag a value, or several if it takes them.
func set(f *pflag.Flag, list []string, one string) error {
	if s, ok := f.Value.(pflag.SliceValue); ok {
		return s.Replace(list)
	}
	return f.Value.Set(one)
}

const origin = "joinery-origin"

// note marks a flag as given, and by what.
func note(f *pflag.Flag, from string) {
	f.Changed = true
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[origin] = []string{from}
}

// originOf says where a flag's value came from.
func originOf(f *pflag.Flag) string {
	switch {
	case len(f.Annotations[origin]) == 1:
		return f.Annotations[origin][0]
	case f.Changed:
		return fromFlag
	}
	return fromDefault
}

// fromConfig reads a JSON object whose keys are the names of flags.
func fromConfig(cmd *cobra.Command, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	if err != nil || len(b) > maxConfig {
		return errors.Join(err, fmt.Errorf("the file has more than %d bytes, or cannot be read", maxConfig))
	}
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &values); err != nil {
		return fmt.Errorf("not a JSON object of settings: %w", err)
	}
	for name, raw := range values {
		f := cmd.Flags().Lookup(name)
		if f == nil || !isSetting(f) || name == "config" {
			return fmt.Errorf("unknown setting %q; joinery %s --help lists them", name, cmd.Name())
		}
		if f.Changed {
			continue
		}
		if err := setJSON(f, raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		note(f, fromFile)
	}
	return nil
}

// setJSON gives a flag a value of a file: text, a number, true, false, or a list of texts.
func setJSON(f *pflag.Flag, raw json.RawMessage) error {
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		return set(f, []string{text}, text)
	case '[':
		var list []string
		s, ok := f.Value.(pflag.SliceValue)
		if err := json.Unmarshal(raw, &list); err != nil || !ok {
			return errors.Join(err, errors.New("takes no list"))
		}
		return s.Replace(list)
	case '{', 'n':
		return errors.New("must be text, a number, true, false or a list of texts")
	}
	return f.Value.Set(string(raw))
}

// setting is a line of --print-config.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// printConfig prints the settings in force, without secrets.
func printConfig(cmd *cobra.Command, o *options) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !isSetting(f) || err != nil {
			return
		}
		line := setting{f.Name, withoutSecrets(f.Value.String()), originOf(f)}
		err = o.show(cmd, line, "%-16s %-40s %s", line.Name, line.Value, line.From)
	})
	return err
}

// withoutSecrets hides the passwords and tokens of all URLs in a value. Secrets
// themselves are in files, of which a setting has the name.
func withoutSecrets(value string) string {
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '[' || r == ']' })
	for _, p := range parts {
		u, err := url.Parse(strings.TrimSpace(p))
		if err != nil || u.User == nil {
			continue
		}
		u.User = url.User("xxxxx")
		value = strings.ReplaceAll(value, p, u.String())
	}
	return value
}
