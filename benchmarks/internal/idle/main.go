// Command idle opens a replica on a client connection to the server whose URL is
// its argument, lets it be idle for a moment, and prints the process's resident
// memory in KiB.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func run(url string) error {
	ctx := context.Background()
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	r, err := joinery.Open(ctx, joinery.Config{Space: "bench", Conn: nc})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err := r.Doc("device").Register("speed").Set(ctx, 3); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	debug.FreeOSMemory() // as the runtime would in time
	kib, err := resident()
	fmt.Println(kib)
	return err
}

// resident returns VmRSS, as Linux tells it.
func resident() (string, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSuffix(strings.TrimSpace(rest), " kB"), nil
		}
	}
	return "", fmt.Errorf("no VmRSS in /proc/self/status")
}
