package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker/embedded"
)

const (
	// killsPerStory is after how many kills a directory is begun anew: each start
	// after a kill leaves an entry in the context of documents.
	killsPerStory = 50
	shortestLoad  = 100 * time.Millisecond
	longestLoad   = 300 * time.Millisecond
	// checkTime bounds one request or read of the check.
	checkTime = 60 * time.Second
)

// report is what came of all.
type report struct {
	Kills        int            `json:"kills"`  // under load
	Starts       int            `json:"starts"` // killed before they served
	Stories      map[string]int `json:"stories"`
	Acknowledged int            `json:"acknowledged"` // writes
	Open         int            `json:"open"`         // requests that were not answered
	Changes      int            `json:"changes"`      // read at the other replica
	Seconds      float64        `json:"seconds"`
	Seed         uint64         `json:"seed"`
}

func (r *report) perMinute() float64 { return float64(r.Kills) / max(r.Seconds, 1e-3) * 60 }

// String says it for people.
func (r *report) String() string {
	return fmt.Sprintf("%d kills under load, %d while starting; %d writes acknowledged, %d requests not answered; %.1f s, %.0f kills/min, seed %d",
		r.Kills, r.Starts, r.Acknowledged, r.Open, r.Seconds, r.perMinute(), r.Seed)
}

// site is the two servers: the hub, where replicas meet, and an island, where
// one is looked at alone.
type site struct {
	hub, island *embedded.Server
	hubConn     *nats.Conn
	islandConn  *nats.Conn
}

func newSite(ctx context.Context) (s *site, err error) {
	s = &site{}
	for _, x := range []struct {
		server **embedded.Server
		conn   **nats.Conn
	}{{&s.hub, &s.hubConn}, {&s.island, &s.islandConn}} {
		if *x.server, err = embedded.Start(ctx, embedded.Config{Listen: "127.0.0.1:0"}); err != nil {
			return nil, errors.Join(err, s.close())
		}
		if *x.conn, err = (*x.server).Connect(); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func (s *site) close() (err error) {
	for _, conn := range []*nats.Conn{s.hubConn, s.islandConn} {
		if conn != nil {
			conn.Close()
		}
	}
	for _, server := range []*embedded.Server{s.hub, s.island} {
		if server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), startTime)
			err = errors.Join(err, server.Shutdown(ctx))
			cancel()
		}
	}
	return err
}

// killAll plays stories until there were enough kills. In the end it makes a report,
// also if something was wrong.
func killAll(ctx context.Context, s settings, home string, log io.Writer) (*report, error) {
	r := &report{Stories: make(map[string]int), Seed: s.seed}
	site, err := newSite(ctx)
	if err != nil {
		return r, err
	}
	begun, said := time.Now(), time.Now()
	tell := func() {
		if r.Seconds = time.Since(begun).Seconds(); time.Since(said) > 5*time.Second {
			said = time.Now()
			fmt.Fprintf(log, "%d of %d kills, %.0f kills/min, %d acknowledged writes\n", r.Kills, s.kills, r.perMinute(), r.Acknowledged)
		}
	}
	each := min(killsPerStory, (s.kills+len(s.stores)-1)/len(s.stores))
	for n := 0; err == nil && r.Kills < s.kills; n++ {
		engine := s.stores[n%len(s.stores)]
		st := &story{site: site, exe: s.exe, engine: engine, level: s.level, seed: s.seed + uint64(n), report: r, tell: tell}
		st.dir = filepath.Join(home, fmt.Sprintf("data-%d", n))
		if err = st.play(ctx, min(each, s.kills-r.Kills)); err != nil {
			err = fmt.Errorf("story %d on %s, after %d kills in all (seed %d): %w", n, engine, r.Kills, s.seed, err)
		}
		r.Stories[engine]++
		err = errors.Join(err, os.RemoveAll(st.dir))
	}
	r.Seconds = time.Since(begun).Seconds()
	return r, errors.Join(err, site.close())
}

// story is one directory, from its first start to its end.
type story struct {
	*site
	exe, engine, dir string
	level            string // of durability
	seed             uint64
	rand             *rand.Rand
	models           []*model // of the writers, the last one's last
	report           *report
	tell             func()

	peer   *process
	reader asker // at the peer
}

