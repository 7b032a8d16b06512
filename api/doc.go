// Package api is the HTTP API: its routes, its handlers and its OpenAPI
// document. It has no business rules and no SQL: the rules are in package
// transfer, the SQL is in package storage.
//
// A handler parses its input, calls storage and renders the result. Three
// tables hold what is common to all handlers:
//
//   - routes.go lists the routes and who may call them
//   - access.go says whose resources a caller reaches, and what each party sees
//   - problems.go maps errors to the problems of package problem
//
// middleware.go sets the headers of every response. A page adds its own
// Content-Security-Policy; that of the console is in console/assets/assets.go.
package api
