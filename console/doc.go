// Package console serves the pages on which people use the service.
//
// It is a client of the API like any other: each page is a few calls of package
// client, made in this process with the credential of the person who opens the page.
// It holds no rule and no state, so authorization, audit, limits and idempotency are
// the API's.
//
// A page is a file with its handlers and its view (inbox.go), a template of the same
// name (templates/inbox.html), and a row in the table of routes (routes.go). Handlers
// are methods of visit, which is one call of a page. Forms are sent by POST and answered
// with a redirect; a hidden Idempotency-Key makes double clicks and the back button
// harmless. If the API refuses a form, the page is shown again with what was typed and
// the problem at its field. Every page works without JavaScript; htmx refreshes what
// moves. The design system is one file, assets/console.css.
package console
