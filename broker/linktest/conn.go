package linktest

import (
	"net"
	"sync"
	"time"
)

// Bounds of what is under way in one direction of a connection.
const (
	chunkBytes = 32 << 10
	chunksDeep = 64
)

// chunk is some bytes and the time at which they come out.
type chunk struct {
	data []byte
	due  time.Time
}

// conn is one connection through the link. Its flags are guarded by the link's
// lock.
type conn struct {
	link      *Link
	near, far net.Conn
	broken    bool
	holed     bool // bytes were lost
}

// setFar completes the connection unless it was broken meanwhile.
func (c *conn) setFar(far net.Conn) bool {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.broken {
		far.Close()
		return false
	}
	c.far = far
	return true
}

// close breaks both sides. The link's lock is held.
func (c *conn) close() {
	c.broken = true
	c.near.Close()
	if c.far != nil {
		c.far.Close()
	}
	c.link.changed.Broadcast()
}

// forward moves bytes both ways until either side ends.
func (c *conn) forward() {
	var both sync.WaitGroup
	both.Go(func() { c.pipe(c.near, c.far) })
	both.Go(func() { c.pipe(c.far, c.near) })
	both.Wait()
}

// pipe moves bytes one way. Reading goes on while earlier bytes are delayed.
func (c *conn) pipe(from, to net.Conn) {
	chunks := make(chan chunk, chunksDeep)
	var writing sync.WaitGroup
	writing.Go(func() { c.write(to, chunks) })
	for {
		buf := make([]byte, chunkBytes)
		n, err := from.Read(buf)
		if err != nil {
			break
		}
		chunks <- chunk{buf[:n], time.Now().Add(c.link.latency())}
	}
	close(chunks)
	writing.Wait()
	c.abort()
}

// write sends chunks when they are due and breaks the connection on failure,
// which ends the reader too; then it drains what the reader still hands over.
func (c *conn) write(to net.Conn, chunks <-chan chunk) {
	for ch := range chunks {
		time.Sleep(time.Until(ch.due))
		if !c.passes() {
			continue
		}
		if _, err := to.Write(ch.data); err != nil {
			c.abort()
		}
	}
}

func (c *conn) abort() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.close()
}

// passes waits while the link is stalled and then reports whether the next
// bytes come out at the other end.
func (c *conn) passes() bool {
	l := c.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.mode == stalled && !c.broken {
		l.changed.Wait()
	}
	if l.mode == blackholed {
		c.holed = true
	}
	return !c.broken && l.mode == whole && !c.holed
}

func (l *Link) latency() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.delay
}
