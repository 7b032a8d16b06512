package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/openid"
	"simtransfer/console/assets"
	"simtransfer/storage"
)

type server struct {
	Config
	db      *storage.DB
	limiter limiterHealth

	attempts attempts      // that failed to authenticate
	denials  denials       // that were logged
	schemas  huma.Registry // of the document
	alarm    storage.Alarm
	usages   usages // of limits of accounts

	// Concurrent operations in this process.
	streams *concurrency // event streams
	uploads *concurrency // batches that are read and stored
	imports *concurrency // imports and syncs that are read and stored
	results *concurrency // downloads of results
	exports *concurrency // exports
	changes *concurrency // reads of the changes feed
	spools  *spools      // temporary files
	reads   *concurrency // reads of one resource or one page of a list

	openID    *openid.Provider // with which people sign in; nil: there is none
	linkMails chan struct{}    // has an element for each link to sign in with that is being sent
}

// New returns a handler that serves the API, its OpenAPI document, the pages
// that show the document, and the queue UI. It starts no goroutines.
func New(c Config) http.Handler {
	s := newServer(c)
	mux := http.NewServeMux()
	s.addSwaggerUI(mux, s.register(mux))
	s.addSignIn(mux)
	s.addInvitations(mux)
	s.addQueueUI(mux)
	handler := s.withCall(mux)
	mux.Handle("GET "+assets.Prefix, assets.Handler())
	if c.Console == nil {
		addStartPage(mux, "/{$}")
		mux.HandleFunc("/", notFound(mux))
	} else {
		addStartPage(mux, "/about")
		mux.Handle("/", c.Console(handler, notFound(mux)))
	}
	return handler
}

// OpenAPI returns the OpenAPI document as JSON. It needs no database.
func OpenAPI(version string) ([]byte, error) {
	document := newServer(Config{Version: version}).register(http.NewServeMux())
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}

func newServer(c Config) *server {
	c = c.withDefaults()
	reads := max(1, poolSize(c.DB)*3/5)
	exports := max(1, poolSize(c.DB)/5) // fewer than connections: see openRecorded
	return &server{
		Config:  c,
		db:      c.DB,
		streams: newConcurrency("event streams", c.MaxStreams, maxStreamsPerCaller, 0),
		uploads: newConcurrency("uploads", maxUploads, maxUploadsPerCaller, maxQueueTime),
		imports: newConcurrency("imports and syncs", maxImports, maxImportsPerCaller, maxQueueTime),
		results: newConcurrency("downloads of results", maxResults, maxResultsPerCaller, maxQueueTime),
		exports: newConcurrency("exports", exports, min(exports, maxExportsPerCaller), maxQueueTime),
		changes: newConcurrency("reads of the changes feed", maxChangesReads, maxChangesPerUser, maxQueueTime),
		spools:  &spools{folder: c.SpoolFolder, limit: int64(c.SpoolLimit) << 20},
		reads:   newConcurrency("reads", reads, max(1, reads/3), maxQueueTime),

		openID:    newOpenID(c),
		linkMails: make(chan struct{}, maxLinkMails),
	}
}

// poolSize returns the number of connections to the database. Reads get three
// fifths of them, and one caller a third of those, so that lists that take long
// leave connections for decisions, for new requests and for other callers.
// Exports get a fifth.
func poolSize(db *storage.DB) int {
	if db == nil {
		return 1 // for a document, without calls
	}
	return db.Pool().Stats().MaxOpenConnections
}

// register adds every route to the mux and returns the OpenAPI document.
func (s *server) register(mux *http.ServeMux) *huma.OpenAPI {
	a := humago.New(mux, humaConfig(s.Version))
	s.schemas = a.OpenAPI().Components.Schemas
	for _, r := range s.routes() {
		o := r.operation()
		var parameters queryParameters
		o.Middlewares = huma.Middlewares{s.admit(r, func() queryParameters { return parameters }), s.readJSON(r)}
		r.register(a, o)
		parameters = queryParametersOf(operationOf(a.OpenAPI().Paths[r.Path], r.Method))
		if r.bounds.upload != nil {
			documentUpload(a.OpenAPI(), r)
		}
		if r.bounds.stream != nil {
			documentStream(a.OpenAPI(), r)
		}
	}
	finishDocument(a.OpenAPI())
	return a.OpenAPI()
}
