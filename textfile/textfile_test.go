package textfile_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"simtransfer/textfile"
)

// The reader returns the text as UTF-8 without a byte order mark, and nothing else
// about it changes: separators, quotes, blank rows and line ends are the caller's.
func TestNewReader(t *testing.T) {
	t.Parallel()
	little, big := binary.LittleEndian, binary.BigEndian
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", ""},
		{"one character", "a", "a"},
		{"three characters", "a,b", "a,b"},
		{"UTF-8", "é,ü\n", "é,ü\n"},
		{"UTF-8 with a byte order mark", "\ufeffé,ü\n", "é,ü\n"},
		{"only a byte order mark", "\ufeff", ""},
		{"the start of a byte order mark", "\xef\xbb", "\xef\xbb"},
		{"two byte order marks", "\ufeff\ufeffa", "\ufeffa"},
		{"invalid UTF-8", "caf\xe9\n", "caf\xe9\n"},
		{"declared separator", "sep=;\r\na;b\r\n", "sep=;\r\na;b\r\n"},
		{"separators", "a,b;c\td\n", "a,b;c\td\n"},
		{"blank rows", "\n\r\na\n\n \n", "\n\r\na\n\n \n"},
		{"quotes", "\"a\n\"\"b\"\"\",c\n", "\"a\n\"\"b\"\"\",c\n"},
		{"NUL in UTF-8", "abc\x00\n", "abc\x00\n"},

		{"UTF-16 LE", inUTF16("\ufeffsep=;\r\né;ü\r\n", little), "sep=;\r\né;ü\r\n"},
		{"UTF-16 BE", inUTF16("\ufeffsep=;\r\né;ü\r\n", big), "sep=;\r\né;ü\r\n"},
		{"UTF-16 LE without a byte order mark", inUTF16("ab\né", little), "ab\né"},
		{"UTF-16 BE without a byte order mark", inUTF16("ab\né", big), "ab\né"},
		{"UTF-16 LE, only a byte order mark", "\xff\xfe", ""},
		{"UTF-16 BE, only a byte order mark", "\xfe\xff", ""},
		{"UTF-16 beyond the first plane", inUTF16("\ufeff😀\n", little), "😀\n"},
		{"UTF-16 that ends within a character", inUTF16("\ufeffab", little) + "c", "ab\ufffd"},
		{"UTF-16 with half a surrogate pair", "\xff\xfe\x3d\xd8a\x00", "\ufffda"},

		{"gzip", zipped("a,b\n"), "a,b\n"},
		{"gzip of nothing", zipped(""), ""},
		{"gzip in two members", zipped("a,") + zipped("b\n"), "a,b\n"},
		{"gzip with a byte order mark", zipped("\ufeffa,b\n"), "a,b\n"},
		{"gzip of UTF-16 LE", zipped(inUTF16("\ufeffa,b\n", little)), "a,b\n"},
		{"gzip of UTF-16 BE", zipped(inUTF16("a,b\n", big)), "a,b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range readers(c.file) {
				got, err := io.ReadAll(textfile.NewReader(r))
				if err != nil || string(got) != c.want {
					t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
				}
			}
		})
	}
}

func TestNewReaderRefuses(t *testing.T) {
	t.Parallel()
	good := zipped(strings.Repeat("a,b\n", 1000))
	wrongSum := []byte(good)
	wrongSum[len(wrongSum)-5] ^= 1 // in the length, after the checksum
	wrongData := []byte(good)
	wrongData[10] |= 6 // a block of the reserved type
	for _, c := range []struct {
		name, file string
		want       error
	}{
		{"a workbook", "PK\x03\x04\x14\x00", textfile.ErrWorkbook},
		{"an old workbook", "\xd0\xcf\x11\xe0\xa1\xb1", textfile.ErrWorkbook},
		{"a PDF document", "%PDF-1.7\n", textfile.ErrDocument},
		{"a web page", "<!doctype html>\n", textfile.ErrDocument},
		{"a web page without a type", "<HTML>\n", textfile.ErrDocument},
		{"gzip without a header", "\x1f\x8b", textfile.ErrDamaged},
		{"gzip of an unknown method", "\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x00", textfile.ErrDamaged},
		{"gzip that ends early", good[:len(good)-9], textfile.ErrDamaged},
		{"gzip without its checksum", good[:len(good)-8], textfile.ErrDamaged},
		{"gzip of another length", string(wrongSum), textfile.ErrDamaged},
		{"gzip with wrong data", string(wrongData), textfile.ErrDamaged},
		{"gzip followed by something else", good + "a,b\n", textfile.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range readers(c.file) {
				if _, err := io.ReadAll(textfile.NewReader(r)); !errors.Is(err, c.want) {
					t.Errorf("%s: the error is %v, want %v", name, err, c.want)
				}
			}
		})
	}
}

// An error of the source is returned as it is: a connection that ends early is not
// a damaged file.
func TestNewReaderReturnsTheErrorOfItsSource(t *testing.T) {
	t.Parallel()
	failed := errors.New("connection reset")
	for name, start := range map[string]string{
		"nothing": "", "UTF-8": "a,b\nc", "UTF-16": inUTF16("\ufeffa,b\n", binary.LittleEndian),
		"gzip": zipped("a,b\n")[:15],
	} {
		_, err := io.ReadAll(textfile.NewReader(io.MultiReader(strings.NewReader(start), iotest.ErrReader(failed))))
		if !errors.Is(err, failed) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// Compressed data is unpacked only as far as the caller reads: a file of a few
// bytes may stand for any amount of text.
func TestNewReaderReadsNoFurtherThanNeeded(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	var file bytes.Buffer
	w := gzip.NewWriter(&file)
	if _, err := io.CopyN(w, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all := file.Len()
	text, err := io.ReadAll(io.LimitReader(textfile.NewReader(&file), 1000))
	if err != nil || len(text) != 1000 || strings.Trim(string(text), "0") != "" {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if read := all - file.Len(); read > all/2 {
		t.Errorf("for 1000 of %d bytes, %d of %d compressed bytes were read", size, read, all)
	}
}

// zeros is an endless text of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// readers return a file at once, byte by byte, and with the end in the last read.
func readers(file string) map[string]io.Reader {
	return map[string]io.Reader{
		"at once":      strings.NewReader(file),
		"byte by byte": iotest.OneByteReader(strings.NewReader(file)),
		"with the end": iotest.DataErrReader(strings.NewReader(file)),
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

func inUTF16(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}
