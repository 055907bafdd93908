package wire

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersInSevenBitGroupsRoundTripInTheirShortestForm(t *testing.T) {
	for _, v := range []uint64{0, 1, 0x7f, 0x80, 100_000, 1<<62 - 1, 1<<64 - 1} {
		r := NewReader(binary.AppendUvarint(nil, v))
		require.Equal(t, v, r.Uvarint())
		require.NoError(t, r.Err())
		require.Zero(t, r.Len())
	}
	for _, bad := range [][]byte{{}, {0x80}, {0x80, 0}, {0xff, 0x80, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}} {
		r := NewReader(bad)
		r.Uvarint()
		require.ErrorIs(t, r.Err(), ErrMalformed, "%x", bad)
	}
}