func (s *story) play(ctx context.Context, kills int) (err error) {
	s.rand = rand.New(rand.NewPCG(s.seed, 7))
	for i := range writers + 1 {
		s.models = append(s.models, newModel(i, s.seed))
	}
	if s.peer, err = start(s.exe, "--nats", s.hub.ClientURL(), "--space", space); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.peer.stop()) }()
	s.reader = newAsker(s.hubConn, s.peer.Replica)
	reading, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		n, _ := newAsker(s.hubConn, s.peer.Replica).follow(reading) // it ends with the context
		s.report.Changes += n
	})
	defer watching.Wait()
	defer stop()
	for range kills {
		if err := s.round(ctx); err != nil {
			return err
		}
		s.report.Kills++
		s.tell()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.end(ctx)
}

// run starts the replica on its directory.
func (s *story) run(at *embedded.Server) (*process, error) {
	return start(s.exe, s.flags(at)...)
}

func (s *story) flags(at *embedded.Server) []string {
	return []string{"--nats", at.ClientURL(), "--space", space, "--dir", s.dir, "--store", s.engine, "--durability", s.level}
}

// round is one kill and what follows.
func (s *story) round(ctx context.Context) error {
	p, err := s.run(s.hub)
	if err != nil {
		return err
	}
	if s.rand.IntN(3) > 0 { // otherwise it is killed while it catches up, perhaps
		if err := s.meet(ctx, p); err != nil {
			p.kill()
			return err
		}
	}
	if err := s.load(ctx, p); err != nil {
		return err
	}
	if s.rand.IntN(4) == 0 {
		if err := s.killStart(); err != nil {
			return err
		}
	}
	return s.look(ctx)
}

// meet waits until the replica and the other one hold the same.
func (s *story) meet(ctx context.Context, p *process) error {
	within, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return agree(within, newAsker(s.hubConn, p.Replica), s.reader)
}

// load lets all writers write, and kills the replica meanwhile.
func (s *story) load(ctx context.Context, p *process) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(s.models))
	var writing sync.WaitGroup
	for i, m := range s.models {
		a := newAsker(s.hubConn, p.Replica)
		if i == writers {
			a = newAsker(s.hubConn, s.peer.Replica)
		}
		writing.Go(func() { errs[i] = a.load(ctx, m, i == writers) })
	}
	time.Sleep(shortestLoad + time.Duration(s.rand.Int64N(int64(longestLoad-shortestLoad))))
	p.kill()
	stop() // of what was asked of it there will be no answer
	writing.Wait()
	s.report.Acknowledged += s.taken()
	return errors.Join(errs...)
}

// taken returns how many writes were acknowledged since it was last called.
func (s *story) taken() (n int) {
	for _, m := range s.models[:writers] {
		n += m.acknowledged
		m.acknowledged = 0
		if len(m.doubt) > 0 || m.adds > 0 {
			s.report.Open++
		}
	}
	return n
}

// killStart kills the replica while it starts.
func (s *story) killStart() error {
	p, err := spawn(s.exe, s.flags(s.island)...)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(s.rand.Int64N(int64(longestLoad / 2))))
	p.kill()
	s.report.Starts++
	return nil
}

// look starts the replica alone and compares what it holds with what the
// writers were told.
func (s *story) look(ctx context.Context) error {
	p, err := s.run(s.island)
	if err != nil {
		return err
	}
	if err := s.judge(ctx, newAsker(s.islandConn, p.Replica), s.models[:writers]); err != nil {
		p.kill()
		return err
	}
	if s.rand.IntN(2) == 0 {
		p.kill()
		return nil
	}
	return p.stop()
}

// judge compares what a replica holds with what writers were told.
func (s *story) judge(ctx context.Context, a asker, models []*model) error {
	within, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if _, err := a.status(within); err != nil {
		return err
	}
	all, err := a.read(within)
	if err != nil {
		return err
	}
	for i, m := range models {
		if s.level == "commit" {
			err = errors.Join(err, m.judge(&all[i]))
		} else {
			m.adopt(&all[i])
		}
	}
	return err
}

// end checks the directory, and the other replica.
func (s *story) end(ctx context.Context) error {
	if text, err := exec.CommandContext(ctx, s.exe, "verify", s.dir, "--quiet").CombinedOutput(); err != nil {
		return fmt.Errorf("joinery verify: %w\n%s", err, text)
	}
	p, err := s.run(s.hub)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := s.meet(ctx, p); err != nil {
		return err
	}
	return errors.Join(s.judge(ctx, s.reader, s.models), s.judge(ctx, newAsker(s.hubConn, p.Replica), s.models))
}
