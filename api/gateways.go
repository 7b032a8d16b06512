package api

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Gateway is a gateway, or a network of gateways, as the API shows it. It never
// has the secret.
type Gateway struct {
	Name        string     `json:"name" example:"10.64.0.0/10" doc:"The address that the gateway sends in accounting as NAS-IP-Address, or a network of such addresses. Of several that match, the smallest network counts."`
	Description string     `json:"description,omitempty"`
	Server      *string    `json:"server,omitempty" example:"10.0.0.1:3799" doc:"Where it takes Disconnect-Requests: host or host:port. Left out: at its own address."`
	Address     *string    `json:"address,omitempty" example:"10.0.0.1:3799" doc:"The host and port that Disconnect-Requests are sent to. Left out for a network without server, in which each gateway has its own."`
	Signed      bool       `json:"require_message_authenticator" doc:"Whether answers without a Message-Authenticator are ignored."`
	SecretSetAt *time.Time `json:"secret_set_at,omitempty" doc:"When the secret was set. It is never shown. Left out: no secret was set, which only a gateway with a url can be without, or it was set before the service recorded it."`

	Preset       transfer.GatewayPreset      `json:"preset" doc:"The kind of gateway whose settings were chosen. The guide to gateways lists them."`
	Attributes   []transfer.GatewayAttribute `json:"attributes" doc:"The attributes of Disconnect-Requests, if accounting reported them. Empty for a gateway with a url."`
	Port         *int                        `json:"port,omitempty" example:"1700" doc:"The port for Disconnect-Requests if server has none. Left out: 3799."`
	Source       *string                     `json:"source_address,omitempty" example:"10.0.1.5" doc:"The address of the workers' hosts that Disconnect-Requests are sent from. Left out: the one that the route has."`
	MaxInFlight  *int                        `json:"max_in_flight,omitempty" doc:"How many requests of each worker process may wait for an answer. Left out: no limit."`
	MaxPerSecond *int                        `json:"max_per_second,omitempty" doc:"How many requests each worker process may send per second. Left out: no limit."`

	URL            *string    `json:"url,omitempty" example:"https://gateway.example.com/disconnect" doc:"Where a gateway without RADIUS is called by HTTP. Left out: it gets Disconnect-Requests."`
	URLSecretSetAt *time.Time `json:"url_secret_set_at,omitempty" doc:"When the secret that signs these calls was set. It is never shown."`
}

// ListedGateway is a gateway in a list, with what waits for it.
type ListedGateway struct {
	Gateway
	Waiting *GatewayWaiting `json:"waiting,omitempty" doc:"The sessions that the gateway should end now. Left out: none."`
}

// GatewayWaiting is what waits until a gateway ends sessions.
type GatewayWaiting struct {
	SIMs     int       `json:"sims" example:"12" doc:"The number of SIMs whose transfer waits until the gateway ends their sessions. A session that outlived a transfer counts as one."`
	Since    time.Time `json:"since" doc:"Since when the first of them waits."`
	Attempts int       `json:"attempts" doc:"How often the gateway was asked without success, at most for one of them."`
	Answer   *string   `json:"answer,omitempty" example:"gateway 10.0.0.1: no answer" doc:"What went wrong at last, in words. Left out: nothing did."`
}

func viewGateway(g storage.Gateway) Gateway {
	v := Gateway{
		Name: g.Name, Description: g.Description, Server: g.Server, Address: g.Address, Signed: g.Signed, SecretSetAt: utc(g.SecretSetAt),
		Preset: g.Preset, Attributes: []transfer.GatewayAttribute{}, Port: g.Port, Source: g.Source, MaxInFlight: g.MaxInFlight, MaxPerSecond: g.MaxPerSecond,
		URL: g.URL, URLSecretSetAt: utc(g.URLSecretSetAt),
	}
	if g.URL == nil {
		v.Attributes = g.AttributeList()
	}
	return v
}

type gatewayOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Gateway
}

