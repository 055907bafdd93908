// Package docs_test runs what the how-to pages show: their commands and programs, as
// somebody would who follows them in an empty directory.
//
// A page's fenced blocks are run in their order. In a sh block a line that begins
// with "$ " is a command, and what follows is its output; "..." stands for any
// lines, and replica ids, times and ports for any. A command that ends with "&"
// goes on until the page's end, and "kill %1" ends the first of these at once. A go
// block that begins with a comment "// NAME.go" is written to that file. The
// addresses of servers, such as 127.0.0.1:4222, are doors that the test holds open;
// what is behind them is at free ports.
package docs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds one command. It is for a machine that is very busy.
const patience = 3 * time.Minute

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "joinery")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "joinery"), "../clients/joinery").CombinedOutput()
	os.Stderr.Write(out)
	return dir, err
})

func TestThePagesAreTrue(t *testing.T) {
	pages, err := filepath.Glob("howto-*.md")
	require.NoError(t, err)
	require.Len(t, pages, 4)
	dir, err := binary()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	for _, page := range append(pages, "coming-from.md") {
		t.Run(page, func(t *testing.T) { play(t, page, dir) })
	}
}

// reader is somebody who follows a page.
type reader struct {
	*testing.T
	dir, bin string
	doors    map[string]*door // by the port on the page
	jobs     []*job
	snippets []string
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\\n(.*?)^```$")

func play(t *testing.T, page, bin string) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	r := &reader{T: t, dir: t.TempDir(), bin: bin, doors: map[string]*door{}}
	defer r.leave()
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		switch kind, body := block[1], block[2]; kind {
		case "sh":
			r.commands(body)
		case "go":
			r.program(body)
		}
	}
	r.runSnippets()
}

// leave ends what still runs.
func (r *reader) leave() {
	for _, j := range r.jobs {
		j.end()
	}
	for _, d := range r.doors {
		d.close()
	}
}

var name = regexp.MustCompile(`^// ([\w/]+\.go)\n`)

// program writes a file, or keeps a snippet for later.
func (r *reader) program(body string) {
	m := name.FindStringSubmatch(body)
	if m == nil {
		r.snippets = append(r.snippets, body)
		return
	}
	file := filepath.Join(r.dir, m[1])
	require.NoError(r, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r, os.WriteFile(file, []byte(body), 0o644))
}

// commands runs a block.
func (r *reader) commands(body string) {
	var command string
	var want []string
	flush := func() {
		if command != "" {
			r.command(command, want)
		}
		want = nil
	}
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\n")
		if next, ok := strings.CutPrefix(line, "$ "); ok {
			flush()
			command = next
			continue
		}
		want = append(want, line)
	}
	flush()
}

// command runs one command and compares its output.
func (r *reader) command(line string, want []string) {
	switch {
	case strings.HasPrefix(line, "go get github.com/joinery-crdt/joinery"):
		r.module()
	case strings.HasPrefix(line, "kill %"):
		r.jobs[int(line[len("kill %")]-'1')].kill()
	case strings.HasSuffix(line, "&"):
		r.background(strings.TrimSpace(strings.TrimSuffix(line, "&")), want)
	default:
		r.until(line, want)
	}
}

// module makes the reader's module use this tree, without a proxy.
func (r *reader) module() {
	mod, err := os.ReadFile("../go.mod")
	require.NoError(r, err)
	sum, err := os.ReadFile("../go.sum")
	require.NoError(r, err)
	root, err := filepath.Abs("..")
	require.NoError(r, err)
	_, requires, ok := strings.Cut(string(mod), "\nrequire")
	require.True(r, ok)
	own, err := os.ReadFile(filepath.Join(r.dir, "go.mod"))
	require.NoError(r, err, "go mod init comes first")
	all := string(own) + "\nrequire github.com/joinery-crdt/joinery v0.0.0\n\nreplace github.com/joinery-crdt/joinery => " +
		filepath.ToSlash(root) + "\n\nrequire" + requires
	require.NoError(r, os.WriteFile(filepath.Join(r.dir, "go.mod"), []byte(all), 0o644))
	require.NoError(r, os.WriteFile(filepath.Join(r.dir, "go.sum"), sum, 0o644))
}

// shell returns a command of the reader's shell.
func (r *reader) shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+r.bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+r.dir,
		"JOINERY_NATS=nats://"+r.door("4222").address(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOCACHE="+goEnv(r.T, "GOCACHE"), "GOMODCACHE="+goEnv(r.T, "GOMODCACHE"))
	return cmd
}

func goEnv(t *testing.T, name string) string {
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// until runs a command. What other replicas did may take a moment to arrive, so a
// command that only reads is run until it shows what it should.
func (r *reader) until(line string, want []string) {
	line = r.through(line)
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	last := "nothing"
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		out, err := r.shell(ctx, line).CombinedOutput()
		got := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		same := matches(want, got)
		if err == nil && same {
			return
		}
		repeats := strings.HasPrefix(line, "joinery get") || strings.HasPrefix(line, "joinery status") ||
			strings.HasPrefix(line, "joinery conflicts") || strings.HasPrefix(line, "joinery export")
		if !repeats || ctx.Err() != nil {
			require.NoError(r, err, "$ %s\n%s\nbefore that: %s", line, out, last)
			require.Equal(r, strings.Join(want, "\n"), strings.Join(got, "\n"), "$ %s", line)
			return
		}
		last = string(out)
		time.Sleep(pause)
	}
}

// vague is what differs each time.
var vague = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|` +
	`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?|\b[0-9a-f]{16}\b|127\.0\.0\.1:\d+`)

// matches compares lines, where "..." on a line of its own is any number of lines.
func matches(want, got []string) bool {
	plain := func(lines []string) (out []string) {
		for _, l := range lines {
			if l = strings.TrimRight(vague.ReplaceAllString(l, "?"), " "); l != "" {
				out = append(out, l)
			}
		}
		return out
	}
	want, got = plain(want), plain(got)
	for i, w := range want {
		if w == "..." {
			for skip := i; skip <= len(got); skip++ {
				if matches(want[i+1:], got[skip:]) {
					return true
				}
			}
			return false
		}
		if i >= len(got) || got[i] != w {
			return false
		}
	}
	return len(want) == len(got)
}
