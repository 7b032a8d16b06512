package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/storage"
)

// Route is one line of the table of what may be asked for.
type Route struct {
	Method      string
	Path        string
	OperationID string
	Roles       []storage.Role // that may call it; none means everybody, without a key
	Summary     string

	register func(huma.API, huma.Operation)
	bounds   bounds
}

// bounds are what a call is held to. The zero value is a short call that
// answers 200.
type bounds struct {
	status  int           // of success; zero means 200
	body    int64         // bytes at most; zero means 64 KiB
	timeout time.Duration // zero means 30 s
	upload  *uploadDoc    // the body is a file, read as it comes
	stream  *streamDoc    // the answer is sent as it is made
}

// Routes returns the table of routes.
func Routes() []Route { return newServer(Config{}).routes() }

// routes is the one table of what may be asked for and by whom. Whose things a
// caller sees or changes is decided where they are read: an account's key never
// gets at another account's.
func (s *server) routes() []Route {
	var (
		anyone []storage.Role
		all    = []storage.Role{storage.RoleAccount, storage.RoleSupport, storage.RoleAdmin}
		staff  = []storage.Role{storage.RoleSupport, storage.RoleAdmin}
		admin  = []storage.Role{storage.RoleAdmin}

		read    = bounds{}
		made    = bounds{status: http.StatusCreated}
		gone    = bounds{status: http.StatusNoContent}
		queued  = bounds{status: http.StatusAccepted}
		copied  = bounds{status: http.StatusAccepted, timeout: storeTimeout}
		many    = bounds{status: http.StatusAccepted, body: maxBulkBody}
		ask     = bounds{body: maxBulkBody}
		imports = bounds{status: http.StatusCreated, timeout: uploadTimeout + storeTimeout, upload: simUpload()}
		uploads = bounds{status: http.StatusAccepted, timeout: uploadTimeout + storeTimeout, upload: batchUpload()}
		rows    = bounds{timeout: resultsTimeout, stream: resultsDoc()}
		told    = bounds{timeout: streamTimeout, stream: eventsDoc(Event{}, "An event of the request each.")}
		fed     = bounds{timeout: streamTimeout, stream: eventsDoc(FeedEvent{}, "An event of any request of the batch each.")}
		each    = bounds{status: http.StatusAccepted, timeout: batchCancelTimeout}
	)
	return []Route{
		{"POST", "/v1/accounts", "create-account", admin, "Open an account", op(s, s.createAccount), made},
		{"GET", "/v1/accounts", "list-accounts", staff, "List accounts", op(s, s.listAccounts), read},
		{"GET", "/v1/accounts/{operator_id}", "get-account", all, "Read an account", op(s, s.getAccount), read},
		{"PATCH", "/v1/accounts/{operator_id}", "update-account", admin, "Change or close an account", op(s, s.updateAccount), read},

		{"GET", "/v1/plans", "list-plans", all, "List plans", op(s, s.listPlans), read},
		{"PUT", "/v1/plans/{name}", "put-plan", admin, "Make a plan known", op(s, s.putPlan), read},

		{"POST", "/v1/sims", "import-sims", admin, "Import SIMs", op(s, s.importSIMs), imports},
		{"GET", "/v1/sims", "list-sims", all, "List SIMs", op(s, s.listSIMs), read},
		{"GET", "/v1/sims/{sim}", "get-sim", all, "Read a SIM by any identifier", op(s, s.getSIM), read},
		{"PATCH", "/v1/sims/{sim}", "update-sim", all, "Change a SIM", op(s, s.updateSIM), read},

		{"GET", "/v1/support/sims/{identifier}", "get-sim-history", staff, "Read a SIM's whole history", op(s, s.getSIMHistory), read},

		{"POST", "/v1/fees", "create-fee", admin, "Set a fee from an instant on", op(s, s.createFee), made},
		{"GET", "/v1/fees", "list-fees", admin, "Read the fee schedule", op(s, s.listFees), read},

		{"GET", "/v1/key", "get-current-key", all, "Read with which key one calls", op(s, s.getCurrentKey), read},
		{"POST", "/v1/keys", "create-key", admin, "Make an API key", op(s, s.createKey), made},
		{"GET", "/v1/keys", "list-keys", admin, "List API keys", op(s, s.listKeys), read},
		{"POST", "/v1/keys/{id}/rotate", "rotate-key", admin, "Replace an API key", op(s, s.rotateKey), read},
		{"DELETE", "/v1/keys/{id}", "revoke-key", admin, "Revoke an API key", op(s, s.revokeKey), gone},

		{"POST", "/v1/transfer-requests", "create-request", all, "Ask for a transfer", op(s, s.createRequest), many},
		{"POST", "/v1/transfer-requests/preview", "preview-request", all, "See what a request would come to", op(s, s.previewRequest), ask},
		{"GET", "/v1/transfer-requests", "list-requests", all, "List transfer requests", op(s, s.listRequests), read},
		{"GET", "/v1/transfer-requests/{id}", "get-request", all, "Read a transfer request", op(s, s.getRequest), read},
		{"GET", "/v1/transfer-requests/{id}/transfers", "list-transfers", all, "List what became of each SIM", op(s, s.listTransfers), read},
		{"GET", "/v1/transfer-requests/{id}/events", "list-events", all, "Read what happened to a request", op(s, s.listEvents), read},
		{"GET", "/v1/transfer-requests/{id}/results", "get-request-results", all, "Read the results of a request in the order of submission", op(s, s.requestResults), rows},
		{"GET", "/v1/transfer-requests/{id}/stream", "stream-request", all, "Watch a request", op(s, s.streamRequest), told},
		{"POST", "/v1/transfer-requests/{id}/accept", "accept-request", all, "Accept (destination)", op(s, s.acceptRequest), many},
		{"POST", "/v1/transfer-requests/{id}/decline", "decline-request", all, "Decline (destination)", op(s, s.declineRequest), many},
		{"POST", "/v1/transfer-requests/{id}/cancel", "cancel-request", all, "Cancel (source or support)", op(s, s.cancelRequest), many},
		{"POST", "/v1/transfer-requests/{id}/retry", "retry-request", all, "Ask again for what failed (source or support)", op(s, s.retryRequest), copied},
		{"POST", "/v1/transfer-requests/{id}/approve", "approve-request", staff, "Approve (support)", op(s, s.approveRequest), queued},
		{"POST", "/v1/transfer-requests/{id}/deny", "deny-request", staff, "Deny (support)", op(s, s.denyRequest), queued},

		{"POST", "/v1/batches", "create-batch", all, "Ask for many transfers to many destinations", op(s, s.createBatch), uploads},
		{"GET", "/v1/batches", "list-batches", all, "List batches", op(s, s.listBatches), read},
		{"GET", "/v1/batches/{id}", "get-batch", all, "Read a batch", op(s, s.getBatch), read},
		{"GET", "/v1/batches/{id}/results", "get-batch-results", all, "Read the results of a batch in the order of its upload", op(s, s.batchResults), rows},
		{"GET", "/v1/batches/{id}/stream", "stream-batch", all, "Watch a batch", op(s, s.streamBatch), fed},
		{"POST", "/v1/batches/{id}/cancel", "cancel-batch", all, "Cancel what is left of a batch", op(s, s.cancelBatch), each},

		{"GET", "/v1/events", "list-feed", all, "Follow what happens to an account's requests", op(s, s.listFeed), read},

		{"GET", "/v1/templates/batch.csv", "get-batch-template", anyone, "Download a template of a batch", op(s, s.template("batch.csv", batchUpload())), bounds{stream: templateDoc(batchUpload())}},
		{"GET", "/v1/templates/sims.csv", "get-sims-template", anyone, "Download a template of an import", op(s, s.template("sims.csv", simUpload())), bounds{stream: templateDoc(simUpload())}},

		{"GET", "/healthz", "health", anyone, "Is the process up?", op(s, s.health), read},
		{"GET", "/readyz", "ready", anyone, "Does the database answer?", op(s, s.ready), read},
		{"GET", "/problems/{code}", "get-problem-kind", anyone, "Read what a problem means", op(s, s.getProblemKind), read},
	}
}

