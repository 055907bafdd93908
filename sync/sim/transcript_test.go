package sim

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the drawings of the transcripts in testdata")

// TestTranscripts plays the scenarios in testdata and compares what is drawn.
// Run it with -update after a change of the protocol and read the difference.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			text, kept, _ := strings.Cut(string(data), separator+"\n")
			s, err := Parse(text)
			require.NoError(t, err)
			r := Trace(s)
			require.Nil(t, r.Failure, "%s", r.Log)
			_, drawn, _ := strings.Cut(Transcript(s, r), separator+"\n")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(text+separator+"\n"+drawn), 0o644))
				return
			}
			require.Equal(t, kept, drawn, "run the test with -update if the change is meant")
		})
	}
}
