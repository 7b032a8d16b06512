// Package api is the HTTP interface: routes, handlers and the problems they
// answer with. It holds no rule of the business and no SQL; the first are in
// package transfer, the second is in package storage.
//
// A handler reads top to bottom: parse, call, render. What it may be asked for
// and by whom is one table, in routes.go; which error becomes which problem is
// another, in problems.go.
package api
