package joinery_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/message"
)

// page returns a page of the documentation.
func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

// tableUnder returns the rows of the first table behind a heading, without its
// head, each as its cells.
func tableUnder(t *testing.T, text, heading string) (rows [][]string) {
	t.Helper()
	_, text, ok := strings.Cut(text, "\n"+heading+"\n")
	require.True(t, ok, "no heading %q", heading)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		case len(rows) > 0 || strings.HasPrefix(line, "#"):
			require.Greater(t, len(rows), 2, "no table under %q", heading)
			return rows[2:]
		}
	}
	t.Fatalf("the table under %q has no end", heading)
	return nil
}

func TestTheReadmesProgramIsTheExample(t *testing.T) {
	program := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(page(t, "README.md"))[1]
	program = strings.Replace(program, "package main", "package joinery_test", 1)
	program = strings.Replace(program, "func main()", "func Example_readme()", 1)
	require.Equal(t, page(t, "example_readme_test.go"), program)
}

func TestTheReadmesStructsAreTheExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(page(t, "README.md"), -1)
	require.Len(t, blocks, 3)
	for _, b := range blocks[1:] {
		require.Contains(t, page(t, "example_struct_test.go"), b[1])
	}
}

func TestTheReadmeNamesOneTestCommand(t *testing.T) {
	lines := regexp.MustCompile("(?m)^go test .*$").FindAllString(page(t, "README.md"), -1)
	require.Equal(t, []string{"go test ./..."}, lines)
}

func TestTheReadmesTruthTableIsTheTestsTable(t *testing.T) {
	var tested [][]string
	for _, c := range conflicts {
		tested = append(tested, []string{c.field, c.had, c.one, c.other, c.then})
	}
	require.Equal(t, tested, tableUnder(t, page(t, "README.md"), "## What comes of conflicts"))
}

func TestTheReadmesLimitsAreTheCodes(t *testing.T) {
	want := map[string]string{
		"document name": fmt.Sprintf("%d bytes of UTF-8, tokens separated by dots, no `$` in front", message.MaxName),
		"space name":    fmt.Sprintf("%d bytes", message.MaxSpace),
		"name of a field, encoded element of a set": fmt.Sprintf("%d KiB (less with `Config.MaxName`)", kernel.MaxKey>>10),
		"value, encoded": fmt.Sprintf("%d KiB (less with `Config.MaxValue`)", kernel.MaxValue>>10),
		"nesting":        fmt.Sprintf("%d maps and sets (less with `Config.MaxDepth`); %d KiB of names in one path", kernel.MaxDepth-1, wire.MaxPath>>10),
		"one `Update`":   fmt.Sprintf("%d KiB", crdt.MaxGroup>>10),
	}
	for _, row := range tableUnder(t, page(t, "README.md"), "## Limits") {
		if w, ok := want[row[0]]; ok {
			require.Equal(t, w, row[1], row[0])
			delete(want, row[0])
		}
	}
	require.Empty(t, want)
}

func TestTheReadmeListsTheDirectDependenciesOfGoMod(t *testing.T) {
	var required []string
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(page(t, "go.mod"), -1) {
		required = append(required, line[1])
	}
	require.NotEmpty(t, required)
	require.ElementsMatch(t, required, column(tableUnder(t, page(t, "README.md"), "## Dependencies"), 0))
}

// TestTheReadmeGivesAReasonForEachDependency looks at what is imported, not at
// what go.mod says is.
func TestTheReadmeGivesAReasonForEachDependency(t *testing.T) {
	out, err := exec.Command("go", "list", "-f",
		`{{range .Imports}}{{println .}}{{end}}{{range .TestImports}}{{println .}}{{end}}{{range .XTestImports}}{{println .}}{{end}}`, "./...").Output()
	require.NoError(t, err)
	reasons := make(map[string]bool)
	for _, row := range tableUnder(t, page(t, "README.md"), "## Dependencies") {
		reasons[strings.Trim(row[0], "`")] = false
		require.NotEmpty(t, row[1], row[0])
	}
	for imported := range strings.Lines(string(out)) {
		imported = strings.TrimSpace(imported)
		first, _, _ := strings.Cut(imported, "/")
		if !strings.Contains(first, ".") || imported == module || strings.HasPrefix(imported, module+"/") {
			continue
		}
		found := false
		for m := range reasons {
			if imported == m || strings.HasPrefix(imported, m+"/") {
				reasons[m], found = true, true
			}
		}
		require.True(t, found, "README.md gives no reason for %s", imported)
	}
	for m, used := range reasons {
		require.True(t, used, "README.md gives a reason for %s, which nothing imports", m)
	}
}

// TestTheReadmesMapHasAllPackages leaves commands and internal packages out.
func TestTheReadmesMapHasAllPackages(t *testing.T) {
	var named []string
	for _, row := range tableUnder(t, page(t, "README.md"), "## The tree, in reading order") {
		for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(row[0]+row[1], -1) {
			named = append(named, link[1])
			_, err := os.Stat(link[1])
			require.NoError(t, err)
		}
	}
	out, err := exec.Command("go", "list", "-f", `{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}}{{end}}`, "./...").Output()
	require.NoError(t, err)
	for _, importPath := range strings.Fields(string(out)) {
		name, _ := local(importPath)
		if name == "" || strings.Contains(name, "internal/") {
			continue
		}
		top, _, _ := strings.Cut(name, "/")
		require.True(t, slices.Contains(named, name) || slices.Contains(named, top) && !slices.Contains(inDetail, top),
			"README.md's map lacks %s", name)
	}
}

// inDetail are the folders whose packages the map names one by one.
var inDetail = []string{"broker", "crdt", "delta", "lwwmap", "orset", "sync"}

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	for _, name := range []string{"README.md", "docs/architecture.md", "docs/coming-from.md", "docs/howto-edge.md",
		"docs/howto-nats.md", "docs/howto-offline-first.md", "docs/howto-types.md", "docs/operating.md", "docs/protocol.md", "docs/service.md", "docs/testing.md"} {
		text := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`").ReplaceAllString(page(t, name), "")
		for _, link := range regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(path.Join(path.Dir(name), link[1]))
			require.NoError(t, err, name)
		}
	}
}
