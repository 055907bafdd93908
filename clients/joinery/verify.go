package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/journal"
)

func newVerify(o *options) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "verify DIR|FILE",
		Short: "Check a data directory or a backup",
		Long: `Reads all that is in the directory of a replica that does not run, or in a backup,
and checks it. In a directory, each entry must be what was written, each document
must fit together, and no event may have two contents. In a backup, nothing
may be missing or changed.

It changes no data and names what it finds; the exit status is 1 if that is anything.
The engine may finish what a kill interrupted, so a directory must be writable,
with some space left.
A replica that runs finds damage by itself, and puts the document aside: what
lies aside is listed, and is no problem any more.`,
		Example: example("joinery verify ~/joinery", "joinery verify monday.backup", "joinery verify ~/joinery --json | jq .problems"),
		Args:    takes(cobra.ExactArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			p := newProgress(cmd.ErrOrStderr(), "checked", quiet || o.json)
			p.noun = ""
			found, err := verify(cmd, args[0], p)
			if err != nil {
				p.abort()
				return err
			}
			p.end()
			if o.json || len(found.Problems) == 0 {
				err = o.show(cmd, found, "%s", found.text())
			}
			return errors.Join(err, complain(cmd, found.Problems, "damaged: "+args[0]))
		}),
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no progress")
	return cmd
}

// verified is what a check found.
type verified struct {
	Path      string       `json:"path"`
	Kind      string       `json:"kind"`            // directory or backup
	Store     string       `json:"store,omitempty"` // of a directory
	Documents int          `json:"documents,omitempty"`
	Events    uint64       `json:"events,omitempty"` // live ones
	Entries   uint64       `json:"entries"`
	Bytes     uint64       `json:"bytes"` // of keys and values
	Aside     []asideLine  `json:"aside,omitempty"`
	Problems  []damageLine `json:"problems,omitempty"`
	More      int          `json:"more_problems,omitempty"`
}

// asideLine is a damaged document that was put aside.
type asideLine struct {
	Doc     string    `json:"doc"`
	Since   time.Time `json:"since"`
	Why     string    `json:"why"`
	Entries uint64    `json:"entries"`
	Bytes   uint64    `json:"bytes"`
}

// damageLine is something that is not what was written.
type damageLine struct {
	Doc     string `json:"doc,omitempty"`
	Key     string `json:"key,omitempty"` // in hexadecimal
	Problem string `json:"problem"`
}

func damageLines(all []journal.Problem) (out []damageLine) {
	for _, p := range all {
		out = append(out, damageLine{p.Doc, fmt.Sprintf("%x", p.Key), p.Err.Error()})
	}
	return out
}

func verify(cmd *cobra.Command, path string, p *progress) (*verified, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return verifyDir(cmd, path, p)
	}
	return verifyFile(cmd.Context(), path, p)
}

func verifyDir(cmd *cobra.Command, dir string, p *progress) (*verified, error) {
	s, engine, err := datadir.OpenExisting(dir, logger(cmd.ErrOrStderr(), false))
	if err != nil {
		return nil, advised(err)
	}
	rep, err := journal.Verify(cmd.Context(), s, p.follow())
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, advised(err)
	}
	out := &verified{
		Path: dir, Kind: "directory", Store: engine, Documents: rep.Documents, Events: rep.Dots,
		Entries: rep.Entries, Bytes: rep.Bytes, Problems: damageLines(rep.Problems), More: rep.More,
	}
	for _, a := range rep.Aside {
		line := asideLine{a.Doc, a.Since.UTC(), a.Why, a.Entries, a.Bytes}
		if a.Err != nil {
			line.Why = a.Err.Error()
		}
		out.Aside = append(out.Aside, line)
	}
	return out, nil
}

func verifyFile(ctx context.Context, file string, p *progress) (*verified, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	counts, err := journal.VerifyBackup(ctx, bufio.NewReaderSize(f, protocol.ChunkSize), p.follow())
	if err != nil {
		return nil, err
	}
	out := &verified{Path: file, Kind: "backup", Entries: counts.Entries, Bytes: counts.Bytes, Problems: damageLines(counts.Damaged)}
	if counts.LeftOut > 0 {
		out.Problems = append(out.Problems, damageLine{Problem: plural(int(counts.LeftOut), "entry") + " could not be read when the backup was made"})
	}
	return out, nil
}

// text says what was found if there were no problems.
func (v *verified) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is whole: ", v.Path)
	if v.Kind == "directory" {
		fmt.Fprintf(&b, "%s (%s), ", plural(v.Documents, "document"), v.Store)
	}
	fmt.Fprintf(&b, "%s, %s", plural(int(v.Entries), "entry"), size(v.Bytes))
	for _, a := range v.Aside {
		fmt.Fprintf(&b, "\nput aside on %s: %s, %s: %s", a.Since.Local().Format(time.DateTime), a.Doc, size(a.Bytes), a.Why)
	}
	return b.String()
}

// complainOf bounds the problems that are listed for people.
const complainOf = 20

// complain lists problems and returns an error if there are any.
func complain(cmd *cobra.Command, problems []damageLine, what string) error {
	if len(problems) == 0 {
		return nil
	}
	for i, p := range problems {
		if i == complainOf {
			cmd.PrintErrf("... --json has all\n")
			break
		}
		if p.Doc != "" {
			p.Problem = p.Doc + ": " + p.Problem
		}
		cmd.PrintErrf("%s\n", p.Problem)
	}
	return fmt.Errorf("%s (%s)", what, plural(len(problems), "problem"))
}
