package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
	"github.com/joinery-crdt/joinery/sync/store"
)

// keeping is the flags of serve that say where the replica keeps its data.
type keeping struct {
	dir, engine, durability string
	syncEvery               time.Duration
}

// The levels of --durability.
const (
	everyCommit = "commit"
	interval    = "interval"
	inMemory    = "memory"
)

func (k *keeping) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&k.dir, "dir", "", "keep the data in this `DIR`, made if it is not there; without it all is in memory")
	addEngine(cmd, &k.engine, "what DIR has, or pebble")
	flags.StringVar(&k.durability, "durability", "", "when a write is acknowledged, `LEVEL` commit, interval or memory (default commit with --dir)")
	flags.DurationVar(&k.syncEvery, "sync-every", 100*time.Millisecond, "how long a write waits for the disk at most with --durability interval")
	complete(cmd, "durability", everyCommit, interval, inMemory)
	_ = cmd.MarkFlagDirname("dir") // it is there
}

// addEngine adds the flag --store.
func addEngine(cmd *cobra.Command, engine *string, missing string) {
	cmd.Flags().StringVar(engine, "store", "", "`ENGINE` of the data, pebble or bolt (default "+missing+")")
	complete(cmd, "store", datadir.Engines()...)
}

// complete makes the shell complete a flag's values.
func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // it is there
}

// check refuses flags that contradict each other, and sets the default.
func (k *keeping) check(cmd *cobra.Command) error {
	levels := []string{everyCommit, interval, inMemory}
	if k.durability == "" {
		if k.durability = inMemory; k.dir != "" {
			k.durability = everyCommit
		}
	}
	err := named(cmd)
	switch {
	case err != nil:
	case !slices.Contains(levels, k.durability):
		err = fmt.Errorf("--durability %s: must be one of %s", k.durability, strings.Join(levels, ", "))
	case k.engine != "" && !slices.Contains(datadir.Engines(), k.engine):
		err = fmt.Errorf("--store %s: must be one of %s", k.engine, strings.Join(datadir.Engines(), ", "))
	case k.dir != "" && k.durability == inMemory:
		err = errors.New("--durability memory keeps nothing in --dir; leave one of them out")
	case k.dir == "" && k.durability != inMemory:
		err = fmt.Errorf("--durability %s needs --dir DIR", k.durability)
	case k.dir == "" && k.engine != "":
		err = errors.New("--store needs --dir DIR")
	case k.durability != interval && cmd.Flags().Changed("sync-every"):
		err = errors.New("--sync-every needs --durability interval")
	case k.syncEvery <= 0:
		err = errors.New("--sync-every must be above 0")
	}
	return misuse(cmd, err)
}

// named refuses a --dir that is given and empty, as of a variable that is not set.
func named(cmd *cobra.Command) error {
	if dir := cmd.Flags().Lookup("dir"); dir.Changed && dir.Value.String() == "" {
		return misuse(cmd, errors.New("--dir is empty; name a directory"))
	}
	return nil
}

// open opens the directory, if there is to be one, and makes it the replica's.
func (k *keeping) open(cfg *joinery.Config, log *slog.Logger) (*service.Storage, error) {
	if k.dir == "" {
		return nil, nil
	}
	s, engine, err := datadir.Open(k.dir, k.engine, log)
	if err != nil {
		return nil, advised(err)
	}
	cfg.Store = s
	if k.durability == interval {
		cfg.Durability, cfg.SyncEvery = joinery.Interval, k.syncEvery
	}
	return &service.Storage{Store: s, Engine: engine, Dir: k.dir, Durability: k.level()}, nil
}

// level says when a write is acknowledged.
func (k *keeping) level() string {
	if k.durability == interval {
		return fmt.Sprintf("%s %v", interval, k.syncEvery)
	}
	return k.durability
}

// advised says what else to do about an error of a directory.
func advised(err error) error {
	if errors.Is(err, store.ErrCorrupt) {
		return fmt.Errorf("%w\nto start anew from the other replicas, serve another directory; to restore a backup, see joinery restore --help", err)
	}
	return err
}

// text says where the data is.
func (k *keeping) text(storage *service.Storage) string {
	switch {
	case storage == nil:
		return "all data is in memory and gone when this ends; --dir DIR keeps it\n"
	case k.durability == interval:
		return fmt.Sprintf("data is in %s (%s); a kill or a crash can take the last %v\n", k.dir, storage.Engine, k.syncEvery)
	}
	return fmt.Sprintf("data is in %s (%s); what is acknowledged is on the disk\n", k.dir, storage.Engine)
}
