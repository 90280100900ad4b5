package explain

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
)

var update = flag.Bool("update", false, "write what the stories are into testdata")

// golden compares a text to that in a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the story is not that in %s (-update writes it):\n%s", file, got)
	}
}

// tell runs a story in a bubble.
func tell(t *testing.T, cfg Config) (text string, err error) {
	t.Helper()
	var b bytes.Buffer
	err = Run(t.Context(), cfg, &b)
	return b.String(), err
}

// The story of the README is the same each time, word by word.
func TestStory(t *testing.T) { synctest.Test(t, testStory) }

func testStory(t *testing.T) {
	text, err := tell(t, Config{URL: "http://www.google.com/"})
	if err != nil {
		t.Error(err)
	}
	golden(t, "story.txt", []byte(text))
}
