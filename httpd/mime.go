package httpd

import (
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
)

// types are those that package mime lacks where the system has no list.
var types = map[string]string{
	".bin":   "application/octet-stream",
	".bz2":   "application/x-bzip2",
	".csv":   "text/csv",
	".gz":    "application/gzip",
	".ico":   "image/vnd.microsoft.icon",
	".log":   "text/plain",
	".md":    "text/markdown",
	".mp3":   "audio/mpeg",
	".mp4":   "video/mp4",
	".otf":   "font/otf",
	".pcap":  "application/vnd.tcpdump.pcap",
	".tar":   "application/x-tar",
	".ttf":   "font/ttf",
	".txt":   "text/plain",
	".webm":  "video/webm",
	".woff":  "font/woff",
	".woff2": "font/woff2",
	".xz":    "application/x-xz",
	".zip":   "application/zip",
	".zst":   "application/zstd",
}

// contentType tells a file's type by its name, and where that says nothing by its
// first bytes. Text is taken for UTF-8.
func contentType(name string, content io.ReaderAt) string {
	ext := path.Ext(name)
	ctype := types[strings.ToLower(ext)]
	if ctype == "" {
		ctype = mime.TypeByExtension(ext)
	}
	if ctype == "" {
		var start [512]byte
		n, _ := content.ReadAt(start[:], 0) // fewer bytes at the file's end
		ctype = http.DetectContentType(start[:n])
	}
	if strings.HasPrefix(ctype, "text/") && !strings.Contains(ctype, "charset=") {
		ctype += "; charset=utf-8"
	}
	return ctype
}
