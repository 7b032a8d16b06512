package client_test

import (
	"strings"
	"testing"

	"simtransfer/client"
)

const goodKey = "st_account_aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmm"

func TestParseKey(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		goodKey, goodKey + "\n", goodKey + "\r\n", goodKey + "\r", "\n\n" + goodKey + "\n\n", " " + goodKey + "\t", "\u00a0" + goodKey + "\u2003",
		"\ufeff" + goodKey, "\u200b" + goodKey + "\u200b", `"` + goodKey + `"`, "'" + goodKey + "'\r\n", "“" + goodKey + "”", goodKey + "\x00",
	} {
		if got, err := client.ParseKey(text); got != goodKey || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, blank := range []string{"", " \r\n", "\ufeff", `""`} {
		if got, err := client.ParseKey(blank); got != "" || err != nil {
			t.Errorf("%q: %q, %v", blank, got, err)
		}
	}
	for text, why := range map[string]string{
		"nonsense":                                  "does not begin with st_",
		"Bearer " + goodKey:                         "words before the key",
		"Authorization: Bearer " + goodKey:          "words before the key",
		goodKey[:40]:                                "letters and digits at the end, not 52",
		goodKey + "x":                               "it has 53 letters and digits",
		goodKey[:30] + "\r\n" + goodKey[30:]:        "line break in the middle",
		goodKey + "\n" + goodKey:                    "line break in the middle",
		goodKey[:30] + "\u200b" + goodKey[30:]:      "white space",
		strings.ToUpper(goodKey):                    "does not begin with st_",
		"st_account_abcd…wxyz":                      "short form",
		strings.Replace(goodKey, "aaaa", "a1aa", 1): "other characters",
		strings.Replace(goodKey, "aaaa", "aéa", 1):  "other characters",
		"st_" + goodKey[len("st_account_"):]:        "not 52",
	} {
		got, err := client.ParseKey(text)
		if got != "" || err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "aaaab") || strings.Contains(err.Error(), "llll")) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                    "",
		" \r\n":                               "",
		"https://service.example":             "https://service.example",
		"https://service.example/\r\n":        "https://service.example",
		" https://service.example// ":         "https://service.example",
		"\"https://service.example:8443\"":    "https://service.example:8443",
		"\ufeffhttps://service.example\u00a0": "https://service.example",
		"http://127.0.0.1:8080/a/prefix/":     "http://127.0.0.1:8080/a/prefix",
		"http://[::1]:8080":                   "http://[::1]:8080",
		"HTTPS://service.example":             "https://service.example",
	} {
		if got, err := client.ParseURL(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"service.example":                     "put https:// or http:// in front",
		"service.example:8080":                "put https:// or http:// in front",
		"localhost:8080/":                     "put https:// or http:// in front",
		"ftp://service.example":               "must begin with",
		"https://":                            "the host is missing",
		"https://:8080":                       "the host is missing",
		"https://user:secret@service.example": "leave out the user",
		"https://service.example/?x":          "what follows ? or #",
		"https://service.example?":            "what follows ? or #",
		"https://service.example/#x":          "what follows ? or #",
		"https://service.example/#":           "what follows ? or #",
		"https://service.example/v1":          "leave out /v1",
		"https://service.example/v1/":         "leave out /v1",
		"https://service.example/docs":        "leave out /docs",
		"https://service .example":            "white space",
		"https://service.example\nx":          "white space",
		"https://service.example:port":        "cannot be parsed",
		"https://service.example:99999":       "port must be from 1 to 65535",
		"https://service.example:0":           "port must be from 1 to 65535",
	} {
		got, err := client.ParseURL(text)
		if got != "" || err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
