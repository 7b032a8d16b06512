// Package clienttest is a client of the API that is generated from its OpenAPI
// document. Tests drive the service with it, so that the document is known to
// be true. No product code uses it.
package clienttest
