package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/joinery-crdt/joinery/orset"
)

// Peers: CRDT libraries of the JavaScript world, measured by peers.mjs in Node
// with the same workload, in the same minute. What is not installed is skipped,
// by name.

//go:embed peers.mjs
var peersScript []byte

// errSkipped is wrapped where a peer is not installed.
var errSkipped = errors.New("skipped")

// peerKeys is how many entries the peers get: some take a millisecond each.
const peerKeys = 20_000

// peer is what peers.mjs prints of a library: nanoseconds and bytes an entry.
type peer struct {
	Name      string
	Put       float64
	Apply     float64
	Bytes1    float64
	Bytes1000 float64
	State     float64
	Error     string
}

// javascript runs the script once, in a directory with the libraries below it.
type javascript struct {
	dir   string
	once  sync.Once
	peers map[string]peer
	ours  peer
	err   error
}

func (j *javascript) questions() (out []question) {
	ask := func(name, unit string, goal float64, of func(peer) float64, lib string) question {
		return question{name: "peer/" + lib + "-" + name, unit: unit, baseline: lib, goal: goal, once: true,
			measure: func(workload) (float64, float64, error) {
				theirs, err := j.peer(lib)
				return of(j.ours), of(theirs), err
			}}
	}
	for _, lib := range []string{"yjs", "loro", "automerge"} {
		out = append(out,
			ask("put", "ns", 1, func(p peer) float64 { return p.Put }, lib),
			ask("apply", "ns", 1, func(p peer) float64 { return p.Apply }, lib),
			ask("bytes-1", "B", 0, func(p peer) float64 { return p.Bytes1 }, lib),
			ask("bytes-1000", "B", 0, func(p peer) float64 { return p.Bytes1000 }, lib),
			ask("state", "B", 0, func(p peer) float64 { return p.State }, lib))
	}
	return out
}

func (j *javascript) peer(name string) (peer, error) {
	j.once.Do(func() { j.err = j.run() })
	if j.err != nil {
		return peer{}, j.err
	}
	p, ok := j.peers[name]
	if !ok || p.Error != "" {
		return p, fmt.Errorf("%w: %s is not installed in %s; npm install --prefix %s yjs loro-crdt @automerge/automerge", errSkipped, name, j.dir, j.dir)
	}
	return p, nil
}

func (j *javascript) run() error {
	node, err := exec.LookPath("node")
	if err != nil {
		return fmt.Errorf("%w: Node is not installed", errSkipped)
	}
	if err := os.MkdirAll(j.dir, 0o755); err != nil {
		return err
	}
	script := filepath.Join(j.dir, "peers.mjs") // imports are looked for beside it
	if err := os.WriteFile(script, peersScript, 0o644); err != nil {
		return err
	}
	out, err := exec.Command(node, script, strconv.Itoa(peerKeys)).Output()
	if err != nil {
		return fmt.Errorf("peers.mjs: %w", err)
	}
	j.peers = make(map[string]peer)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var p peer
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return fmt.Errorf("peers.mjs: %w", err)
		}
		j.peers[p.Name] = p
	}
	j.ours, err = ourselves()
	return err
}

// ourselves measures this engine as peers.mjs does the others: one delta a put.
func ourselves() (p peer, err error) {
	keys, values := entries(peerKeys)
	a, b := orset.NewMap[string, string](alice), orset.NewMap[string, string](bob)
	deltas := make([][]byte, len(keys))
	p.Put = perOp(len(keys), func() {
		for i, k := range keys {
			if deltas[i], err = a.Put(k, values[i]); err != nil {
				return
			}
		}
	})
	if err != nil {
		return p, err
	}
	p.Apply = perOp(len(keys), func() {
		for _, d := range deltas {
			if err = b.Merge(d); err != nil {
				return
			}
		}
	})
	if err != nil {
		return p, err
	}
	batched := orset.NewMap[string, string](alice)
	bytes, err := ormapPuts(batched, keys, values)
	if err != nil {
		return p, err
	}
	state, err := batched.MarshalBinary()
	p.Bytes1 = float64(len(deltas[len(deltas)-1]))
	p.Bytes1000 = float64(bytes) / float64(len(keys))
	p.State = float64(len(state)) / float64(len(keys))
	return p, err
}
