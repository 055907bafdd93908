package node

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A message is merged where it is received only if the inbox is idle: else it
// would overtake what came before it.
func TestAnInboxIsIdleWhenAllThatItTookIsMerged(t *testing.T) {
	var b inbox
	b.init(2, 100)
	require.True(t, b.idle())
	require.True(t, b.put(arrival{data: make([]byte, 10)}))
	require.False(t, b.idle(), "a message waits")
	require.Len(t, b.take(nil), 1)
	require.False(t, b.idle(), "a message is being merged")
	b.merged(10)
	require.True(t, b.idle())
}
