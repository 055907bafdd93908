package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/joinery-crdt/joinery/sync/message"
)

// peak returns the greatest rates a second, of bins of a tenth.
func (x *outcome) peak() (out, sent int) {
	for _, b := range x.bins {
		out, sent = max(out, 10*b.out), max(sent, 10*b.sent)
	}
	return out, sent
}

// report prints the outcomes, one a line, and then the messages by kind.
func report(to io.Writer, all []*outcome, markdown bool) {
	header := []string{"while the hub was away", "converged after", "peak, hub to all", "a replica", "peak, sent to the hub", "bytes in all, hub to all", "before it: hub to all", "sent"}
	var rows [][]string
	for _, x := range all {
		out, sent := x.peak()
		total := 0
		for _, k := range x.kinds {
			total += k.bytes
		}
		rows = append(rows, []string{
			x.name, fmt.Sprintf("%.1f s", x.converged.Seconds()), size(out) + "/s", size(out/x.replicas) + "/s",
			fmt.Sprintf("%d messages/s", sent), size(total), size(x.quiet.out) + "/s", fmt.Sprintf("%d messages/s", x.quiet.sent),
		})
	}
	table(to, header, rows, markdown)
	header = []string{"messages sent (and received)"}
	for k := message.KindDelta; k <= message.KindDecline; k++ {
		header = append(header, k.String())
	}
	rows = nil
	for _, x := range all {
		row := []string{x.name}
		for k := message.KindDelta; k <= message.KindDecline; k++ {
			row = append(row, fmt.Sprintf("%d (%d)", x.kinds[k].sent, x.kinds[k].received))
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(to)
	table(to, header, rows, markdown)
}

// size says a number of bytes in three digits.
func size(n int) string {
	for _, u := range []string{"B", "KB", "MB"} {
		if n < 10_000 {
			return fmt.Sprintf("%d %s", n, u)
		}
		n = (n + 500) / 1000
	}
	return fmt.Sprintf("%d GB", n)
}

func table(to io.Writer, header []string, rows [][]string, markdown bool) {
	if markdown {
		fmt.Fprintf(to, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat("---|", len(header)))
		for _, r := range rows {
			fmt.Fprintf(to, "| %s |\n", strings.Join(r, " | "))
		}
		return
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush()
}
