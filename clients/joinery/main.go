// Command joinery runs replicas and talks to them.
//
//	joinery demo                     three replicas diverge, conflict and converge
//	joinery serve                    a replica with a NATS server of its own
//	joinery put user:123 name Alice  and get, delete, add, remove, inc, watch, ...
//	joinery import FILE              JSON Lines into a replica, and export back
//	joinery serve --dir DIR          a replica that keeps its data on disk
//	joinery backup FILE              and restore, verify, compact
//	joinery permissions ROLE         the NATS permissions that a role needs
//
// The commands other than demo, serve, restore and verify are thin clients: they
// hold no replica, but ask one through NATS. "joinery help COMMAND" has examples.
//
// # Exit status
//
// 0: done. 1: failed, refused, not found, or not converged. 2: the command
// line or the configuration could not be understood. 3: no server, or no replica
// of the space, was there to answer. 130, 143: ended by a second signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses; the package comment and the help text say the same.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNoServer = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(guard(root, args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	var absent *absentError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "joinery: %v\nSee: %s --help\n", err, usage.command)
		return exitUsage
	case errors.As(err, &absent):
		fmt.Fprintf(errs, "joinery: %v\n", err)
		return exitNoServer
	}
	fmt.Fprintf(errs, "joinery: %v\n", err)
	return exitFailed
}
