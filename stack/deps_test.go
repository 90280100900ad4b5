package stack_test

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tinystack/tinystack"

// allowed is, for each directory, what of this module its packages may import. The
// longest entry that a package is within holds for it; all may import internal
// packages but the leaves.
var allowed = map[string][]string{
	"trace":              nil,
	"packet":             {"trace"},
	"internal":           {},
	"internal/checksum":  nil,
	"internal/counter":   nil,
	"internal/deadline":  nil,
	"internal/ephemeral": {},
	"internal/random":    nil,
	"internal/neterr":    nil,
	"internal/ratelimit": nil,
	"internal/gso":       {"packet"},
	"internal/tracetest": {"trace"},
	"internal/tracehttp": {"trace"},
	"internal/tracedns":  {"trace", "dnsclient", "udp"},
	"internal/lab":       {"stack", "link", "ipv4", "tcp", "udp", "packet", "dnsclient", "trace"},
	"internal/explain":   {"stack", "link", "tcp", "dnsclient", "trace"},
	"internal/capture":   {"link", "packet", "trace"},
	"link":               {"packet", "trace"},
	"ipv4":               {"packet", "trace"},
	"tcp":                {"packet", "trace"},
	"udp":                {"packet", "trace"},
	"stack":              {"link", "ipv4", "tcp", "udp", "packet", "trace"},
	"dnsclient":          {},
	"httpd":              {},
	"cmd":                {"stack", "link", "ipv4", "tcp", "udp", "packet", "httpd", "dnsclient", "trace"},
	"e2e":                {"stack", "link", "ipv4", "tcp", "udp", "packet", "dnsclient", "trace"},
}

// foreign is what packages import besides the standard library and us; those that
// are not in it may import anything.
var foreign = map[string][]string{
	"trace": nil, "packet": nil, "ipv4": nil, "tcp": nil, "udp": nil, "stack": nil,
	"dnsclient": {"github.com/miekg/dns"},
}

// Dependencies point one way: no layer knows those above it, nor its neighbours.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...").Output()
	if err != nil {
		t.Skipf("no go command, or no module around: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < len(foreign) {
		t.Fatalf("go list found %d packages", len(lines))
	}
	for _, line := range lines {
		fields := strings.Fields(line)
		pkg, ok := within(fields[0])
		if !ok {
			continue // the module itself has no package
		}
		for _, imported := range fields[1:] {
			if !mayImport(pkg, imported) {
				t.Errorf("%s may not import %s", pkg, imported)
			}
		}
	}
}

// within returns the path of a package within the module.
func within(pkg string) (string, bool) { return strings.CutPrefix(pkg, module+"/") }

func mayImport(pkg, imported string) bool {
	dep, ours := within(imported)
	top, _, _ := strings.Cut(pkg, "/")
	if !ours {
		host, _, _ := strings.Cut(imported, "/")
		modules, strict := foreign[top]
		return !strings.Contains(host, ".") || !strict || slices.Contains(modules, imported)
	}
	rule, ok := allowed[pkg]
	for dir := pkg; !ok && dir != "."; {
		dir = path.Dir(dir)
		rule, ok = allowed[dir]
	}
	if rule == nil {
		return false // a leaf, or a directory that this test should know
	}
	depTop, _, _ := strings.Cut(dep, "/")
	return depTop == top || depTop == "internal" || slices.Contains(rule, depTop)
}
