// Package signin knows how browsers sign in: the cookie that keeps the secret of a
// sign-in, and the addresses of the pages. It is for everything that serves pages.
// The secret is a bearer token of the API.
package signin

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// The pages.
const (
	Path    = "/sign-in"  // GET shows it, POST signs in with an API key
	OutPath = "/sign-out" // POST signs out
)

// Address returns the address of the sign-in page from which a browser continues to
// next. A fresh sign-in renews one that has become too old for some acts.
func Address(next string, fresh bool) string {
	q := url.Values{}
	if next = Next(next); next != "/" {
		q.Set("next", next)
	}
	if fresh {
		q.Set("fresh", "1")
	}
	if len(q) == 0 {
		return Path
	}
	return Path + "?" + q.Encode()
}

// maxNext is the maximum length of a path to go on to.
const maxNext = 2000

// Next returns the path with its query to which a browser continues after signing in,
// "/" for a text that is not a path on this server.
func Next(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil, len(text) > maxNext,
		u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "",
		!strings.HasPrefix(u.Path, "/"), strings.HasPrefix(u.Path, "//"),
		strings.ContainsAny(u.Path, "\\"), !utf8.ValidString(text), strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }),
		u.Path == Path, u.Path == OutPath:
		return "/"
	}
	path := (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
	if len(path) > maxNext { // what had to be escaped has become longer
		return "/"
	}
	return path
}

// Browser is what a server knows of the browser that calls it.
type Browser struct {
	Secret string // of the sign-in, as its cookie has it; empty: none. It may have ended
	HTTPS  bool   // whether the browser uses HTTPS
}

type browserKey struct{}

// With adds the browser of an HTTP request to its context. https says whether the
// browser uses HTTPS, to the server itself or to a trusted proxy.
func With(r *http.Request, https bool) *http.Request {
	b := Browser{HTTPS: https}
	if cookie, err := r.Cookie(cookieName(signInCookie, https)); err == nil {
		b.Secret = cookie.Value
	}
	return r.WithContext(context.WithValue(r.Context(), browserKey{}, b))
}

// Of returns the browser of an HTTP request to which With has added it.
func Of(ctx context.Context) Browser {
	b, _ := ctx.Value(browserKey{}).(Browser)
	return b
}

// Set sets the cookie with the secret of a sign-in, which lasts for a period. Zero
// or less removes it.
func (b Browser) Set(w http.ResponseWriter, secret string, period time.Duration) {
	http.SetCookie(w, b.cookie(signInCookie, secret, period))
}

func (b Browser) cookie(name, value string, period time.Duration) *http.Cookie {
	age := int(period.Seconds())
	if age <= 0 {
		age = -1
	}
	return &http.Cookie{
		Name:     cookieName(name, b.HTTPS),
		Value:    value,
		Path:     "/", // as __Host- requires
		MaxAge:   age,
		HttpOnly: true,
		Secure:   b.HTTPS,
		SameSite: http.SameSiteLaxMode, // so that links in mails, and the way back from an OpenID provider, work
	}
}

// SetFlow sets a cookie that a browser keeps while a person signs in, for a period.
// Zero or less removes it. Flow reads it.
func (b Browser) SetFlow(w http.ResponseWriter, name, value string, period time.Duration) {
	http.SetCookie(w, b.cookie(flowPrefix+name, value, period))
}

// Flow returns the value of a cookie that SetFlow has set, or "".
func Flow(r *http.Request, name string) string {
	cookie, err := r.Cookie(cookieName(flowPrefix+name, Of(r.Context()).HTTPS))
	if err != nil {
		return ""
	}
	return cookie.Value
}

const flowPrefix = "simtransfer_"

const signInCookie = "simtransfer"

// cookieName returns the name of a cookie. With the prefix __Host-, browsers take
// it only over HTTPS and only from this host.
func cookieName(name string, https bool) string {
	if https {
		return "__Host-" + name
	}
	return name
}
