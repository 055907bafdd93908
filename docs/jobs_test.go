package docs_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// door is an address on a page: a listener that is held open, so that nobody else
// gets its port, and leads to whatever serves behind it at the moment.
type door struct {
	listener net.Listener
	tasks    sync.WaitGroup

	mu     sync.Mutex
	behind string // address, "" if nothing is
	conns  map[net.Conn]bool
}

func (r *reader) door(port string) *door {
	if d := r.doors[port]; d != nil {
		return d
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(r, err)
	d := &door{listener: l, conns: map[net.Conn]bool{}}
	d.tasks.Go(d.accept)
	r.doors[port] = d
	return d
}

func (d *door) address() string { return d.listener.Addr().String() }

func (d *door) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.tasks.Go(func() { d.pass(c) })
	}
}

func (d *door) pass(c net.Conn) {
	defer c.Close()
	d.mu.Lock()
	to := d.behind
	d.conns[c] = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	if to == "" {
		return
	}
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(c, server)
		_ = c.Close()
	})
	_, _ = io.Copy(server, c)
	_ = server.Close()
	back.Wait()
}

func (d *door) lead(to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behind = to
}

func (d *door) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.tasks.Wait()
}

var (
	address   = regexp.MustCompile(`127\.0\.0\.1:(\d+)`)
	listening = regexp.MustCompile(`(--listen|--leaf-listen) 127\.0\.0\.1:(\d+)`)
	joinAt    = regexp.MustCompile(`(nats|nats-leaf)://(127\.0\.0\.1:\d+)`)
)

// through replaces the addresses of a page by those of their doors.
func (r *reader) through(line string) string {
	return address.ReplaceAllStringFunc(line, func(a string) string {
		return r.door(address.FindStringSubmatch(a)[1]).address()
	})
}

// job is a command in the background.
type job struct {
	cmd   *exec.Cmd
	done  chan struct{}
	doors []*door
}

// background starts a server and waits until it serves.
func (r *reader) background(line string, want []string) {
	doors := map[string]*door{}
	for _, m := range listening.FindAllStringSubmatch(line, -1) {
		doors[map[string]string{"--listen": "nats", "--leaf-listen": "nats-leaf"}[m[1]]] = r.door(m[2])
	}
	line = listening.ReplaceAllString(line, "$1 any")
	line = strings.ReplaceAll(r.through(line), " any", " 127.0.0.1:0")
	cmd := r.shell(r.Context(), "exec "+line)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "JOINERY_NATS=") }) // it is for commands that ask
	out, err := cmd.StdoutPipe()
	require.NoError(r, err)
	cmd.Stderr = os.Stderr
	require.NoError(r, cmd.Start())
	j := &job{cmd: cmd, done: make(chan struct{})}
	r.jobs = append(r.jobs, j)
	stuck := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	var got []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		got = append(got, lines.Text())
		for _, m := range joinAt.FindAllStringSubmatch(lines.Text(), -1) {
			if d := doors[m[1]]; d != nil {
				d.lead(m[2])
				j.doors = append(j.doors, d)
			}
		}
		if strings.HasPrefix(lines.Text(), "interrupt") {
			break
		}
	}
	go func() {
		defer close(j.done)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	if len(want) > 0 {
		require.True(r, matches(want, got), "$ %s &\n%s", line, strings.Join(got, "\n"))
	}
	require.NotEmpty(r, got, "$ %s & says nothing", line)
}

// kill ends a job at once, as kill -9 does; what was behind its doors is gone.
func (j *job) kill() {
	for _, d := range j.doors {
		d.lead("")
	}
	_ = j.cmd.Process.Kill()
	<-j.done
}

func (j *job) end() { j.kill() }

// runSnippets runs the snippets of a page as one program. What each is to print stands
// behind "// Output:" at its end.
func (r *reader) runSnippets() {
	if len(r.snippets) == 0 {
		return
	}
	var main strings.Builder
	var want []string
	for _, s := range r.snippets {
		main.WriteString("\tfunc() {\n" + s + "\t}()\n")
		_, output, _ := strings.Cut(s, "// Output:")
		for line := range strings.Lines(output) {
			if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "//")); line != "" {
				want = append(want, line)
			}
		}
	}
	prelude, err := os.ReadFile(filepath.Join("testdata", "prelude.go.txt"))
	require.NoError(r, err)
	program := strings.Replace(string(prelude), "\t// snippets\n", main.String(), 1)
	require.NoError(r, os.WriteFile(filepath.Join(r.dir, "snippets.go"), []byte(program), 0o644))
	require.NoError(r, os.WriteFile(filepath.Join(r.dir, "go.mod"), []byte("module snippets\n\ngo 1.26\n"), 0o644))
	r.module()
	r.until("go run snippets.go", want)
}
