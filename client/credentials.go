package client

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// ParseKey returns the API key in a text from a file, a variable or a prompt. It
// drops what such texts have around a key: white space, line ends, quotes, a byte
// order mark. A text that cannot be a key is an error, which does not repeat it.
// The key of a blank text is empty.
func ParseKey(text string) (string, error) {
	key := trim(text)
	if key == "" || regexp.MustCompile(`^st_[a-z]+_[a-z2-7]{52}$`).MatchString(key) {
		return key, nil
	}
	return "", errors.New("this is not an API key, which is st_, a role, _ and 52 letters and digits, such as st_account_abcd…wxyz: " + whyNoKey(key))
}

// whyNoKey explains what is wrong with a key, without repeating it.
func whyNoKey(key string) string {
	_, secret, _ := strings.Cut(strings.TrimPrefix(key, "st_"), "_")
	switch {
	case strings.HasPrefix(strings.ToLower(key), "bearer ") || strings.HasPrefix(strings.ToLower(key), "authorization:"):
		return "leave out the words before the key"
	case !strings.HasPrefix(key, "st_"):
		return "it does not begin with st_"
	case strings.ContainsRune(key, '…') || strings.Contains(key, "..."):
		return "it is the short form that lists show; the key itself was shown once, when it was created"
	case strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || invisible(r) }):
		return "it has white space or a line break in the middle"
	case len(secret) != 52:
		return fmt.Sprintf("it has %d letters and digits at the end, not 52", len(secret))
	}
	return "it has other characters than lower-case letters and the digits 2 to 7"
}

// ParseURL returns the URL of a service in a text from a file, a variable or a
// prompt, without what such texts have around a URL, and without slashes at the
// end. The URL of a blank text is empty.
func ParseURL(text string) (string, error) {
	address := trim(text)
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if why := whyNoURL(address, u, err); why != "" {
		return "", fmt.Errorf("%q is not a service URL, such as https://simtransfer.example.com: %s", withoutPassword(address), why)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u.String(), nil
}

// whyNoURL explains what is wrong with a URL; empty means nothing.
func whyNoURL(address string, u *url.URL, err error) string {
	switch {
	case strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || invisible(r) }):
		return "it has white space or invisible characters in the middle"
	case !strings.Contains(address, "://"):
		return "put https:// or http:// in front"
	case err != nil:
		return "it cannot be parsed"
	case u.Scheme != "https" && u.Scheme != "http":
		return "it must begin with https:// or http://"
	case u.Hostname() == "":
		return "the host is missing"
	case u.Port() != "" && !isPort(u.Port()):
		return "the port must be from 1 to 65535"
	case u.User != nil:
		return "leave out the user and the password: the API key is set separately"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(address, "#"):
		return "leave out what follows ? or #"
	}
	for _, end := range []string{"/v1", "/docs", "/openapi.json"} {
		if strings.HasSuffix(strings.TrimRight(u.Path, "/"), end) {
			return "leave out " + end + " at the end"
		}
	}
	return ""
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// withoutPassword returns a URL that errors may repeat.
func withoutPassword(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		if scheme, _, found := strings.Cut(address[:i], "://"); found {
			return scheme + "://…" + address[i:]
		}
		return "…" + address[i:]
	}
	return address
}

// trim drops white space, invisible characters and quotes around a text.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || invisible(r) || strings.ContainsRune("\"'`“”„‘’«»", r)
	})
}

// invisible reports whether a character is a control or a format character, such
// as a byte order mark.
func invisible(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
