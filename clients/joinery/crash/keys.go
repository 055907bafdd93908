package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

const (
	// keysPerLine is how many keys are written as one group.
	keysPerLine = 500
	// linesPerRequest of them go into one request.
	linesPerRequest = 8
	// askEvery is the pause before asking again a process that does not serve yet.
	askEvery = time.Millisecond
	// filling bounds the writing of all keys.
	filling = 30 * time.Minute
)

// measured is how long a start after a kill took.
type measured struct {
	Store     string  `json:"store"`
	Keys      int     `json:"keys"`
	Fill      float64 `json:"fill_seconds"`
	DiskBytes int64   `json:"disk_bytes"`
	FirstRead float64 `json:"first_read_seconds"` // since the process was started
	Reads     float64 `json:"reads_while_loading_seconds"`
	Loaded    float64 `json:"loaded_seconds"` // since then, too
}

// String says it for people.
func (m *measured) String() string {
	return fmt.Sprintf("%s: %d keys, written in %.1f s, %d MB on disk; after a kill the first read was answered %.0f ms after the start, "+
		"a read meanwhile in %.1f ms on average, and all was in memory after %.1f s",
		m.Store, m.Keys, m.Fill, m.DiskBytes>>20, m.FirstRead*1000, m.Reads*1000, m.Loaded)
}

// keyOf returns a key of 32 bytes.
func keyOf(i int) string { return fmt.Sprintf("%032x", uint64(i)*0x9e3779b97f4a7c15) }

func valueOf(i int) string { return fmt.Sprintf("value-%026d", i) }

func measureAll(ctx context.Context, s settings, home string, out, log io.Writer) error {
	server, err := embedded.Start(ctx, embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer server.Shutdown(context.WithoutCancel(ctx))
	conn, err := server.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, engine := range s.stores {
		r := &restarting{conn: conn, exe: s.exe, log: log, out: measured{Store: engine, Keys: s.keys}}
		dir := filepath.Join(home, engine)
		r.flags = []string{"--nats", server.ClientURL(), "--space", space, "--dir", dir, "--store", engine}
		err := errors.Join(r.measure(ctx, rand.New(rand.NewPCG(s.seed, 3))), os.RemoveAll(dir))
		if err != nil {
			return err
		}
		if s.json {
			err = json.NewEncoder(out).Encode(&r.out)
		} else {
			_, err = fmt.Fprintln(out, &r.out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restarting is one measurement.
type restarting struct {
	conn  *nats.Conn
	exe   string
	flags []string
	log   io.Writer
	out   measured
}

func (r *restarting) measure(ctx context.Context, rnd *rand.Rand) error {
	p, err := start(r.exe, r.flags...)
	if err != nil {
		return err
	}
	a := newAsker(r.conn, p.Replica)
	begun := time.Now()
	if err := r.fill(ctx, a); err != nil {
		p.kill()
		return err
	}
	r.out.Fill = time.Since(begun).Seconds()
	if st, err := a.status(ctx); err == nil && st.Storage != nil {
		r.out.DiskBytes = st.Storage.Bytes
	}
	p.kill()

	begun = time.Now()
	if p, err = spawn(r.exe, r.flags...); err != nil {
		return err
	}
	defer p.kill()
	if err := r.first(ctx, a, rnd); err != nil {
		return fmt.Errorf("%w\n%s", err, &p.errs)
	}
	r.out.FirstRead = time.Since(begun).Seconds()
	err = r.whileLoading(ctx, a, rnd)
	r.out.Loaded = time.Since(begun).Seconds()
	return err
}

// fill writes all keys.
func (r *restarting) fill(ctx context.Context, a asker) error {
	ctx, cancel := context.WithTimeout(ctx, filling)
	defer cancel()
	said := time.Now()
	for done := 0; done < r.out.Keys; {
		var lines strings.Builder
		for range linesPerRequest {
			end := min(done+keysPerLine, r.out.Keys)
			fields := make(map[string]string, keysPerLine)
			for ; done < end; done++ {
				fields[keyOf(done)] = valueOf(done)
			}
			if len(fields) == 0 {
				break
			}
			line, err := json.Marshal(map[string]any{"doc": "keys", "fields": fields})
			if err != nil {
				return err
			}
			lines.Write(append(line, '\n'))
		}
		if err := a.send(ctx, []byte(lines.String())); err != nil {
			return err
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			fmt.Fprintf(r.log, "%s: wrote %d of %d keys\n", r.out.Store, done, r.out.Keys)
		}
	}
	return nil
}

// first reads a random key as soon as there is an answer.
func (r *restarting) first(ctx context.Context, a asker, rnd *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := r.get(ctx, a, rnd.IntN(r.out.Keys))
		if !errors.Is(err, remote.ErrNoReplica) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(askEvery)
	}
}

// get reads one key and compares its value.
func (r *restarting) get(ctx context.Context, a asker, i int) error {
	q := protocol.Query{Kind: protocol.Fields, Doc: "keys", Field: keyOf(i), Exact: true}
	n := 0
	for f, err := range a.FieldLines(ctx, q) {
		if err != nil {
			return err
		}
		if n++; string(f.Value) != `"`+valueOf(i)+`"` {
			return fmt.Errorf("key %d has the value %s", i, f.Value)
		}
	}
	if n != 1 {
		return fmt.Errorf("key %d has %d values", i, n)
	}
	return nil
}

// whileLoading reads random keys until all of them are in memory.
func (r *restarting) whileLoading(ctx context.Context, a asker, rnd *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, filling)
	defer cancel()
	reads, took := 0, time.Duration(0)
	for {
		st, err := a.status(ctx)
		if err != nil {
			return err
		}
		if st.Loading == 0 {
			break
		}
		begun := time.Now()
		if err := r.get(ctx, a, rnd.IntN(r.out.Keys)); err != nil {
			return err
		}
		took += time.Since(begun)
		reads++
	}
	r.out.Reads = took.Seconds() / float64(max(reads, 1))
	return nil
}
