package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrSyntax is wrapped by the errors of Parse.
var ErrSyntax = errors.New("sim: bad script")

// Parse reads what [Script.String] writes, or a transcript, whose drawing it
// skips. Empty lines and those that begin with # count nothing.
func Parse(text string) (*Script, error) {
	s := &Script{Replicas: 2}
	text, _, _ = strings.Cut(text, separator+"\n")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p := &parser{rest: line}
		p.line(s)
		if p.err == nil && p.rest != "" {
			p.fail("%q is left over", p.rest)
		}
		if p.err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, i+1, p.err)
		}
	}
	return s, nil
}

type parser struct {
	rest string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// word takes the next word.
func (p *parser) word() string {
	w, rest, _ := strings.Cut(p.rest, " ")
	p.rest = strings.TrimSpace(rest)
	if w == "" {
		p.fail("a word is missing")
	}
	return w
}

// token takes a word of which a dot means none.
func (p *parser) token() string {
	if w := p.word(); w != "." {
		return w
	}
	return ""
}

func (p *parser) int() int64 {
	n, err := strconv.ParseInt(p.word(), 10, 64)
	if err != nil {
		p.fail("%v", err)
	}
	return n
}

func (p *parser) duration() time.Duration {
	d, err := time.ParseDuration(p.word())
	if err != nil {
		p.fail("%v", err)
	}
	return d
}

// node takes the name of a replica.
func (p *parser) node() int {
	w := p.word()
	if len(w) == 1 && w[0] >= 'A' && w[0] <= 'Z' {
		return int(w[0] - 'A')
	}
	n, err := strconv.Atoi(strings.TrimPrefix(w, "R"))
	if err != nil || n < 27 {
		p.fail("%q names no replica; they are A to Z, R27, R28 and so on", w)
		return 0
	}
	return n - 1
}

func (p *parser) line(s *Script) {
	switch head, _, _ := strings.Cut(p.rest, " "); head {
	case "seed":
		p.word()
		seed, err := strconv.ParseUint(p.word(), 10, 64)
		if err != nil {
			p.fail("%v", err)
		}
		s.Seed = seed
	case "replicas":
		p.word()
		s.Replicas = int(p.int())
	case "holds":
		p.word()
		h := Holding{Doc: p.word(), Path: p.word()}
		h.Values, p.rest = strings.Fields(p.rest), ""
		s.Expect.Holds = append(s.Expect.Holds, h)
	case "net", "disk", "tuning", "expect":
		p.word()
		p.fields(s)
	default:
		a := Action{At: p.duration(), Node: p.node(), Do: Verb(p.word())}
		p.action(&a)
		s.Actions = append(s.Actions, a)
	}
}

// fields reads the name=value pairs of a header line. No two have one name.
func (p *parser) fields(s *Script) {
	for p.rest != "" && p.err == nil {
		key, value, _ := strings.Cut(p.word(), "=")
		v := &parser{rest: value}
		switch key {
		case "loss":
			s.Net.Loss = v.float()
		case "duplicate":
			s.Net.Duplicate = v.float()
		case "echo":
			s.Net.Echo = v.word() == "true"
		case "min":
			s.Net.DelayMin = v.duration()
		case "max":
			s.Net.DelayMax = v.duration()
		case "storm":
			s.Net.Storm = v.word() == "true"
		case "dropevery":
			s.Net.DropEvery = int(v.int())
		case "sync":
			s.Disk.Sync = v.duration()
		case "slow":
			s.Disk.Slow = v.float()
		case "message":
			s.Tuning.MaxMessage = int(v.int())
		case "log":
			s.Tuning.LogBytes = int(v.int())
		case "flush":
			s.Tuning.FlushAge = v.duration()
		case "commit":
			s.Tuning.Commit = int(v.int())
		case "trip":
			s.Tuning.Trip = int(v.int())
		case "curt":
			s.Tuning.Curt = v.float()
		case "newer":
			s.Tuning.Newer = int(v.int())
		case "budget":
			s.Tuning.Budget = int(v.int())
		case "members":
			s.Tuning.Members = v.word() == "true"
		case "systems":
			s.Tuning.Systems = int(v.int())
		case "loop":
			s.Tuning.Loop = v.word() == "true"
		case "devices":
			s.Tuning.Devices = int(v.int())
		case "collect":
			s.Tuning.Collect = v.word() == "true"
		case "within":
			s.Expect.Within = v.duration()
		case "noframes":
			s.Expect.NoFrames = v.word() == "true"
		case "alarms":
			s.Expect.Alarms = strings.Split(v.word(), ",")
		default:
			p.fail("unknown field %q", key)
		}
		if v.err != nil {
			p.fail("%s: %w", key, v.err)
		}
	}
}

func (p *parser) float() float64 {
	x, err := strconv.ParseFloat(p.word(), 64)
	if err != nil {
		p.fail("%v", err)
	}
	return x
}

func (p *parser) action(a *Action) {
	switch a.Do {
	case Write, Update, Abort:
		doc, ops, found := strings.Cut(p.rest, ": ")
		if !found {
			p.fail("a colon is missing behind the document")
		}
		a.Doc, p.rest = doc, ""
		for _, text := range strings.Split(ops, "; ") {
			op := &parser{rest: text}
			a.Ops = append(a.Ops, op.op())
			if op.err != nil {
				p.fail("%s: %w", text, op.err)
			}
		}
	case Cut, Join:
		a.Peer = p.node()
	case Clog:
		a.Peer, a.Time = p.node(), p.duration()
	case Partition, Crash, Tear, FailWrite, FailSync, Restore, Copy:
		a.Amount = int(p.int())
	case Forget:
		a.Doc = p.word()
	case Interest:
		a.Doc = p.token()
	case Skew, Stall:
		a.Time = p.duration()
	case Ring, Heal, Epoch, Freeze, Offline, Online, Pause, Resume, Restart, Clone, Arrive, Leave, Retire, Stop, Wipe:
	default:
		p.fail("unknown verb %q", a.Do)
	}
}

func (p *parser) op() (o Op) {
	o.Do = OpVerb(p.word())
	if leafTags[o.Do] == 0 && o.Do != Prune {
		p.fail("unknown op %q", o.Do)
		return o
	}
	o.Path = p.token()
	if containerTags[leafTags[o.Do]] != 0 {
		o.Elem = p.token()
	}
	switch o.Do {
	case Inc:
		o.Amount = p.int()
	case Set, Put:
		o.Value = p.token()
	}
	for p.rest != "" && p.err == nil {
		key, value, _ := strings.Cut(p.word(), "=")
		v := &parser{rest: value}
		switch key {
		case "size":
			o.Size = int(v.int())
		case "at":
			t := v.duration()
			o.At = &t
		case "ttl":
			o.TTL = v.duration()
		case "over":
			n := v.node()
			o.Over = &n
		default:
			p.fail("unknown option %q", key)
		}
		if v.err != nil {
			p.fail("%s: %w", key, v.err)
		}
	}
	if o.Path == "" && o.Do != Prune && o.Do != Lapse {
		p.fail("a path is missing")
	}
	return o
}
