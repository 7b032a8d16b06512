// Package cli contains the commands of the command line that call the API over
// HTTP, through package client.
//
// The commands are structs that kong parses the command line into. A command
// prints tables for people or, with --json, the answer of the API unchanged.
package cli
