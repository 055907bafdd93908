package codec_test

import (
	"fmt"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/orset"
)

// version is a key like "1.20": its order is not that of its text.
type version struct{ Major, Minor byte }

// versions encodes a version in two bytes, so that sorting by encoding is
// sorting by version.
type versions struct{}

func (versions) Append(dst []byte, v version) ([]byte, error) {
	return append(dst, v.Major, v.Minor), nil
}

func (versions) Decode(s string) (version, error) {
	if len(s) != 2 {
		return version{}, fmt.Errorf("%w: version of %d bytes", codec.ErrDecode, len(s))
	}
	return version{s[0], s[1]}, nil
}

func ExampleCodec() {
	released := orset.NewWith(causal.Actor{ID: causal.ID{1}}, crdt.Config[version]{Codec: versions{}})
	released.Add(version{1, 20})
	released.Add(version{1, 3})
	for v := range released.Sorted() {
		fmt.Printf("%d.%d\n", v.Major, v.Minor)
	}
	// Output:
	// 1.3
	// 1.20
}

func ExampleFor() {
	ints, _ := codec.For[int16]()
	b, _ := ints.Append(nil, -1)
	fmt.Printf("%x\n", b)
	_, err := codec.For[[]string]()
	fmt.Println(strings.HasPrefix(err.Error(), "codec: no built-in codec for []string"))
	// Output:
	// 7fff
	// true
}