// op makes a handler one that Huma can register, and turns its errors into
// problems.
func op[I, O any](s *server, handle func(context.Context, *I) (*O, error)) func(huma.API, huma.Operation) {
	return func(a huma.API, o huma.Operation) {
		huma.Register(a, o, func(ctx context.Context, in *I) (*O, error) {
			out, err := handle(ctx, in)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return out, nil
		})
	}
}

const (
	maxBody     = 64 << 10
	maxBulkBody = 4 << 20
	callTimeout = 30 * time.Second
	bodyTimeout = 35 * time.Second // for a body to arrive, unless it is an upload

	batchCancelTimeout = 10 * time.Minute // one transaction per request of a batch
)

func (r Route) timeout() time.Duration { return cmp.Or(r.bounds.timeout, callTimeout) }

// operation describes a route to Huma.
func (r Route) operation() huma.Operation {
	o := huma.Operation{
		Method:          r.Method,
		Path:            r.Path,
		OperationID:     r.OperationID,
		Summary:         r.Summary,
		Tags:            []string{r.tag()},
		Description:     about()[r.OperationID] + " Needs no key.",
		DefaultStatus:   cmp.Or(r.bounds.status, http.StatusOK),
		MaxBodyBytes:    cmp.Or(r.bounds.body, maxBody),
		BodyReadTimeout: bodyTimeout,
	}
	if len(r.Roles) > 0 {
		o.Security = []map[string][]string{{"key": {}}}
		o.Description = about()[r.OperationID] + " For keys of the role " + r.rolesText() + "."
		o.Errors = append(o.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if strings.Contains(r.Path, "{") {
		o.Errors = append(o.Errors, http.StatusNotFound)
	}
	if r.Method == http.MethodPost {
		o.Errors = append(o.Errors, http.StatusConflict)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.bounds.stream != nil && r.bounds.stream.formats {
		o.Errors = append(o.Errors, http.StatusNotAcceptable)
	}
	o.Errors = append(o.Errors, http.StatusUnprocessableEntity, http.StatusServiceUnavailable) // also for a parameter that there is not
	return o
}

func (r Route) rolesText() string {
	names := make([]string, len(r.Roles))
	for i, role := range r.Roles {
		names[i] = string(role)
	}
	return strings.Join(names, ", ")
}

// tag is the heading of the document under which the route stands.
func (r Route) tag() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/v1/"), "/")
	switch {
	case !strings.HasPrefix(r.Path, "/v1/"):
		return "service"
	case name == "key":
		return "keys"
	}
	return name
}
