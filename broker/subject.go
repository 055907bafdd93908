package broker

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of names, in bytes. A NATS server ends the connection of a client
// whose protocol line is longer than 4096 bytes; subject, queue, reply subject
// and sizes share that line.
const (
	MaxSubject = 2048
	MaxQueue   = 256
)

// CheckSubject returns nil if messages can be published on s: tokens joined by
// dots, none empty, none a wildcard, no space or control character, valid
// UTF-8, at most MaxSubject bytes. Otherwise the error wraps ErrSubject.
func CheckSubject(s string) error {
	return checkTokens(s, false)
}

// CheckPattern is CheckSubject for patterns: "*" may stand for any one token
// and ">", as the last token, for one or more.
func CheckPattern(p string) error {
	return checkTokens(p, true)
}

// CheckQueue returns nil if q names a queue group: empty (no group), or one
// word of at most MaxQueue bytes.
func CheckQueue(q string) error {
	if len(q) > MaxQueue {
		return fmt.Errorf("%w: queue name of %d bytes, at most %d", ErrSubject, len(q), MaxQueue)
	}
	return checkText(q)
}

func checkTokens(s string, wildcards bool) error {
	if len(s) > MaxSubject {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrSubject, len(s), MaxSubject)
	}
	if err := checkText(s); err != nil {
		return err
	}
	for rest, more := s, true; more; {
		var token string
		token, rest, more = strings.Cut(rest, ".")
		switch {
		case token == "":
			return fmt.Errorf("%w: empty token in %q", ErrSubject, s)
		case token == ">" && wildcards && more:
			return fmt.Errorf("%w: > is not the last token of %q", ErrSubject, s)
		case (token == ">" || token == "*") && !wildcards:
			return fmt.Errorf("%w: wildcard in %q", ErrSubject, s)
		}
	}
	return nil
}

// checkText refuses what would end a token in the text protocol.
func checkText(s string) error {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return fmt.Errorf("%w: space or control character in %q", ErrSubject, s)
		}
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %q is not UTF-8", ErrSubject, s)
	}
	return nil
}

// Match reports whether a well-formed subject matches a well-formed pattern.
// It allocates nothing.
func Match(pattern, subject string) bool {
	for {
		p, restP, moreP := strings.Cut(pattern, ".")
		s, restS, moreS := strings.Cut(subject, ".")
		switch {
		case p == ">" && !moreP:
			return s != ""
		case p != "*" && p != s:
			return false
		case !moreP || !moreS:
			return moreP == moreS
		}
		pattern, subject = restP, restS
	}
}
