package message

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// MaxName bounds a document's name, MaxSpace a space's, in bytes.
const (
	MaxName  = 256
	MaxSpace = 64
)

// ErrName means that a name cannot be one of a document or space.
var ErrName = errors.New("message: bad name")

// CheckName returns an error unless s can name a document: one or more tokens
// separated by dots, none of them empty, in valid UTF-8, at most MaxName bytes
// together. Any character is allowed in a token; what a subject cannot carry
// is encoded there.
func CheckName(s string) error { return checkName("document name", s, MaxName) }

// CheckSpace is CheckName for the name of a space.
func CheckSpace(s string) error { return checkName("space name", s, MaxSpace) }

func checkName(what, s string, limit int) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: empty %s", ErrName, what)
	case len(s) > limit:
		return fmt.Errorf("%w: %s %.40q... has %d bytes, the limit is %d", ErrName, what, s, len(s), limit)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %s %q is not valid UTF-8", ErrName, what, s)
	case s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, ".."):
		return fmt.Errorf("%w: %s %q has an empty token; dots separate tokens", ErrName, what, s)
	}
	return nil
}

// DocDigest returns a document's share of the digest of its space. Shares are
// combined by XOR, so a share must not be: equal updates of two documents would
// cancel each other out.
func DocDigest(doc string, digest uint64) uint64 {
	hi, lo := bits.Mul64(xxhash.Sum64String(doc)^0x9e3779b97f4a7c15, digest^0xd6e8feb86659fd93)
	return hi ^ lo
}

// AppendToken appends a name in the form that subjects carry: letters, digits
// and most punctuation as they are, all other bytes as % and two hex digits.
// Dots stay and separate tokens. Different names give different subjects.
func AppendToken(dst []byte, name string) []byte {
	const digits = "0123456789ABCDEF"
	dst = slices.Grow(dst, len(name))
	for i := range len(name) {
		if c := name[i]; isPlain(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// isPlain reports whether a subject carries a character of a name as it is.
func isPlain(c byte) bool { return c > ' ' && c < 0x7f && c != '*' && c != '>' && c != '%' }

// ParseToken reads what AppendToken writes, and nothing else. Without escapes
// it allocates nothing.
func ParseToken(s string) (string, error) {
	plain := 0
	for plain < len(s) && isPlain(s[plain]) {
		plain++
	}
	if plain == len(s) {
		return s, nil
	}
	out := append(make([]byte, 0, len(s)), s[:plain]...)
	for i := plain; i < len(s); i++ {
		if isPlain(s[i]) {
			out = append(out, s[i])
			continue
		}
		if s[i] != '%' || i+2 >= len(s) {
			return "", fmt.Errorf("%w: subject %q has characters that are not escaped, or an escape cut off", ErrName, s)
		}
		hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
		if hi < 0 || lo < 0 || isPlain(byte(hi<<4|lo)) {
			return "", fmt.Errorf("%w: bad escape in subject %q", ErrName, s)
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return string(out), nil
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// CheckPattern returns an error unless s can be matched against document
// names: tokens separated by dots, where a wildcard is a token of its own and
// ">" the last.
func CheckPattern(s string) error {
	if err := checkName("pattern", s, MaxName); err != nil {
		return err
	}
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		if len(t) > 1 && strings.ContainsAny(t, "*>") || t == ">" && i < len(tokens)-1 {
			return fmt.Errorf("%w: pattern %q: a wildcard stands for a whole token, and > for the last ones", ErrName, s)
		}
	}
	return nil
}

// Match reports whether a document's name matches a pattern of tokens, where
// "*" stands for one token and a last ">" for one or more.
func Match(pattern, name string) bool {
	for {
		p, morePattern, moreP := strings.Cut(pattern, ".")
		if p == ">" && !moreP {
			return true
		}
		n, moreName, moreN := strings.Cut(name, ".")
		if p != "*" && p != n {
			return false
		}
		if moreP != moreN {
			return false
		}
		if !moreP {
			return true
		}
		pattern, name = morePattern, moreName
	}
}

// Covers reports whether all names that match the pattern q match p, too.
func Covers(p, q string) bool {
	for {
		a, moreP, pGoesOn := strings.Cut(p, ".")
		if a == ">" && !pGoesOn {
			return true
		}
		b, moreQ, qGoesOn := strings.Cut(q, ".")
		if b == ">" && !qGoesOn || a != "*" && a != b || pGoesOn != qGoesOn {
			return false
		}
		if !pGoesOn {
			return true
		}
		p, q = moreP, moreQ
	}
}
