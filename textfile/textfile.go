// Package textfile reads text files as people have them: in UTF-8 or UTF-16, with
// or without a byte order mark, with any line breaks, and compressed by gzip.
package textfile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// ErrDamaged is the error of compressed data that cannot be read.
var ErrDamaged = errors.New("damaged gzip data")

// ErrWorkbook is the error of a file that is a spreadsheet's own format, or another archive.
var ErrWorkbook = errors.New("a ZIP archive, such as an Excel workbook")

// ErrDocument is the error of a file that is a PDF document or a web page, such as
// the answer of a server that wants a sign-in.
var ErrDocument = errors.New("a PDF document or a web page, not a list or a table")

// NewReader returns a reader of the text in r, as UTF-8 without a byte order mark.
// It recognizes gzip, also if it is applied twice, and UTF-16 by their first
// bytes. Lines end with LF or CRLF: a CR by itself becomes LF. The text may still be no
// valid UTF-8, and be of any length: compressed data can be much shorter.
func NewReader(r io.Reader) io.Reader { return &decoder{raw: r} }

type decoder struct {
	raw  io.Reader
	text io.Reader // nil until the first read
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.text == nil {
		text, err := decode(d.raw)
		if err != nil {
			return 0, err
		}
		d.text = text
	}
	return d.text.Read(p)
}

// maxLayers is how often a file can be compressed: once by the person who has
// it, and once by the program that sends it.
const maxLayers = 2

func decode(raw io.Reader) (io.Reader, error) {
	file := &fileReader{Reader: raw}
	in := bufio.NewReader(file)
	start, err := peek(in)
	for range maxLayers {
		if err != nil || !isGzip(start) {
			break
		}
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, file.cause(err)
		}
		in = bufio.NewReader(gzipReader{unzipped, file})
		if start, err = peek(in); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	switch {
	case isArchive(start):
		return nil, ErrWorkbook
	case bytes.HasPrefix(start, []byte("%PDF")), bytes.HasPrefix(start, []byte("<!")), bytes.HasPrefix(bytes.ToLower(start), []byte("<htm")):
		return nil, ErrDocument
	case bytes.HasPrefix(start, []byte("\xff\xfe")), isUTF16(start, 1):
		in = bufio.NewReader(utf16(in, unicode.LittleEndian))
	case bytes.HasPrefix(start, []byte("\xfe\xff")), isUTF16(start, 0):
		in = bufio.NewReader(utf16(in, unicode.BigEndian))
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, err = in.Discard(3)
	}
	return &lineReader{in: in}, err
}

func isGzip(start []byte) bool { return bytes.HasPrefix(start, []byte("\x1f\x8b")) }

// isArchive reports whether the file is a ZIP archive or an old workbook.
func isArchive(start []byte) bool {
	return bytes.HasPrefix(start, []byte("PK\x03\x04")) || bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0"))
}

// lineReader turns the carriage return with which some programs end a line into a
// line feed. A carriage return before a line feed stays.
type lineReader struct {
	in  *bufio.Reader
	err error // of looking ahead
}

func (l *lineReader) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.in.Read(p)
	text := p[:n]
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 {
			return n, err
		}
		if i == len(text)-1 {
			if err == nil {
				_, l.err = l.in.Peek(1)
			}
			if next, _ := l.in.Peek(min(1, l.in.Buffered())); len(next) == 0 || next[0] != '\n' {
				text[i] = '\n'
			}
			return n, err
		}
		if text[i+1] != '\n' {
			text[i] = '\n'
		}
		text = text[i+1:]
	}
}

// peek returns the first bytes of a file, fewer if it is shorter.
func peek(in *bufio.Reader) ([]byte, error) {
	start, err := in.Peek(4)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return start, err
}

// isUTF16 reports whether the text starts with two ASCII characters in UTF-16
// whose zero bytes are at an even (0) or odd (1) offset.
func isUTF16(start []byte, zero int) bool {
	return len(start) == 4 && start[zero] == 0 && start[zero+2] == 0 && start[1-zero] != 0 && start[3-zero] != 0
}

func utf16(in io.Reader, order unicode.Endianness) io.Reader {
	return transform.NewReader(in, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
}

// fileReader keeps the error that ended the file before its end.
type fileReader struct {
	io.Reader
	err error
}

func (f *fileReader) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// cause returns why decompressing the file failed: because reading it failed, or
// because its data is damaged.
func (f *fileReader) cause(err error) error {
	if err != nil && f.err != nil {
		return f.err
	}
	return damaged(err)
}

// gzipReader tells damaged data from a connection that ends early.
type gzipReader struct {
	*gzip.Reader
	file *fileReader
}

func (g gzipReader) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	return n, g.file.cause(err)
}

func damaged(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrDamaged
	}
	return err
}
