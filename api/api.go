package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Config is what the API is made from.
type Config struct {
	DB *storage.DB

	// Ops is the page on the queues, which administrators find under
	// /ops/queues; it must expect that path. Nil leaves it out.
	Ops http.Handler

	Limiter Limiter // bounds the calls of each key; nil does not

	ReviewPeriod     time.Duration // how long support has; zero means transfer.ReviewPeriod
	AcceptancePeriod time.Duration // how long the destination has where a request does not say; zero means transfer.AcceptancePeriod

	// TrustProxy takes a client's address from the last entry of X-Forwarded-For,
	// which the proxy in front of the API has written. Without such a proxy
	// clients could write there what they like.
	TrustProxy bool

	// Stopping, when it is closed, ends the streams of events, which would
	// otherwise keep the process from stopping. Nil never does.
	Stopping <-chan struct{}

	MaxStreams     int           // streams of events at once, of which a caller has 16 at most; zero means 256
	StreamInterval time.Duration // between looks for the events of a stream; zero means 500 ms

	Log *slog.Logger // nil means slog.Default()

	Version string // of the program, for the document; empty means "dev"
}

type server struct {
	Config
	db      *storage.DB
	streams *places // of events
	uploads *places // of batches, while they are read and stored
	imports *places // likewise
	results *places // of batches, while they are sent
	limits  limits
}

// New returns a handler that serves the API, its document and the pages for
// people. It starts nothing.
func New(c Config) http.Handler {
	s := newServer(c)
	mux := http.NewServeMux()
	s.addDocs(mux, s.register(mux))
	s.addOps(mux)
	mux.HandleFunc("/", notFound(mux))
	return s.prepare(mux)
}

// OpenAPI returns the document of the API as JSON. It needs no database.
func OpenAPI(version string) ([]byte, error) {
	document := newServer(Config{Version: version}).register(http.NewServeMux())
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}

func newServer(c Config) *server {
	if c.ReviewPeriod == 0 {
		c.ReviewPeriod = transfer.ReviewPeriod
	}
	if c.AcceptancePeriod == 0 {
		c.AcceptancePeriod = transfer.AcceptancePeriod
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = maxStreams
	}
	if c.StreamInterval == 0 {
		c.StreamInterval = streamInterval
	}
	return &server{
		Config:  c,
		db:      c.DB,
		streams: newPlaces("streams", c.MaxStreams, maxOwnStreams, 0),
		uploads: newPlaces("uploads", maxUploads, maxOwnUploads, uploadPatience),
		imports: newPlaces("imports", maxImports, maxOwnImports, uploadPatience),
		results: newPlaces("results of batches", maxResults, maxOwnResults, uploadPatience),
	}
}

// register adds every route of the table to the mux and returns the document.
func (s *server) register(mux *http.ServeMux) *huma.OpenAPI {
	a := humago.New(mux, humaConfig(s.Version))
	for _, r := range s.routes() {
		o := r.operation()
		o.Middlewares = huma.Middlewares{s.admit(r)}
		r.register(a, o)
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
