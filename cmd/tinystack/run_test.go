package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/tinystack/tinystack/internal/netcfg"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	missing := &netcfg.MissingError{What: "CAP_NET_ADMIN is missing", Mend: "sudo x"}
	for _, tt := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{errors.New("broken"), 1, "tinystack: broken\n"},
		{usagef("--mtu is wrong"), 2, "tinystack: --mtu is wrong\n"},
		{missing, 77, "tinystack: CAP_NET_ADMIN is missing; this mends it:\n  sudo x\n"},
		{fmt.Errorf("up: %w", missing), 77, "tinystack: up: CAP_NET_ADMIN is missing; this mends it:\n  sudo x\n"},
		{errors.Join(missing, errors.New("and more")), 77, "tinystack: CAP_NET_ADMIN is missing; this mends it:\n  sudo x\ntinystack: and more\n"},
		{codeError{code: 1}, 1, ""}, // its output has said all
		{errors.Join(codeError{code: 1}, nil), 1, ""},
		{errors.Join(codeError{code: 1}, errors.New("broken")), 1, "tinystack: broken\n"},
		{errors.Join(errors.New("broken"), codeError{28, errors.New("timed out")}), 28, "tinystack: broken\ntinystack: timed out\n"},
		{codeError{2, errors.New("no such host")}, 2, "tinystack: no such host\n"},
	} {
		var b bytes.Buffer
		if got := report(&b, tt.err); got != tt.code {
			t.Errorf("%v: exit code %d, want %d", tt.err, got, tt.code)
		}
		if b.String() != tt.says {
			t.Errorf("%v: says %q, want %q", tt.err, b.String(), tt.says)
		}
	}
}

// ran runs a command line in process, and returns its output and exit code.
func ran(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = report(&errs, run(t.Context(), args, &out, &errs))
	return out.String(), errs.String(), code
}

// Wrong usage is found before anything is touched, and named.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{
		{"pnig", `there is no command "pnig"; did you mean "ping"?`},
		{"nonsense", `there is no command "nonsense"; see tinystack --help`},
		{"--nonsense", "unknown flag: --nonsense"},
		{"up now", "tinystack up takes no arguments"},
		{"up --mtu x", `invalid argument "x" for "--mtu" flag: invalid syntax`},
		{"up --mtu 99999999999999999999", `for "--mtu" flag: value out of range`},
		{"up --queues 0", "--queues 0 is out of range: 1 to 256"},
		{"up --queues 257", "--queues 257 is out of range"},
		{"up --www=", "--www is empty"},
		{"up --pcap=", "--pcap is empty"},
		{"up --pcap -", "--pcap writes to a file"},
		{"up --trace=", "--trace is empty"},
		{"up --dns-upstream lab,192.0.2.1", "--dns-upstream lab stands alone"},
		{"up --dns-upstream=", "--dns-upstream is empty"},
		{"up --allow=", "--allow is empty"},
		{"up --dns-upstream 198.18.0.2", "--dns-upstream 198.18.0.2 is the stack itself"},
		{"up --dns-upstream 0.0.0.0", "--dns-upstream 0.0.0.0 is not where a server can be"},
		{"up --dns-upstream 224.0.0.1", "--dns-upstream 224.0.0.1 is not where a server can be"},
		{"up --dns-upstream 192.0.2.1:0", "--dns-upstream 192.0.2.1:0 is not where a server can be"},
		{"up --dns=false --allow 10.0.0.0/8", "--dns-upstream and --allow are of the name server, which --dns=false leaves out"},
		{"up --trace -", "--trace writes to a file"},
		{"help nonsense", `there is no command "nonsense"; see tinystack --help`},
		{"help pnig", `there is no command "pnig"; did you mean "ping"?`},
		{"help up now", `there is no command "now"; see tinystack up --help`},
		{"completion tcsh", `there is no command "tcsh"; see tinystack completion --help`},
		{"up --mtu 1", "--mtu 1 is out of range"},
		{"up --www /nonexistent", `--www "/nonexistent" is not a directory`},
		{"up --cc vegas", `--cc "vegas" is none of reno, cubic, bbr`},
		{"up --cc=", `--cc "" is none of reno, cubic, bbr`},
		{"up --impair loss=101%", "--impair: "},
		{"up --dns-upstream x", `--dns-upstream "x" is not an address`},
		{"up --allow 192.0.2.0/33", `--allow "192.0.2.0/33" is neither a network`},
		{"ping", "tinystack ping takes the name or address of one host"},
		{"ping a b", "tinystack ping takes the name or address of one host"},
		{"ping -c -1 h", "--count -1 is negative"},
		{"ping -i 0.001 h", "--interval 0.001 is out of range: 0.01 seconds to a day"},
		{"ping -W 0 h", "--wait 0 is out of range"},
		{"ping -W NaN h", "--wait NaN is out of range"},
		{"ping -s 65508 h", "--size 65508 is out of range: 0 to 65507 bytes"},
		{"ping -t 256 h", "--ttl 256 is out of range: 1 to 255"},
		{"ping -t 0 h", "--ttl 0 is out of range: 1 to 255"},
		{"version x", "tinystack version takes no arguments"},
	} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), strings.Fields(tt.line), &stdout, &stderr)
		if exitCode(err) != exitUsage || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%q: %v, want a usage error with %q", tt.line, err, tt.want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{
		{"", "Available Commands:"},
		{"help up", "--www directory"},
		{"help", "Available Commands:"},
		{"help completion zsh", "zsh"},
		{"completion", "Available Commands:"},
		{"ping --help", "Exit codes: 0 a reply came"},
		{"completion bash", "bash completion"},
	} {
		var stdout, stderr bytes.Buffer
		if err := run(t.Context(), strings.Fields(tt.line), &stdout, &stderr); err != nil {
			t.Errorf("%q: %v", tt.line, err)
		}
		if !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("%q says\n%s\nwant %q in it", tt.line, &stdout, tt.want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"version"}, &stdout, &stderr); err != nil || !strings.HasPrefix(stdout.String(), "tinystack ") {
		t.Errorf("version says %q, %v", &stdout, err)
	}
	info := &debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abcdef"}},
	}
	if got := version(info); !strings.HasPrefix(got, "tinystack v1.2.3 abcdef go") {
		t.Errorf("version is %q", got)
	}
	if got := version(nil); !strings.HasPrefix(got, "tinystack (unknown) go") {
		t.Errorf("version without build information is %q", got)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"--addr=198.18.0.2/24": "--addr=198.18.0.2/24",
		"loss=1%,seed=7":       "loss=1%,seed=7",
		"my files":             "'my files'",
		"it's":                 `'it'\''s'`,
		"":                     "''",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

// A proposal is what the user typed, sudo and all.
func TestProposalUnderSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only to root sudo says who called it")
	}
	for user, want := range map[string]string{"": commandLine() + " --addr ", "me": "sudo " + commandLine() + " --addr "} {
		t.Setenv("SUDO_USER", user)
		missing := &netcfg.MissingError{What: "the subnet is taken"}
		if err := propose(netConfig{dev: "t0"}, missing); err != missing || !strings.HasPrefix(missing.Mend, want) {
			t.Errorf("SUDO_USER %q: proposes %q, want %q...", user, missing.Mend, want)
		}
	}
}
