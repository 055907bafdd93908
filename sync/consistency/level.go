package consistency

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Level says how many replicas have to answer before a call returns. The zero
// Level is Local. Levels are comparable.
type Level struct {
	kind kind
	n    int // of count
}

type kind uint8

const (
	local kind = iota
	count
	quorum
	all
	localQuorum
	eachQuorum
)

// The levels.
var (
	// Local waits for nobody but the replica that is called.
	Local = Level{}
	// One, Two and Three wait for as many owners.
	One, Two, Three = Count(1), Count(2), Count(3)
	// Quorum waits for more than half of the owners.
	Quorum = Level{kind: quorum}
	// All waits for all owners.
	All = Level{kind: all}
	// LocalQuorum waits for more than half of the owners at the caller's site.
	LocalQuorum = Level{kind: localQuorum}
	// EachQuorum waits for more than half of the owners at each site.
	EachQuorum = Level{kind: eachQuorum}
)

// Count returns the level that waits for n owners; n of 0 or less is Local.
func Count(n int) Level {
	if n <= 0 {
		return Local
	}
	return Level{count, n}
}

var levelNames = map[kind]string{
	local: "local", quorum: "quorum", all: "all", localQuorum: "local-quorum", eachQuorum: "each-quorum",
}

// String returns the name that ParseLevel reads.
func (l Level) String() string {
	if l.kind == count {
		return strconv.Itoa(l.n)
	}
	return levelNames[l.kind]
}

// ErrLevel means that a text names no level.
var ErrLevel = errors.New("consistency: unknown level")

// ParseLevel reads a level: local, one, two, three, a number, quorum, all,
// local-quorum or each-quorum, in upper or lower case.
func ParseLevel(s string) (Level, error) {
	name := strings.ToLower(s)
	for k, n := range levelNames {
		if n == name {
			return Level{kind: k}, nil
		}
	}
	switch name {
	case "one":
		return One, nil
	case "two":
		return Two, nil
	case "three":
		return Three, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return Count(n), nil
	}
	return Local, fmt.Errorf("%w %q: use local, one, two, three, a number, quorum, all, local-quorum or each-quorum", ErrLevel, s)
}

// Set implements flag.Value.
func (l *Level) Set(s string) (err error) {
	*l, err = ParseLevel(s)
	return err
}
