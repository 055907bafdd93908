// Command crash kills replicas and looks whether they keep their word.
//
//	go run ./clients/joinery/crash [-kills 20] [-store pebble|bolt|all] [-durability commit|interval] [-seed N] [-json]
//	go run ./clients/joinery/crash -keys 1000000 [-store pebble]
//
// # Kills
//
// It runs a real "joinery serve --dir" under the writes of several clients, with
// another one beside it that hears all and is read from, and kills the
// first with SIGKILL at a random moment. Then it starts it again, away from the
// other, so that nothing can be repaired, and reads all of it:
//
//   - every write that was acknowledged is there, or a later one of the same writer;
//   - of a request that was not answered a first part is there, or nothing;
//   - what was not there then never comes back.
//
// Some of these starts are killed as well, before they serve; the others are killed
// or stopped, in turn. Back beside the other one the two must hold the same, and
// none may ever have met one event with two contents. From time to time the
// directory is checked by "joinery verify", and begun anew. With -durability interval
// a kill may take what was acknowledged last; all else is checked as before.
//
// # Keys
//
// With -keys it fills one document with that many keys of 32 bytes, kills the
// process, and takes the time from its next start to the first read of a random key.
//
// The exit status is 0 if nothing was wrong, 1 if something was, 2 if the command
// could not be understood.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// settings are the flags.
type settings struct {
	kills  int
	keys   int
	stores []string
	level  string // of durability
	seed   uint64
	exe    string
	json   bool
}

func command(ctx context.Context, args []string, out, errs io.Writer) int {
	s, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if err := execute(ctx, s, out, errs); err != nil {
		fmt.Fprintf(errs, "crash: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, errs io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("crash", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&s.kills, "kills", 20, "how many times to kill under load")
	flags.IntVar(&s.keys, "keys", 0, "measure a start with this many keys instead")
	store := flags.String("store", "all", "engine: pebble, bolt or all")
	flags.StringVar(&s.level, "durability", "commit", "commit; or interval, where acknowledged writes may be lost")
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of all that is random, but for the times that processes take")
	flags.StringVar(&s.exe, "joinery", "", "the program to run; built by default")
	flags.BoolVar(&s.json, "json", false, "write the report as JSON")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch *store {
	case "all":
		s.stores = []string{"pebble", "bolt"}
	case "pebble", "bolt":
		s.stores = []string{*store}
	default:
		err = fmt.Errorf("crash: there is no store %q", *store)
	}
	if s.level != "commit" && s.level != "interval" {
		err = fmt.Errorf("crash: nothing can be asked of durability %q", s.level)
	}
	if err != nil {
		fmt.Fprintln(errs, err)
	}
	return s, err
}

func execute(ctx context.Context, s settings, out, errs io.Writer) error {
	home, err := os.MkdirTemp("", "joinery-crash-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	if s.exe == "" {
		if s.exe, err = build(ctx, home); err != nil {
			return err
		}
	}
	if s.keys > 0 {
		return measureAll(ctx, s, home, out, errs)
	}
	r, err := killAll(ctx, s, home, errs)
	if s.json {
		return errors.Join(err, json.NewEncoder(out).Encode(r))
	}
	fmt.Fprintln(out, r)
	return err
}

// build builds the command line.
func build(ctx context.Context, home string) (string, error) {
	exe := filepath.Join(home, "joinery")
	if runtime.GOOS == "windows" {
		exe += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", exe, "github.com/joinery-crdt/joinery/clients/joinery")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, text)
	}
	return exe, nil
}
