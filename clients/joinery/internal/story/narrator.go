package story

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Style says how a story is told.
type Style struct {
	JSON   bool          // one JSON object a line instead of prose
	Colour bool          // for a terminal
	Pause  time.Duration // after each scene, for the reader; 0 is none
}

// narrator writes the story.
type narrator struct {
	out   io.Writer
	style Style
	scene int
}

const (
	bold  = "\x1b[1m"
	green = "\x1b[32m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

func (n *narrator) paint(colour, text string) string {
	if !n.style.Colour {
		return text
	}
	return colour + text + plain
}

func (n *narrator) object(kind, text string) {
	b, _ := json.Marshal(map[string]any{"scene": n.scene, kind: text}) // two scalars always encode
	fmt.Fprintf(n.out, "%s\n", b)
}

// title opens a scene.
func (n *narrator) title(ctx context.Context, text string) {
	if n.scene > 0 {
		rest(ctx, n.style.Pause)
	}
	n.scene++
	if n.style.JSON {
		n.object("title", text)
		return
	}
	fmt.Fprintf(n.out, "\n%s\n", n.paint(bold, fmt.Sprintf("%d. %s", n.scene, text)))
}

// say explains.
func (n *narrator) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if n.style.JSON {
		n.object("text", strings.ReplaceAll(text, "\n", " "))
		return
	}
	fmt.Fprintf(n.out, "   %s\n", strings.ReplaceAll(text, "\n", "\n   "))
}

// line tells what one replica did or reads.
func (n *narrator) line(who, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if n.style.JSON {
		n.object("text", who+": "+text)
		return
	}
	fmt.Fprintf(n.out, "     %s  %s\n", n.paint(dim, fmt.Sprintf("%-9s", who)), text)
}

// end writes the last line.
func (n *narrator) end(r *Result) {
	if n.style.JSON {
		_ = json.NewEncoder(n.out).Encode(r) // a broken pipe has no reader to tell
		return
	}
	fmt.Fprintf(n.out, "\n%s: 3 replicas hold the same, state hash %s\n", n.paint(green, "converged"), r.Digest)
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// short rounds a duration to what a reader wants.
func short(d time.Duration) time.Duration {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond)
	case d < time.Second:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Millisecond)
}
