package delta

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartsAreAddedReplacedAndTakenAway(t *testing.T) {
	for name, d := range kinds() {
		bare, err := d.WithParts(nil)
		require.NoError(t, err, name)
		if name != "parts" {
			require.Equal(t, d, bare, "a frame without parts stays as it is")
		}
		two, err := bare.WithParts([]Part{{200, []byte{}}, {1, []byte("first")}})
		require.NoError(t, err, name)
		require.Equal(t, withParts(bare, Part{1, []byte("first")}, Part{200, nil}), two)
		one, err := two.WithParts([]Part{{1 << 40, make([]byte, 300)}})
		require.NoError(t, err, name)
		f, err := one.Open()
		require.NoError(t, err, name)
		require.Equal(t, []Part{{1 << 40, make([]byte, 300)}}, f.Parts())
		again, err := one.WithParts(nil)
		require.NoError(t, err, name)
		require.Equal(t, bare, again, "what the delta says is the same")
	}
}

func TestPartsThatNoFrameCanHoldAreRefused(t *testing.T) {
	d := kinds()["run"]
	_, err := d.WithParts([]Part{{7, nil}, {8, nil}, {7, nil}})
	require.ErrorIs(t, err, ErrParts)
	_, err = d.WithParts([]Part{{7, make([]byte, MaxFrame)}})
	require.ErrorIs(t, err, ErrParts)
	_, err = d[:len(d)-1].WithParts(nil)
	require.ErrorIs(t, err, ErrMalformed)
}
