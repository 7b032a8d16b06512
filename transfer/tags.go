package transfer

import (
	"errors"
	"fmt"
	"strings"
)

// ParseTag parses the name and the value of a tag with ParseLine and checks
// their lengths. A value can be empty. A name contains no equals sign and neither
// contains a semicolon, because files and searches write tags as name=value and
// separate them by semicolons.
func ParseTag(name, value string) (string, string, error) {
	n, err := ParseLine(name)
	if err != nil {
		return "", "", fmt.Errorf("the name of the tag: %w", err)
	}
	if n == "" {
		return "", "", fmt.Errorf("the name of the tag is empty: give it a name of up to %d characters", MaxTagName)
	}
	if err := CheckLength(n, MaxTagName); err != nil {
		return "", "", fmt.Errorf("the name of the tag: %w", err)
	}
	if i := strings.IndexAny(n, "=;"); i >= 0 {
		return "", "", fmt.Errorf("the name of the tag %q contains %q, which separates names from values or tags: remove it", clip(n), n[i])
	}
	v, err := ParseLine(value)
	if err == nil {
		err = CheckLength(v, MaxTagValue)
	}
	if err == nil && strings.Contains(v, ";") {
		err = errors.New("it contains a semicolon, which separates tags: remove it")
	}
	if err != nil {
		return "", "", fmt.Errorf("the value of the tag %q: %w", clip(n), err)
	}
	return n, v, nil
}

// CheckTags returns an error if these are too many tags for a SIM.
func CheckTags(tags map[string]string) error {
	if len(tags) > MaxTags {
		return fmt.Errorf("these are %d tags: a SIM can have at most %d", len(tags), MaxTags)
	}
	n := 0
	for name, value := range tags {
		n += len(name) + len(value)
	}
	if n > MaxTagBytes {
		return fmt.Errorf("the tags have %d bytes in UTF-8: a SIM can have at most %d", n, MaxTagBytes)
	}
	return nil
}
