package conformance

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
)

// killDirectory is the variable that makes a test be the process that is killed.
const killDirectory = "JOINERY_STORE_KILLED"

// Killing says how processes are killed.
type Killing struct {
	// Open opens the store of a directory.
	Open func(dir string) (store.Store, error)
	// Sync says that each batch is applied with sync.
	Sync bool
	// Processes is how many are killed, one after the other, on one directory.
	Processes int
	// MayLose is how many of the bytes of acknowledged batches each kill may
	// take.
	MayLose int
}

// KillProcesses kills processes that write numbered batches, and looks at what is
// left. The test that calls it is run in those processes, too, and must do nothing
// before the call. It returns the most bytes that a kill took.
func KillProcesses(t *testing.T, k Killing) (most int) {
	if dir := os.Getenv(killDirectory); dir != "" {
		beKilled(dir, k)
	}
	dir := t.TempDir()
	for range k.Processes {
		told := killOne(t, dir)
		lost := checkKilled(t, dir, k, told)
		require.LessOrEqual(t, lost, k.MayLose, "bytes of batches lost")
		most = max(most, lost)
	}
	return most
}

// beKilled writes batches and tells of each, for ever.
func beKilled(dir string, k Killing) {
	s, err := k.Open(dir)
	for n := countBatches(s); err == nil; n++ {
		var b store.Batch
		b.Put(killKey(n), strconv.AppendInt(nil, int64(n), 10))
		b.Put([]byte("last"), strconv.AppendInt(nil, int64(n), 10))
		if err = s.Apply(&b, k.Sync); err == nil {
			_, err = fmt.Println(n, b.Bytes())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func killKey(n int) []byte { return fmt.Appendf(nil, "key/%08d", n) }

func countBatches(s store.Store) (n int) {
	if s == nil {
		return 0
	}
	for range s.Scan([]byte("key/"), []byte("key0")) {
		n++
	}
	return n
}

// acknowledged is a batch that a process told of.
type acknowledged struct{ number, bytes int }

// killOne runs a process until it has told of some batches. It returns the last
// one.
func killOne(t *testing.T, dir string) (last acknowledged) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), killDirectory+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for told := 0; lines.Scan(); told++ {
		_, err := fmt.Sscan(lines.Text(), &last.number, &last.bytes)
		require.NoError(t, err)
		if told == 300 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait(), "a process that was killed")
	return last
}

// checkKilled returns how many bytes of the batches up to the one that was told of
// are not there.
func checkKilled(t *testing.T, dir string, k Killing, told acknowledged) int {
	t.Helper()
	s, err := k.Open(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	n := 0
	for e, err := range s.Scan([]byte("key/"), []byte("key0")) {
		require.NoError(t, err)
		require.Equal(t, string(killKey(n)), string(e.Key))
		n++
	}
	if n > 0 {
		last, err := s.Get([]byte("last"))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(n-1), string(last))
	}
	return max(0, told.number+1-n) * told.bytes
}