func gatewayResponse(ctx context.Context, g storage.Gateway) (out *gatewayOutput, err error) {
	out = &gatewayOutput{Body: viewGateway(g)}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

type listGatewaysInput struct{ Paging }

func (s *server) listGateways(ctx context.Context, in *listGatewaysInput) (*listOf[ListedGateway], error) {
	var after netip.Prefix
	if in.Cursor != "" {
		var err error
		if after, err = transfer.ParseGatewayName(in.Cursor); err != nil {
			return nil, badCursor(in.Cursor)
		}
	}
	rows, err := s.db.Gateways(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	waits, err := s.db.GatewayWaits(ctx)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(g storage.Gateway) string { return g.Name }, func(g storage.Gateway) ListedGateway {
		v := ListedGateway{Gateway: viewGateway(g)}
		if w, ok := waits[g.ID]; ok {
			v.Waiting = &GatewayWaiting{SIMs: w.SIMs, Since: w.Since.UTC(), Attempts: w.Attempts, Answer: w.Answer}
		}
		return v
	})
}

// GatewayPath is embedded in the input of routes for one gateway.
type GatewayPath struct {
	Name string `path:"name" maxLength:"64" example:"10.0.0.1" doc:"The address or network of the gateway. Write the slash of a network as %2F."`
}

func (g GatewayPath) network() (netip.Prefix, error) {
	p := problem.New(problem.Invalid, "")
	if network := parsed(p, "path.name", g.Name, transfer.ParseGatewayName); len(p.Errors) == 0 {
		return network, nil
	}
	return netip.Prefix{}, p
}

type getGatewayInput struct {
	GatewayPath
	IfNoneMatch
}

func (s *server) getGateway(ctx context.Context, in *getGatewayInput) (*gatewayOutput, error) {
	network, err := in.network()
	if err != nil {
		return nil, err
	}
	g, err := s.db.Gateway(ctx, network)
	if err != nil {
		return nil, err
	}
	return gatewayResponse(ctx, g)
}

type putGatewayInput struct {
	IfMatch
	GatewayPath
	Body struct {
		Description string  `json:"description,omitempty" maxLength:"200"`
		Server      *string `json:"server,omitempty" minLength:"1" maxLength:"260" doc:"Where the gateway takes Disconnect-Requests: host or host:port. The default port is 3799. Default: the address of the gateway."`
		Secret      *string `json:"secret,omitempty" minLength:"1" maxLength:"128" doc:"The secret that the gateway shares with its RADIUS servers. Required for a new gateway without a url; an existing one keeps its secret if this is left out."`
		Signed      bool    `json:"require_message_authenticator,omitempty" doc:"Ignore answers without a Message-Authenticator. Such answers can be forged on the way. A probe tells whether the gateway sends it."`

		Preset       string    `json:"preset,omitempty" maxLength:"64" example:"cisco-ios" doc:"A kind of gateway: its attributes and port are the defaults of these fields. The guide to gateways lists the presets. Default: generic, or http if there is a url."`
		Attributes   *[]string `json:"attributes,omitempty" maxItems:"20" doc:"The attributes of Disconnect-Requests. Acct-Session-Id must be among them. Default: those of the preset."`
		Port         *int      `json:"port,omitempty" minimum:"1" maximum:"65535" doc:"The port for Disconnect-Requests, if server has none. Default: that of the preset."`
		Source       *string   `json:"source_address,omitempty" minLength:"1" maxLength:"64" doc:"The address to send Disconnect-Requests from; each worker's host must have it. Default: the one that the route has."`
		MaxInFlight  *int      `json:"max_in_flight,omitempty" minimum:"1" maximum:"10000" doc:"How many requests of each worker process may wait for an answer. Default: no limit."`
		MaxPerSecond *int      `json:"max_per_second,omitempty" minimum:"1" maximum:"100000" doc:"How many requests each worker process may send per second. Default: no limit."`

		URL       *string `json:"url,omitempty" minLength:"1" maxLength:"1000" doc:"Where to call a gateway without RADIUS by HTTP. The section webhooks has the call, gateway.disconnect. Default: it gets Disconnect-Requests."`
		URLSecret *string `json:"url_secret,omitempty" minLength:"1" maxLength:"128" doc:"The secret that signs these calls, as Standard Webhooks has it: whsec_ and 24 to 64 bytes in base64. Required with a url, unless the gateway has one."`
	}
}

// presetRequests returns the requests of a gateway of a preset.
func presetRequests(p transfer.GatewayPreset) storage.GatewayRequests {
	rules := p.Rules()
	r := storage.GatewayRequests{Preset: p}
	if p != transfer.PresetGeneric { // which has the default list and its fallback
		r.Attributes = attributeNames(rules.Attributes)
	}
	if rules.Port != transfer.DisconnectPort && !rules.HTTP {
		r.Port = &rules.Port
	}
	return r
}

func attributeNames(list []transfer.GatewayAttribute) []string {
	var names []string
	for _, a := range list {
		names = append(names, string(a))
	}
	return names
}

// parsedAttributes parses a list of attributes that can be left out.
func parsedAttributes(p *problem.Problem, list *[]string) []string {
	if list == nil {
		return nil
	}
	attributes, err := transfer.ParseGatewayAttributes(*list)
	if err != nil {
		p.Add(problem.FieldError{Location: "body.attributes", Message: err.Error(), Value: strings.Join(*list, ", ")})
	}
	return attributeNames(attributes)
}

// parsedURLSecret parses the secret of a URL, which no error shows.
func parsedURLSecret(p *problem.Problem, text *string) *string {
	if text == nil {
		return nil
	}
	secret, err := transfer.ParseGatewayURLSecret(*text)
	if err != nil {
		p.Add(problem.FieldError{Location: "body.url_secret", Message: err.Error()})
	}
	return &secret
}

func (s *server) parseGatewayURL(text string) (string, error) {
	return transfer.ParseGatewayURL(text, s.GatewayAllowNetworks)
}

// checkReach returns a problem if the settings of a gateway do not fit together.
func checkReach(s storage.GatewaySettings) error {
	field, message := transfer.GatewayReach{
		Preset: s.Preset, URL: valueOrZero(s.URL), Server: valueOrZero(s.Server), Port: valueOrZero(s.Port), Source: valueOrZero(s.Source),
		Signed: s.Signed, OwnAttributes: s.Attributes != nil,
	}.Conflict()
	if field == "" {
		return nil
	}
	return problem.New(problem.Invalid, "", problem.FieldError{Location: "body." + field, Message: message})
}

func (s *server) putGateway(ctx context.Context, in *putGatewayInput) (*gatewayOutput, error) {
	network, err := in.network()
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	settings := storage.GatewaySettings{
		Description: parsed(p, "body.description", in.Body.Description, transfer.ParseLine),
		Server:      parsedIfGiven(p, "body.server", in.Body.Server, transfer.ParseGatewayServer),
		Signed:      in.Body.Signed,
		Secret:      parsedSecret(p, in.Body.Secret),
		URLSecret:   parsedURLSecret(p, in.Body.URLSecret),
	}
	preset := transfer.PresetGeneric
	if in.Body.Preset != "" {
		preset = parsed(p, "body.preset", in.Body.Preset, transfer.ParseGatewayPreset)
	} else if in.Body.URL != nil {
		preset = transfer.PresetHTTP
	}
	r := presetRequests(preset)
	if attributes := parsedAttributes(p, in.Body.Attributes); in.Body.Attributes != nil {
		r.Attributes = attributes
	}
	if in.Body.Port != nil {
		r.Port = in.Body.Port
	} else if r.Port != nil && transfer.HasPort(valueOrZero(settings.Server)) {
		r.Port = nil // the one of the server
	}
	r.Source = parsedIfGiven(p, "body.source_address", in.Body.Source, transfer.ParseSourceAddress)
	r.MaxInFlight, r.MaxPerSecond = in.Body.MaxInFlight, in.Body.MaxPerSecond
	r.URL = parsedIfGiven(p, "body.url", in.Body.URL, s.parseGatewayURL)
	settings.GatewayRequests = r
	if len(p.Errors) > 0 {
		return nil, p
	}
	if err := checkReach(settings); err != nil {
		return nil, err
	}
	g, err := s.db.PutGateway(ctx, actingCaller(ctx), network, func(was *storage.Gateway) (storage.GatewaySettings, error) {
		if was == nil {
			if err := transfer.CheckGatewayNetwork(network); err != nil {
				return settings, problem.New(problem.Invalid, "", problem.FieldError{Location: "path.name", Message: err.Error(), Value: in.Name})
			}
		}
		return settings, matchesGateway(ctx, was)
	})
	if err != nil {
		return nil, gatewaySecretProblem(err)
	}
	return gatewayResponse(ctx, g)
}

// gatewaySecretProblem returns the problem of a secret that is missing, and other
// errors as they are.
func gatewaySecretProblem(err error) error {
	switch {
	case errors.Is(err, storage.ErrNoSecret):
		return problem.New(problem.Invalid, "", problem.FieldError{Location: "body.secret", Message: "required for a gateway without a url: give the secret that it shares with its RADIUS servers"})
	case errors.Is(err, storage.ErrNoURLSecret):
		return problem.New(problem.Invalid, "", problem.FieldError{Location: "body.url_secret", Message: "required with the url: give the secret that signs the calls, whsec_ and 24 to 64 bytes in base64"})
	}
	return err
}

// parsedSecret is parsedIfGiven for a secret, which no error shows.
func parsedSecret(p *problem.Problem, text *string) *string {
	if text == nil {
		return nil
	}
	secret, err := transfer.ParseGatewaySecret(*text)
	if err != nil {
		p.Add(problem.FieldError{Location: "body.secret", Message: err.Error()})
	}
	return &secret
}

func matchesGateway(ctx context.Context, was *storage.Gateway) error {
	if was == nil {
		return matches(ctx, nil)
	}
	return matches(ctx, viewGateway(*was))
}

type updateGatewayInput struct {
	IfMatch
	GatewayPath
	Body struct {
		Description patch[string] `json:"description,omitempty" maxLength:"200" doc:"Null removes it."`
		Server      patch[string] `json:"server,omitempty" minLength:"1" maxLength:"260" doc:"Where the gateway takes Disconnect-Requests: host or host:port. The default port is 3799. Null: at its own address."`
		Secret      *string       `json:"secret,omitempty" minLength:"1" maxLength:"128" doc:"The secret that the gateway shares with its RADIUS servers."`
		Signed      *bool         `json:"require_message_authenticator,omitempty" doc:"Whether answers without a Message-Authenticator are ignored."`

		Preset       *string         `json:"preset,omitempty" maxLength:"64" doc:"A kind of gateway: sets attributes and port, unless they are given, too."`
		Attributes   patch[[]string] `json:"attributes,omitempty" maxItems:"20" doc:"The attributes of Disconnect-Requests. Null: the default list."`
		Port         patch[int]      `json:"port,omitempty" minimum:"1" maximum:"65535" doc:"The port for Disconnect-Requests, if server has none. Null: 3799."`
		Source       patch[string]   `json:"source_address,omitempty" minLength:"1" maxLength:"64" doc:"The address to send Disconnect-Requests from. Null: the one that the route has."`
		MaxInFlight  patch[int]      `json:"max_in_flight,omitempty" minimum:"1" maximum:"10000" doc:"How many requests of each worker process may wait for an answer. Null: no limit."`
		MaxPerSecond patch[int]      `json:"max_per_second,omitempty" minimum:"1" maximum:"100000" doc:"How many requests each worker process may send per second. Null: no limit."`

		URL       patch[string] `json:"url,omitempty" minLength:"1" maxLength:"1000" doc:"Where to call a gateway without RADIUS by HTTP. Null: it gets Disconnect-Requests."`
		URLSecret *string       `json:"url_secret,omitempty" minLength:"1" maxLength:"128" doc:"The secret that signs these calls: whsec_ and 24 to 64 bytes in base64."`
	}
}

func (s *server) updateGateway(ctx context.Context, in *updateGatewayInput) (*gatewayOutput, error) {
	network, err := in.network()
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	description := parsed(p, "body.description", in.Body.Description.value, transfer.ParseLine)
	server := parsedIfGiven(p, "body.server", valueIf(in.Body.Server), transfer.ParseGatewayServer)
	secret, urlSecret := parsedSecret(p, in.Body.Secret), parsedURLSecret(p, in.Body.URLSecret)
	preset := parsedIfGiven(p, "body.preset", in.Body.Preset, transfer.ParseGatewayPreset)
	var attributes []string
	if in.Body.Attributes.given && !in.Body.Attributes.null {
		attributes = parsedAttributes(p, &in.Body.Attributes.value)
	}
	source := parsedIfGiven(p, "body.source_address", valueIf(in.Body.Source), transfer.ParseSourceAddress)
	url := parsedIfGiven(p, "body.url", valueIf(in.Body.URL), s.parseGatewayURL)
	if len(p.Errors) > 0 {
		return nil, p
	}
	changed := func(r storage.GatewayRequests) storage.GatewayRequests {
		if in.Body.URL.given {
			r.URL = url
		}
		switch byHTTP := r.Preset.Rules().HTTP; {
		case preset != nil:
			r = withPreset(r, *preset)
		case !byHTTP && r.URL != nil:
			r = withPreset(r, transfer.PresetHTTP)
		case byHTTP && r.URL == nil:
			r = withPreset(r, transfer.PresetGeneric)
		}
		if in.Body.Attributes.given {
			r.Attributes = attributes
		}
		if in.Body.Source.given {
			r.Source = source
		}
		set(&r.Port, in.Body.Port)
		set(&r.MaxInFlight, in.Body.MaxInFlight)
		set(&r.MaxPerSecond, in.Body.MaxPerSecond)
		return r
	}
	g, err := s.db.PutGateway(ctx, actingCaller(ctx), network, func(was *storage.Gateway) (storage.GatewaySettings, error) {
		if was == nil {
			return storage.GatewaySettings{}, storage.ErrNotFound
		}
		settings := was.Settings()
		settings.Secret, settings.URLSecret = secret, urlSecret
		settings.GatewayRequests = changed(settings.GatewayRequests)
		if in.Body.Description.given {
			settings.Description = description
		}
		if in.Body.Server.given {
			settings.Server = server
		}
		if in.Body.Signed != nil {
			settings.Signed = *in.Body.Signed
		}
		if preset != nil && !in.Body.Port.given && transfer.HasPort(valueOrZero(settings.Server)) {
			settings.Port = nil // the one of the server
		}
		if err := matchesGateway(ctx, was); err != nil {
			return settings, err
		}
		return settings, checkReach(settings)
	})
	if err != nil {
		return nil, gatewaySecretProblem(err)
	}
	return gatewayResponse(ctx, g)
}

// withPreset returns the requests of a gateway after another preset was chosen.
func withPreset(r storage.GatewayRequests, p transfer.GatewayPreset) storage.GatewayRequests {
	n := presetRequests(p)
	r.Preset, r.Attributes, r.Port = n.Preset, n.Attributes, n.Port
	return r
}

// set sets a field to its new value, unless it is left out.
func set[T any](field **T, p patch[T]) {
	if p.given {
		*field = p.orNil()
	}
}

// valueIf returns the new value of a field, nil if it is left out or removed.
func valueIf[T any](p patch[T]) *T {
	if !p.given {
		return nil
	}
	return p.orNil()
}

// leaveSessions is the value of open_sessions that removes a gateway in spite of
// open sessions.
const leaveSessions = "leave"

type deleteGatewayInput struct {
	IfMatch
	GatewayPath
	Sessions string `query:"open_sessions" enum:"refuse,leave" default:"refuse" doc:"What happens if sessions are open at the gateway. refuse: the gateway stays, and the response says how many are open. leave: the gateway is removed. Sessions that no other network includes then cannot be ended, and the transfers of their SIMs fail with session_not_dropped."`
}

func (s *server) deleteGateway(ctx context.Context, in *deleteGatewayInput) (*struct{}, error) {
	network, err := in.network()
	if err != nil {
		return nil, err
	}
	err = s.db.DeleteGateway(ctx, actingCaller(ctx), network, in.Sessions == leaveSessions, func(was storage.Gateway) error {
		return matches(ctx, viewGateway(was))
	})
	var open *storage.OpenSessionsError
	if errors.As(err, &open) {
		return nil, problem.New(problem.GatewayInUse, open.Error()+", so it was not removed: wait until they have ended, or remove it with open_sessions=leave")
	}
	return nil, err
}

// Probe is what a probe of a gateway found out.
type Probe struct {
	Gateway    string                `json:"gateway" example:"10.64.0.0/10" doc:"The name of the gateway."`
	NASAddress string                `json:"nas_address" example:"10.64.0.7" doc:"The NAS-IP-Address of the gateway that was probed."`
	Outcome    transfer.ProbeOutcome `json:"outcome" doc:"What was found out. Only answers means that all is well."`
	Meaning    string                `json:"meaning" doc:"The outcome in words."`
	Remedy     string                `json:"remedy,omitempty" doc:"What to do next."`
	Detail     string                `json:"detail,omitempty" doc:"What happened on the network."`
	ErrorCause string                `json:"error_cause,omitempty" example:"503 session context not found" doc:"The Error-Cause of the answer (RFC 5176)."`
	Signed     *bool                 `json:"message_authenticator,omitempty" doc:"Whether the answer had a Message-Authenticator. Left out if there was no answer."`
	Address    string                `json:"address,omitempty" example:"10.64.0.7:3799" doc:"The host and port, or the URL, that the request was sent to."`
	Worker     string                `json:"worker,omitempty" doc:"The host name of the worker that sent the request."`
	From       string                `json:"worker_address,omitempty" doc:"The address that the request was sent from, as the worker's host sees it. The gateway must accept Disconnect-Requests from it."`
	Sent       int                   `json:"sent" doc:"How often the request was sent."`
	TookMS     int64                 `json:"took_ms" doc:"How long the probe took, in milliseconds."`
}

type probeGatewayInput struct {
	GatewayPath
	Body *struct {
		NASAddress string `json:"nas_address,omitempty" maxLength:"64" example:"10.64.0.7" doc:"Which gateway of a network to probe: its NAS-IP-Address. Required for a network without server. Only addresses within the network can be probed."`
	}
}

type probeOutput struct{ Body Probe }

func (s *server) probeGateway(ctx context.Context, in *probeGatewayInput) (*probeOutput, error) {
	network, err := in.network()
	if err != nil {
		return nil, err
	}
	g, err := s.db.Gateway(ctx, network)
	if err != nil {
		return nil, s.explainMissingGateway(ctx, err, network)
	}
	text := ""
	if in.Body != nil {
		text = in.Body.NASAddress
	}
	address, err := s.probedAddress(ctx, g, network, text)
	if err != nil {
		return nil, err
	}
	id, err := s.db.AskProbe(ctx, actingCaller(ctx), g, network, address)
	if errors.Is(err, storage.ErrTooMany) {
		p := problem.New(problem.RateLimited, fmt.Sprintf("an API key can probe gateways %d times per minute", transfer.MaxProbes))
		p.RetryAfter = time.Minute
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	answer, err := s.awaitProbe(ctx, id)
	if err != nil {
		return nil, err
	}
	return &probeOutput{viewProbe(g, address, answer)}, nil
}

// explainMissingGateway makes ErrNotFound for an address that lies in the network of a
// gateway a problem that says how to probe it. It returns other errors as they are.
func (s *server) explainMissingGateway(ctx context.Context, missing error, network netip.Prefix) error {
	if !errors.Is(missing, storage.ErrNotFound) || !network.IsSingleIP() {
		return missing
	}
	of, err := s.db.GatewayOf(ctx, network.Addr())
	if errors.Is(err, storage.ErrNotFound) {
		return missing
	}
	if err != nil {
		return err
	}
	return problem.New(problem.NotFound, fmt.Sprintf("no gateway has the name %s, but %s contains that address: probe %s with the nas_address %s", network.Addr(), of.Name, of.Name, network.Addr()))
}

// probedAddress returns the NAS-IP-Address of the gateway to probe: the one that
// the caller names, or the only one. It must not be in a smaller network, whose
// gateway has another secret.
func (s *server) probedAddress(ctx context.Context, g storage.Gateway, network netip.Prefix, text string) (netip.Addr, error) {
	invalid := func(message string) error {
		return problem.New(problem.Invalid, "", problem.FieldError{Location: "body.nas_address", Message: message, Value: text})
	}
	if text == "" {
		if g.Address == nil && g.URL == nil {
			return netip.Addr{}, invalid("required for a network in which each gateway has its own address: give the address of the gateway to probe")
		}
		return network.Addr(), nil
	}
	address, err := netip.ParseAddr(transfer.Trim(text))
	address = address.Unmap()
	if err != nil || address.Zone() != "" || !network.Contains(address) {
		return netip.Addr{}, invalid("not an IP address within " + g.Name)
	}
	if err := transfer.CheckGatewayNetwork(netip.PrefixFrom(address, address.BitLen())); err != nil {
		return netip.Addr{}, invalid(err.Error())
	}
	of, err := s.db.GatewayOf(ctx, address)
	if err != nil {
		return netip.Addr{}, err
	}
	if of.ID != g.ID {
		return netip.Addr{}, invalid("this address belongs to the gateway " + of.Name + ": probe that one")
	}
	return address, nil
}

// awaitProbe waits until a worker has answered. The outcome is ProbeNoWorker if
// none has in time.
func (s *server) awaitProbe(ctx context.Context, id int64) (storage.ProbeAnswer, error) {
	ticker := time.NewTicker(s.ProbeInterval)
	defer ticker.Stop()
	start := time.Now()
	for {
		state, err := s.db.StateOfProbe(ctx, id)
		if err != nil {
			return storage.ProbeAnswer{}, err
		}
		waited := time.Since(start)
		switch {
		case state.Answer != nil:
			return *state.Answer, nil
		case !state.Taken && waited >= s.ProbeWait:
			return storage.ProbeAnswer{Outcome: transfer.ProbeNoWorker, Detail: fmt.Sprintf("no worker took the probe in %s", s.ProbeWait)}, nil
		case waited >= s.ProbeWait+storage.MaxProbeTime:
			return storage.ProbeAnswer{Outcome: transfer.ProbeNoWorker, Detail: "a worker took the probe, and did not report what it found out"}, nil
		}
		select {
		case <-ctx.Done():
			return storage.ProbeAnswer{}, ctx.Err()
		case <-ticker.C:
		}
	}
}

func viewProbe(g storage.Gateway, address netip.Addr, a storage.ProbeAnswer) Probe {
	v := Probe{
		Gateway: g.Name, NASAddress: address.String(), Outcome: a.Outcome, Meaning: a.Outcome.Meaning(), Remedy: a.Outcome.Remedy(),
		Detail: a.Detail, ErrorCause: a.Cause, Address: a.Address, Worker: a.Worker, From: a.WorkerAddr, Sent: a.Sent, TookMS: a.Took.Milliseconds(),
	}
	if g.URL != nil {
		v.Remedy = a.Outcome.CallRemedy()
	}
	if a.Outcome.Answered() && g.URL == nil {
		v.Signed = &a.Signed
	}
	if a.Outcome == transfer.ProbeAnswers && !g.Signed && g.URL == nil {
		v.Remedy = "Optional: its answer has no Message-Authenticator, so it could be forged on the way. Configure the gateway to send it."
		if a.Signed {
			v.Remedy = "Optional: its answer has a Message-Authenticator. Set require_message_authenticator, so that answers without one, which could be forged, are ignored."
		}
	}
	return v
}
