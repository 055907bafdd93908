package joinerytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery"
)

// maxDifferences bounds what a failure lists.
const maxDifferences = 20

// Converge returns when all replicas hold the same, or fails the test with what
// differs. It is no good while a replica that has to learn something is cut off.
func (s *Space) Converge() {
	s.t.Helper()
	if !s.wait(s.equal) {
		s.t.Fatalf("joinerytest: the replicas still differ after %v\n%s", s.Patience, strings.Join(s.differences(), "\n"))
	}
}

func (s *Space) equal() bool {
	for _, r := range s.replicas {
		if r.Status().Digest != s.replicas[0].Status().Digest {
			return false
		}
	}
	return true
}

// differences says what replicas hold differently from replica 0.
func (s *Space) differences() (out []string) {
	for i, r := range s.replicas {
		if !r.Status().Online {
			out = append(out, fmt.Sprintf("replica %d is cut off", i))
		}
	}
	first, digest := listing(s.replicas[0]), s.replicas[0].Status().Digest
	for i, r := range s.replicas[1:] {
		if r.Status().Digest == digest {
			continue
		}
		found := compare(first, listing(r), i+1)
		if len(found) == 0 {
			found = []string{fmt.Sprintf("replicas 0 and %d show the same values, with different histories", i+1)}
		}
		out = append(out, found...)
	}
	if more := len(out) - maxDifferences; more > 0 {
		out = append(out[:maxDifferences], fmt.Sprintf("and %d more", more))
	}
	return out
}

// listing returns what a replica shows: places, with what is there.
func listing(r *joinery.Replica) map[string]string {
	all := make(map[string]string)
	for name := range r.Docs(">") {
		for f := range r.Doc(name).Fields() {
			place := fmt.Sprintf("document %q, %v %q", name, f.Kind, f.Path)
			if f.Kind == joinery.KindElement || f.Kind == joinery.KindRemoveWins {
				all[fmt.Sprintf("%s, element %s", place, brief(f.Value))] = "it"
			} else {
				all[place] = fmt.Sprintf("%s%s", brief(f.Value), siblings(f.Siblings))
			}
		}
	}
	return all
}

func brief(v any) string { return fmt.Sprintf("%.60s", fmt.Sprintf("%v", v)) }

func siblings(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-1)
}

// compare lists the places at which replica 0 and another differ.
func compare(first, other map[string]string, index int) (out []string) {
	all := maps.Clone(first)
	maps.Copy(all, other)
	for _, place := range slices.Sorted(maps.Keys(all)) {
		a, b := first[place], other[place]
		if a != b {
			out = append(out, fmt.Sprintf("%s: replica 0 has %s, replica %d has %s", place, orNothing(a), index, orNothing(b)))
		}
	}
	return out
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
