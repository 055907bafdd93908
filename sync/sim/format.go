package sim

import (
	"fmt"
	"strings"
	"time"
)

// String returns the script as text, which [Parse] reads.
func (s *Script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\nreplicas %d\n", s.Seed, s.Replicas)
	writeFields(&b, "net", []field{
		{"loss", s.Net.Loss != 0, s.Net.Loss},
		{"duplicate", s.Net.Duplicate != 0, s.Net.Duplicate},
		{"echo", s.Net.Echo, s.Net.Echo},
		{"min", s.Net.DelayMin != 0, s.Net.DelayMin},
		{"max", s.Net.DelayMax != 0, s.Net.DelayMax},
		{"dropevery", s.Net.DropEvery != 0, s.Net.DropEvery},
		{"storm", s.Net.Storm, s.Net.Storm},
	})
	writeFields(&b, "disk", []field{
		{"sync", s.Disk.Sync != 0, s.Disk.Sync},
		{"slow", s.Disk.Slow != 0, s.Disk.Slow},
	})
	writeFields(&b, "tuning", []field{
		{"message", s.Tuning.MaxMessage != 0, s.Tuning.MaxMessage},
		{"log", s.Tuning.LogBytes != 0, s.Tuning.LogBytes},
		{"flush", s.Tuning.FlushAge != 0, s.Tuning.FlushAge},
		{"commit", s.Tuning.Commit != 0, s.Tuning.Commit},
		{"trip", s.Tuning.Trip != 0, s.Tuning.Trip},
		{"curt", s.Tuning.Curt != 0, s.Tuning.Curt},
		{"newer", s.Tuning.Newer != 0, s.Tuning.Newer},
		{"budget", s.Tuning.Budget != 0, s.Tuning.Budget},
		{"members", s.Tuning.Members, s.Tuning.Members},
		{"systems", s.Tuning.Systems != 0, s.Tuning.Systems},
		{"loop", s.Tuning.Loop, s.Tuning.Loop},
		{"devices", s.Tuning.Devices != 0, s.Tuning.Devices},
		{"collect", s.Tuning.Collect, s.Tuning.Collect},
	})
	writeFields(&b, "expect", []field{
		{"within", s.Expect.Within != 0, s.Expect.Within},
		{"noframes", s.Expect.NoFrames, s.Expect.NoFrames},
		{"alarms", len(s.Expect.Alarms) > 0, strings.Join(s.Expect.Alarms, ",")},
	})
	for _, h := range s.Expect.Holds {
		b.WriteString(strings.Join(append([]string{"holds", h.Doc, h.Path}, h.Values...), " ") + "\n")
	}
	for i := range s.Actions {
		b.WriteString(s.Actions[i].String() + "\n")
	}
	return b.String()
}

type field struct {
	name  string
	isSet bool
	value any
}

func writeFields(b *strings.Builder, head string, fields []field) {
	line := head
	for _, f := range fields {
		if f.isSet {
			line += fmt.Sprintf(" %s=%v", f.name, f.value)
		}
	}
	if line != head {
		b.WriteString(line + "\n")
	}
}

// String returns the action as one line: time, replica, verb, arguments.
func (a *Action) String() string {
	return fmt.Sprintf("%-8v %s %s", a.At, name(a.Node), a.text())
}

// text returns the action without time and replica.
func (a *Action) text() string {
	switch a.Do {
	case Write, Update, Abort:
		ops := make([]string, len(a.Ops))
		for i := range a.Ops {
			ops[i] = a.Ops[i].String()
		}
		return fmt.Sprintf("%s %s: %s", a.Do, a.Doc, strings.Join(ops, "; "))
	case Cut, Join:
		return fmt.Sprintf("%s %s", a.Do, name(a.Peer))
	case Clog:
		return fmt.Sprintf("%s %s %v", a.Do, name(a.Peer), a.Time)
	case Partition, Crash, Tear, FailWrite, FailSync, Restore, Copy:
		return fmt.Sprintf("%s %d", a.Do, a.Amount)
	case Interest:
		return fmt.Sprintf("%s %s", a.Do, token(a.Doc))
	case Forget:
		return fmt.Sprintf("%s %s", a.Do, a.Doc)
	case Skew, Stall:
		return fmt.Sprintf("%s %v", a.Do, a.Time)
	}
	return string(a.Do)
}

// String returns the op as text: verb, path, element, value, options.
func (o *Op) String() string {
	out := fmt.Sprintf("%s %s", o.Do, token(o.Path))
	if containerTags[leafTags[o.Do]] != 0 {
		out += " " + token(o.Elem)
	}
	switch o.Do {
	case Inc:
		out += fmt.Sprint(" ", o.Amount)
	case Set, Put:
		out += " " + token(o.Value)
	}
	if o.Size != 0 {
		out += fmt.Sprint(" size=", o.Size)
	}
	if o.At != nil {
		out += fmt.Sprint(" at=", *o.At)
	}
	if o.TTL != 0 {
		out += fmt.Sprint(" ttl=", o.TTL)
	}
	if o.Over != nil {
		out += " over=" + name(*o.Over)
	}
	return out
}

// token writes an argument, which holds no space and no semicolon. A dot
// stands for the empty one.
func token(s string) string {
	if s == "" {
		return "."
	}
	return s
}

// separator ends the script in a transcript; what follows is the drawing.
const separator = "----"

// Transcript returns the script with the drawing of what became of it, ready
// to be kept as a test.
func Transcript(s *Script, r *Result) string {
	out := s.String() + separator + "\n" + r.Log
	if r.Failure != nil {
		return out + "FAILED: " + r.Failure.String() + "\n"
	}
	return out + fmt.Sprintf("converged %v after the last fault\n", r.Healed.Truncate(time.Millisecond))
}
