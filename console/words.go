package console

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ago returns the words for a time that has passed, such as "3 d 4 h".
func ago(d time.Duration) string {
	minutes := int(d / time.Minute)
	hours, days := minutes/60, minutes/60/24
	switch {
	case minutes < 1:
		return "less than a minute"
	case hours < 1:
		return fmt.Sprintf("%d min", minutes)
	case days < 1:
		return fmt.Sprintf("%d h %d min", hours, minutes%60)
	case days < 7:
		return fmt.Sprintf("%d d %d h", days, hours%24)
	}
	return fmt.Sprintf("%d days", days)
}

// short returns the end of an id, which is enough to tell requests apart on a page.
func short(id any) string {
	text := fmt.Sprint(id)
	if len(text) <= 12 {
		return text
	}
	return "…\u2060" + text[len(text)-12:] // a word joiner: no line ends after the ellipsis
}

// gatewayAnswer says what a gateway answered. Staff reads which gateway that is.
func gatewayAnswer(text string) string {
	if strings.HasPrefix(text, "gateway ") {
		return capital(text)
	}
	return "Gateway: " + text
}

// listed splits a text of several values, one per line or separated by commas.
func listed(text string) []string {
	list := []string{} // not nil: an empty list removes what there was
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' || r == '\r' }) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

var errNotALimit = errors.New("write a whole number; 0 is no limit, and empty is the limit of the service")
