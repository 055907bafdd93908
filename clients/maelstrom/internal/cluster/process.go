package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// Errors of calls.
var (
	// ErrDown means that the request was not sent, because the node has no
	// process or its queue is full.
	ErrDown = errors.New("cluster: node takes no requests")
	// ErrRefused means that the node answered with an error and did nothing.
	ErrRefused = errors.New("cluster: node refused the request")
	// ErrDied means that the process ended before it answered. It may have done
	// what was asked.
	ErrDied = errors.New("cluster: node ended before it answered")
)

// maxQueued bounds the requests that wait for a process to read them, which a
// paused one does not.
const maxQueued = 4096

// process is one run of a node.
type process struct {
	name        string
	incarnation int
	cmd         *exec.Cmd
	requests    chan *protocol.Message
	ended       chan struct{} // closed when the process and its goroutines are gone

	mu      sync.Mutex
	last    int // message id
	waiting map[int]chan protocol.Body
	shut    bool // requests is closed
}

// spawn starts a process and the goroutines that talk to it.
func spawn(command []string, name string, incarnation int, stderr io.Writer) (*process, error) {
	p := &process{
		name: name, incarnation: incarnation, cmd: exec.Command(command[0], command[1:]...),
		requests: make(chan *protocol.Message, maxQueued), ended: make(chan struct{}),
		waiting: make(map[int]chan protocol.Body),
	}
	p.cmd.Stderr, p.cmd.SysProcAttr = stderr, attributes()
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cluster: %s: %w", name, err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() { p.send(in) })
	go func() {
		defer close(p.ended)
		_ = protocol.Each(out, p.deliver)
		_ = p.cmd.Process.Kill() // it may still run if it wrote nonsense
		p.close()
		tasks.Wait()
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// send writes requests until there will be no more.
func (p *process) send(in io.WriteCloser) {
	defer in.Close()
	for m := range p.requests {
		if protocol.Write(in, m) != nil {
			break
		}
	}
}

func (p *process) deliver(m *protocol.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if reply, ok := p.waiting[m.Body.InReplyTo]; ok {
		delete(p.waiting, m.Body.InReplyTo)
		reply <- m.Body // there is room for one
	}
	return nil
}

// close tells the process to end by the end of its input.
func (p *process) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shut {
		p.shut = true
		close(p.requests)
	}
}

// call sends a request and waits for its reply.
func (p *process) call(ctx context.Context, body protocol.Body) (protocol.Body, error) {
	reply, id, err := p.enqueue(body)
	if err != nil {
		return protocol.Body{}, err
	}
	select {
	case b := <-reply:
		if b.Type == protocol.Error {
			return b, fmt.Errorf("%w: %s: %s", ErrRefused, p.name, b.Text)
		}
		return b, nil
	case <-p.ended:
		return protocol.Body{}, fmt.Errorf("%w: %s", ErrDied, p.name)
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, id)
		return protocol.Body{}, fmt.Errorf("cluster: %s does not answer: %w", p.name, ctx.Err())
	}
}

func (p *process) enqueue(body protocol.Body) (<-chan protocol.Body, int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return nil, 0, fmt.Errorf("%w: %s", ErrDown, p.name)
	}
	p.last++
	body.MsgID = p.last
	select {
	case p.requests <- &protocol.Message{Src: "c0", Dest: p.name, Body: body}:
	default:
		return nil, 0, fmt.Errorf("%w: %s", ErrDown, p.name)
	}
	reply := make(chan protocol.Body, 1)
	p.waiting[p.last] = reply
	return reply, p.last, nil
}

// kill ends the process at once and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
