package upload

import (
	"fmt"
	"mime"
	"strings"
)

// Format is the file format of an upload. The zero value is no format.
type Format uint8

const (
	// CSV is RFC 4180 with a header line, which has the columns in any order.
	// The separator can also be a semicolon, a tab or a vertical bar. Lines end
	// with CRLF, LF or CR; blank lines and rows without values are skipped. A value
	// such as ="00101" counts as 00101.
	CSV Format = iota + 1
	// NDJSON is one JSON object per line. Blank lines are skipped.
	NDJSON
	// JSON is one document: an array of objects, or {"rows": […]}.
	JSON
)

// String returns the name of the format, such as "CSV".
func (f Format) String() string {
	switch f {
	case CSV:
		return "CSV"
	case NDJSON:
		return "NDJSON"
	case JSON:
		return "JSON"
	default:
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
}

// FormatOf returns the format for a Content-Type header. It returns false for an
// unknown media type, and for a charset other than UTF-8 and UTF-16.
func FormatOf(contentType string) (Format, bool) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, false
	}
	charset := parameters["charset"]
	utf16 := strings.HasPrefix(strings.ToLower(charset), "utf-16") // recognized by the first bytes
	if !IsUTF8(charset) && !utf16 {
		return 0, false
	}
	switch media {
	case "text/csv", "application/csv", "text/tab-separated-values", "application/vnd.ms-excel": // the last is what some browsers call CSV
		return CSV, true
	case "application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines":
		return NDJSON, true
	case "application/json":
		return JSON, true
	default:
		return 0, false
	}
}

// IsUTF8 reports whether text in a charset, as a Content-Type names it, is also
// UTF-8. Without a charset it is.
func IsUTF8(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
		return true
	}
	return false
}
