package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// startTime bounds how long a process takes to serve, and to stop.
const startTime = 30 * time.Second

// process is a joinery serve.
type process struct {
	cmd     *exec.Cmd
	Replica string `json:"replica"`
	errs    tail
	ready   chan error // gets one value when it serves, or will never
	ended   chan struct{}
	status  error // of the process, good when it has ended
}

// spawn starts a process and does not wait until it serves.
func spawn(exe string, args ...string) (*process, error) {
	p := &process{
		cmd:   exec.Command(exe, append([]string{"serve", "--json"}, args...)...),
		ready: make(chan error, 1), ended: make(chan struct{}),
	}
	p.cmd.Stderr, p.cmd.SysProcAttr = &p.errs, attributes()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, p)
		}
		p.ready <- err
		p.status = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// start starts a process and returns when it serves.
func start(exe string, args ...string) (*process, error) {
	p, err := spawn(exe, args...)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-p.ready:
	case <-time.After(startTime):
		err = errors.New("it does not begin to serve")
	}
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("joinery serve %v: %w\n%s", args, err, &p.errs)
	}
	return p, nil
}

// kill ends the process at once, by SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop lets the process end in good order.
func (p *process) stop() error {
	if runtime.GOOS == "windows" { // there is no such signal
		p.kill()
		return nil
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(startTime):
		p.kill()
		return fmt.Errorf("a process did not stop in %v\n%s", startTime, &p.errs)
	}
	if p.status != nil {
		return fmt.Errorf("a process did not end well: %w\n%s", p.status, &p.errs)
	}
	return nil
}

// tail keeps the last bytes that were written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 16 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - maxTail; n > 0 {
		t.text = bytes.Clone(t.text[n:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
