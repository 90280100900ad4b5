package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// size is what a transfer carries: all of it, or a little with -short and under
// the race detector.
func size(n, little int64) int64 {
	if testing.Short() || race {
		return little
	}
	return n
}

// download fetches url by curl and returns the length and SHA-256 of the body.
func download(t *testing.T, url string) (int64, string) {
	t.Helper()
	cmd := curlCommand(url)
	body := &digest{hash: sha256.New()}
	cmd.Stdout = body
	wantCurlExit(t, start(t, cmd), 0)
	return body.n, body.sum()
}

// digest hashes what is written to it.
type digest struct {
	hash hash.Hash
	n    int64
}

func (d *digest) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return d.hash.Write(p)
}

func (d *digest) sum() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// sparse makes a file of size bytes in dir: random data at its start, middle and
// end, zeros between, so that it costs no disk. It returns the SHA-256.
func sparse(t *testing.T, dir, name string, size int64) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const part = 64 << 10
	for _, at := range []int64{0, size / 2, size - part} {
		if _, err := f.WriteAt(random(part), at); err != nil {
			t.Fatal(err)
		}
	}
	sum := &digest{hash: sha256.New()}
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil || sum.n != size {
		t.Fatalf("file of %d bytes, %v; want %d", sum.n, err, size)
	}
	return sum.sum()
}

// transfer carries a file of n bytes down and up by curl, which must arrive whole.
func transfer(t *testing.T, n int64, args ...string) {
	t.Helper()
	dir := t.TempDir()
	want := sparse(t, dir, "file", n)
	up(t, append(args, "--www", dir)...)
	t.Run("download", func(t *testing.T) {
		if got, sum := download(t, site+"/file"); got != n || sum != want {
			t.Errorf("%d bytes with SHA-256 %s, want %d with %s", got, sum, n, want)
		}
	})
	t.Run("upload", func(t *testing.T) {
		answer, _ := curl(t, 0, "-X", "POST", "-T", filepath.Join(dir, "file"), site+"/upload")
		if !strings.Contains(answer, fmt.Sprintf("bytes: %d\nsha256: %s\n", n, want)) {
			t.Errorf("the server says\n%swant %d bytes, SHA-256 %s", answer, n, want)
		}
	})
}

// These two are not parallel: each wants the whole machine.

func TestTransferGiB(t *testing.T) {
	if isolated(t, "curl") {
		transfer(t, size(1<<30, 64<<20))
	}
}

func TestTransferWater(t *testing.T) {
	if isolated(t, "curl") {
		transfer(t, size(256<<20, 16<<20), "--driver", "water")
	}
}

// Most of its time is spent waiting for retransmission timeouts.
func TestTransferOnABadWire(t *testing.T) {
	t.Parallel()
	if isolated(t, "curl") {
		transfer(t, size(20<<20, 2<<20), "--impair", "loss=5%,dup=2%,reorder=1%,corrupt=1%,delay=1ms,seed=7")
	}
}
