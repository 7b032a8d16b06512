// Package cli speaks to the API over HTTP: a client for whoever drives the
// service from outside, and the commands of the command line.
//
// The commands are made for kong, by their fields' tags. Each prints tables for
// people, or with --json what the API answers, unchanged.
package cli
