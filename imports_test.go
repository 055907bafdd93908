package joinery_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/joinery-crdt/joinery"

// layers says which packages of the module each may import, tests aside. A
// package that is not listed fails the test: the tree is the architecture.
// A name with "/..." stands for all packages below it.
var layers = []struct {
	pkg  string
	uses []string
}{
	{"crdt/causal", nil},
	{"crdt/hlc", nil},
	{"crdt/kernel", []string{"crdt/causal", "crdt/hlc"}},
	{"crdt/wire", []string{"crdt/causal", "crdt/hlc", "crdt/kernel"}},
	{"delta", []string{"crdt/causal", "crdt/hlc", "crdt/kernel", "crdt/wire"}},
	{"crdt/codec", nil},
	{"crdt/msgpackcodec", []string{"crdt/codec", "crdt"}},
	{"crdt", []string{"crdt/causal", "crdt/codec", "crdt/hlc", "crdt/kernel", "crdt/wire", "delta"}},
	{"crdt/lawtest", []string{"crdt/...", "crdt", "delta"}},
	{"orset", []string{"crdt", "crdt/causal", "crdt/codec", "crdt/hlc", "crdt/kernel", "crdt/wire", "delta"}},
	{"lwwmap", []string{"crdt", "crdt/causal", "crdt/codec", "crdt/hlc", "crdt/kernel", "crdt/wire", "delta"}},
	{"sync/message", []string{"crdt/causal", "crdt/wire", "delta"}},
	{"sync/antientropy", []string{"crdt/causal", "crdt/kernel", "delta", "sync/message", "sync/antientropy/reconcile"}},
	{"sync/antientropy/reconcile", []string{"crdt/causal", "crdt/kernel", "crdt/wire", "sync/message"}},
	{"sync/membership", []string{"crdt", "crdt/causal", "crdt/kernel", "crdt/wire", "sync/message"}},
	{"sync/catalog", []string{"sync/message"}},
	{"sync/consistency", []string{"crdt/causal"}},
	{"sync/replica", []string{"crdt", "crdt/causal", "crdt/hlc", "crdt/kernel", "delta", "sync/message", "sync/antientropy", "sync/antientropy/reconcile", "sync/catalog", "sync/consistency", "sync/membership"}},
	{"sync/sim", []string{"crdt", "crdt/...", "delta", "sync/message", "sync/antientropy", "sync/membership", "sync/replica"}},
	{"sync/simulate", []string{"sync/replica", "sync/sim"}},
	{"sync/crowd", []string{"crdt", "crdt/...", "sync/message", "sync/replica"}},
	{"sync/crowd/...", []string{"crdt", "crdt/...", "sync/crowd", "sync/message", "sync/replica"}},
	{"sync/mutants", nil},
	{"docs/model/...", nil},
	{"sync/store", nil},
	{"sync/store/...", []string{"sync/store", "sync/store/..."}},
	{"broker", nil},
	{"broker/internal/...", []string{"broker"}},
	{"broker/memory", []string{"broker", "broker/internal/..."}},
	{"broker/nats", []string{"broker", "broker/internal/..."}},
	{"broker/embedded", nil},
	{"broker/linktest", nil},
	{"broker/conformance", []string{"broker"}},
	{"sync/journal", []string{"crdt", "crdt/causal", "crdt/hlc", "crdt/kernel", "crdt/wire", "delta", "sync/message", "sync/replica", "sync/store"}},
	{"sync/node", []string{"broker", "crdt", "crdt/causal", "crdt/kernel", "sync/catalog", "sync/consistency", "sync/journal", "sync/membership", "sync/message", "sync/replica", "sync/store"}},
	{"", []string{"broker", "broker/nats", "crdt", "crdt/causal", "crdt/hlc", "crdt/kernel", "crdt/msgpackcodec", "sync/consistency", "sync/journal", "sync/membership", "sync/message", "sync/node", "sync/replica", "sync/store"}},
	{"sync/joinerytest", []string{"", "broker/memory"}},
	{"clients/...", []string{"", "broker/...", "crdt/...", "crdt", "delta", "orset", "lwwmap", "sync/...", "clients/..."}},
	{"examples/...", []string{"", "broker/...", "crdt/...", "crdt", "delta", "orset", "lwwmap", "sync/store/...", "clients/remote"}},
	{"docs", nil},
	{"benchmarks/...", []string{"", "broker/...", "broker", "crdt/...", "crdt", "delta", "orset", "lwwmap", "sync/..."}},
	{"benchmarks", []string{"", "broker/...", "broker", "crdt/...", "crdt", "delta", "orset", "lwwmap", "sync/..."}},
}

func matches(pattern, pkg string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(pkg, below+"/")
	}
	return pattern == pkg
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func listPackages(t *testing.T, args ...string) (out []goPackage) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	for dec := json.NewDecoder(bytes.NewReader(b)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else {
			require.NoError(t, err)
		}
		out = append(out, p)
	}
}

// local returns the path of a package within the module.
func local(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestPackagesImportOnlyWhatTheirLayerMay(t *testing.T) {
	for _, p := range listPackages(t, "./...") {
		name, _ := local(p.ImportPath)
		i := slices.IndexFunc(layers, func(l struct {
			pkg  string
			uses []string
		}) bool {
			return matches(l.pkg, name)
		})
		if !(i >= 0) {
			t.Errorf("package %q has no place in the layers", name)
			continue
		}
		for _, imported := range p.Imports {
			dep, ok := local(imported)
			if !ok {
				continue
			}
			allowed := slices.ContainsFunc(layers[i].uses, func(u string) bool { return matches(u, dep) })
			if !allowed {
				t.Errorf("package %q must not import %q", name, dep)
			}
		}
	}
}

// heavy is what packages must not reach, not even through others.
var heavy = []struct {
	pkgs   []string
	banned []string
}{
	{
		[]string{"crdt", "crdt/causal", "crdt/hlc", "crdt/kernel", "crdt/wire", "crdt/codec", "orset", "lwwmap", "delta"},
		[]string{"net", "os/exec", "database/sql", "github.com/nats-io", "github.com/google/uuid", "github.com/vmihailenco", "github.com/cockroachdb", "go.etcd.io"},
	},
	{
		[]string{"sync/message", "sync/antientropy", "sync/consistency", "sync/membership", "sync/replica", "sync/sim", "sync/store"},
		[]string{"net", "os/exec", "database/sql", "github.com/nats-io", "github.com/google/uuid", "github.com/vmihailenco", "github.com/cockroachdb", "go.etcd.io"},
	},
	{
		[]string{"broker", "broker/memory", "sync/node"},
		[]string{"net", "github.com/nats-io", "github.com/google/uuid", "github.com/cockroachdb", "go.etcd.io"},
	},
	{[]string{""}, []string{"github.com/nats-io/nats-server", "github.com/cockroachdb", "go.etcd.io"}},
}

func TestLightPackagesReachNothingHeavy(t *testing.T) {
	deps := make(map[string][]string)
	for _, p := range listPackages(t, "./...") {
		name, _ := local(p.ImportPath)
		deps[name] = p.Deps
	}
	for _, h := range heavy {
		for _, name := range h.pkgs {
			require.NotEmpty(t, deps[name], "package %q", name)
			for _, dep := range deps[name] {
				for _, b := range h.banned {
					if dep == b || strings.HasPrefix(dep, b+"/") {
						t.Errorf("package %q reaches %q", name, dep)
					}
				}
			}
		}
	}
}
