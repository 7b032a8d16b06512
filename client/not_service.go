package client

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// versionHeader is in every answer of simtransfer, with its version. An answer
// without it comes from something else: a proxy, a sign-in page of the network,
// or another service at this URL.
const versionHeader = "Simtransfer-Version"

// NotServiceError reports an answer that is not one of simtransfer's API. A call
// that changes something may or may not have taken effect: a proxy may have
// replaced the answer of the service.
type NotServiceError struct {
	URL    string // of the service
	Method string
	Path   string
	Status string // such as "200 OK"
	Why    string // how the answer differs from simtransfer's
	Text   string // the beginning of the answer, printable

	status     int
	retryAfter time.Duration
}

func (e *NotServiceError) Error() string {
	text := fmt.Sprintf("what answers at %s is not simtransfer: %s %s got %s %s", e.URL, e.Method, e.Path, e.Status, e.Why)
	if e.Text != "" {
		text += fmt.Sprintf(": %q", e.Text)
	}
	return text + "; check the URL, and whether a proxy or a sign-in page answers in its place"
}

// Temporary reports whether the same call may succeed a little later, as when a
// proxy cannot reach the service.
func (e *NotServiceError) Temporary() bool { return temporary(e.status) }

// notService describes an answer that is not simtransfer's.
func notService(base string, r call, response *http.Response) *NotServiceError {
	e := &NotServiceError{
		URL:        base,
		Method:     r.method,
		Path:       r.path,
		Status:     response.Status,
		status:     response.StatusCode,
		retryAfter: retryAfter(response),
	}
	contentType := printable(response.Header.Get("Content-Type"), 60)
	switch location := response.Header.Get("Location"); {
	case location != "" && response.StatusCode < http.StatusBadRequest:
		e.Why = "and a redirect to " + printable(location, 200)
	case response.Header.Get(versionHeader) == "":
		e.Why = "without the header " + versionHeader
	case response.StatusCode == http.StatusNotFound:
		e.Why = "because simtransfer has no such path"
		return e
	case response.StatusCode == http.StatusOK && isType(response, r.accept):
		e.Why = "without the header " + rowsHeader
		return e
	case contentType == "":
		e.Why = "without a content type"
	default:
		e.Why = "with the content type " + contentType
	}
	const enough = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(response.Body, enough)) // as much as arrives
	if isType(response, "text/html") {
		text = []byte(textOfHTML(string(text)))
	}
	e.Text = printable(string(text), 100)
	return e
}

// isType reports whether an answer has a media type, whatever its parameters.
func isType(response *http.Response, mediaType string) bool {
	got, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && got == mediaType
}

// textOfHTML leaves out the tags of a page, for a message. It is not a parser of
// HTML: what it returns is only shown.
func textOfHTML(page string) string {
	var text strings.Builder
	inTag := false
	for _, r := range page {
		switch {
		case r == '<':
			inTag = true
			text.WriteByte(' ')
		case r == '>':
			inTag = false
		case !inTag:
			text.WriteRune(r)
		}
	}
	return text.String()
}

// printable returns a text on one line, without control characters, of up to n
// characters.
func printable(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return text
}
