package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// The questions about whole processes: what an import adds to a binary, what an
// idle replica takes, how soon a large one answers after a start.

func processQuestions() []question {
	return []question{
		{name: "binary/client", unit: "MB", goal: 0.6, measure: binaryOfSet},
		{name: "memory/idle", unit: "MB", goal: 12, measure: idleMemory},
		{name: "start/1m", unit: "ms", baseline: "the store alone", goal: 1.5, heavy: true, measure: firstRead},
	}
}

// buildStripped builds a program of this suite and returns its path.
func buildStripped(dir, program string) (string, error) {
	out := filepath.Join(dir, program)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out,
		"github.com/joinery-crdt/joinery/benchmarks/internal/"+program)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", program, err, bytes.TrimSpace(msg))
	}
	return out, nil
}

// binaryOfSet returns how much larger a program gets by the use of an OR-set.
func binaryOfSet(workload) (value, base float64, err error) {
	dir, err := os.MkdirTemp("", "joinery-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var sizes [2]int64
	for i, program := range []string{"hello", "helloset"} {
		path, err := buildStripped(dir, program)
		if err != nil {
			return 0, 0, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return 0, 0, err
		}
		sizes[i] = info.Size()
	}
	return float64(sizes[1]-sizes[0]) / 1e6, 0, nil
}

// idleMemory returns the resident memory of a program that holds an idle replica
// on a client connection.
func idleMemory(workload) (value, base float64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := newBench(ctx, false)
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	dir, err := os.MkdirTemp("", "joinery-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := buildStripped(dir, "idle")
	if err != nil {
		return 0, 0, err
	}
	out, err := exec.CommandContext(ctx, path, b.srv.ClientURL()).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return 0, 0, err
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return kib * 1024 / 1e6, 0, err
}

// firstRead opens a replica of 1M keys and reads one, against opening the store
// and reading a row.
func firstRead(w workload) (value, base float64, err error) {
	keys, values := entries(10 * w.keys)
	d, err := openDurable(joinery.Interval, nil)
	if err != nil {
		return 0, 0, err
	}
	defer d.remove()
	if err := d.fill(keys, values); err != nil {
		return 0, 0, err
	}
	time.Sleep(5 * time.Second) // a checkpoint may be under way
	if err := errors.Join(d.Close(), d.store.Close()); err != nil {
		return 0, 0, err
	}
	data := filepath.Join(d.dir, "data")
	if _, err := storeRead(data); err != nil { // the first start tidies up for whoever comes next
		return 0, 0, err
	}
	if base, err = storeRead(data); err != nil {
		return 0, 0, err
	}
	value, err = replicaRead(data, keys[7])
	return value, base, err
}

// fill puts entries in atomic batches and closes nothing.
func (d *durable) fill(keys, values []string) error {
	ctx, doc := context.Background(), d.Doc("doc")
	for at := 0; at < len(keys); at += batchSize {
		if err := doc.Update(ctx, func(tx *joinery.Tx) error {
			for i := at; i < min(at+batchSize, len(keys)); i++ {
				if err := tx.Register(keys[i]).Set(ctx, values[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func storeRead(data string) (ms float64, err error) {
	start := time.Now()
	s, err := pebble.Open(data, pebble.Options{})
	if err != nil {
		return 0, err
	}
	for _, err := range s.Scan(nil, nil) {
		if err != nil {
			return 0, err
		}
		break
	}
	ms = float64(time.Since(start).Nanoseconds()) / 1e6
	return ms, s.Close()
}

func replicaRead(data, key string) (ms float64, err error) {
	start := time.Now()
	s, err := pebble.Open(data, pebble.Options{})
	if err != nil {
		return 0, err
	}
	r, err := joinery.Open(context.Background(), joinery.Config{Space: "bench", Store: s})
	if err != nil {
		return 0, errors.Join(err, s.Close())
	}
	if _, ok, err := joinery.Get[string](r.Doc("doc").Register(key)); err != nil || !ok {
		return 0, errors.Join(fmt.Errorf("the first read found a value: %v", ok), err, r.Close(), s.Close())
	}
	ms = float64(time.Since(start).Nanoseconds()) / 1e6
	return ms, errors.Join(r.Close(), s.Close())
}
