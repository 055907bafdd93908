// Command maelstrom runs Maelstrom's workloads against replicas in processes of
// their own, over real NATS servers and sockets, breaks them meanwhile, and
// judges what came of it.
//
//	go run ./clients/maelstrom [-workload g-set|g-counter|pn-counter|broadcast|ledger|all]
//	    [-nemesis none|all|LIST of partition, kill, pause]
//	    [-topology all|LIST of one, minority-third, majority-ring]
//	    [-nodes 5] [-time 20s] [-rate 100] [-seed N] [-json] ...
//
// The exit status is 0 if all runs are valid, 1 if one is not, 2 if the command
// could not be understood or a run could not be made. README.md beside this
// file says what is checked, and what is not.
//
// # Servers
//
// Each node is a process with a NATS server of its own. With one server for all
// a broken link could only part a node from everybody; with a server a node,
// joined as a cluster by a full mesh of routes, there is a link for every pair,
// and since servers do not pass on from route to route what they got by one,
// breaking it parts just this pair. A process that is killed or paused takes
// its server along, as a machine would.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/node"
)

// nodeArgument makes the program a node instead of the harness.
const nodeArgument = "-maelstrom-node"

func main() {
	if len(os.Args) == 2 && os.Args[1] == nodeArgument {
		os.Exit(serveNode(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

func serveNode(in io.Reader, out, errs io.Writer) int {
	if err := node.Serve(context.Background(), in, out); err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}

func command(ctx context.Context, args []string, out, errs io.Writer) int {
	s, asJSON, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, err)
		return 2
	}
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintln(errs, err)
		return 2
	}
	s.command, s.log = []string{exe, nodeArgument}, errs
	return runAll(ctx, s, out, asJSON)
}

// runAll runs the workloads one after the other, and reports each.
func runAll(ctx context.Context, s settings, out io.Writer, asJSON bool) (status int) {
	for _, w := range s.workloads {
		report, err := run(ctx, s, w)
		if err != nil {
			fmt.Fprintf(s.log, "%s: %v\n", w.name, err)
			return 2
		}
		if asJSON {
			err = report.writeJSON(out)
		} else {
			err = report.write(out)
		}
		if err != nil {
			fmt.Fprintln(s.log, err)
			return 2
		}
		if !report.Valid {
			status = 1
		}
	}
	return status
}
