package transfer_test

import (
	"strings"
	"testing"
	"time"

	"simtransfer/transfer"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2030-01-31":                          "2030-01-31T00:00:00Z",
		" 2030-01-31 ":                        "2030-01-31T00:00:00Z",
		"2030-01-31T14:30":                    "2030-01-31T14:30:00Z",
		"2030-01-31 14:30":                    "2030-01-31T14:30:00Z",
		"2030-01-31T14:30Z":                   "2030-01-31T14:30:00Z",
		"2030-01-31T14:30+01:00":              "2030-01-31T13:30:00Z",
		"2030-01-31T14:30:15":                 "2030-01-31T14:30:15Z",
		"2030-01-31 14:30:15Z":                "2030-01-31T14:30:15Z",
		"2030-01-31t14:30:15.25z":             "2030-01-31T14:30:15.25Z",
		"2030-01-31T14:30:15.123456789+05:30": "2030-01-31T09:00:15.123456789Z",
		"2030-01-31 14:30:15.25+00":           "2030-01-31T14:30:15.25Z",
		"2030-01-31 14:30:15 +01:00":          "2030-01-31T13:30:15Z",
		"\u200b2030-01-31\u00a0":              "2030-01-31T00:00:00Z",
		"9999-12-31T23:59:59Z":                "9999-12-31T23:59:59Z",
	} {
		if got, err := transfer.ParseTime(text); err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"": "is not a date or a time", "tomorrow": "is not a date or a time", "31.01.2030": "is not a date or a time", "01/31/2030": "is not a date or a time",
		"2030-1-31": "is not a date or a time", "20300131": "is not a date or a time", "1893456000": "is not a date or a time",
		"2030-02-30": "does not exist", "2030-13-01": "does not exist", "2030-01-31T25:00": "does not exist",
		"9999-12-31T23:59:59-05:00": "must be from 1 to 9999", "0000-01-01": "must be from 1 to 9999", "0001-01-01T00:00:00+01:00": "must be from 1 to 9999",
	} {
		if got, err := transfer.ParseTime(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
