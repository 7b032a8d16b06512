package api

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/transfer"
)

// documentGatewayCalls adds the calls to gateways without RADIUS to the document.
func documentGatewayCalls(document *huma.OpenAPI) {
	for _, c := range []struct {
		kind, meaning string
		example       transfer.CallSession
		responses     map[string]*huma.Response
	}{
		{
			transfer.CallDisconnect, "End a data session at a gateway that takes no Disconnect-Requests. Its SIM is being transferred, or the session outlived the transfer. Each call is a question of its own, with an id of its own: answer by the current state.",
			transfer.CallSession{NASIPAddress: "10.0.0.2", UserName: "001010000000001", IMSI: "001010000000001", FramedIP: "198.51.100.9"}.WithSessionID("0A0B0C0D"),
			map[string]*huma.Response{
				"2XX": {Description: "The session has ended. Answer so only after it has."},
				"404": {Description: "There is no such session. It counts only if the call gateway.test, which follows, is answered with 200 to 299."},
				"429": {Description: "Too fast: with Retry-After, it is called again after that time, at most 5 minutes. 503 means the same."},
			},
		},
		{
			transfer.CallTest, "A probe: it names no session. Verify the signature and answer 204.",
			transfer.CallSession{NASIPAddress: "10.0.0.2"},
			map[string]*huma.Response{
				"2XX": {Description: "The signature is right."},
				"401": {Description: "The signature is wrong. A probe also makes a call with a wrong signature, to see that it is refused."},
			},
		},
	} {
		body := &huma.Schema{
			Type: huma.TypeObject,
			Properties: map[string]*huma.Schema{
				"type":      {Type: huma.TypeString, Enum: []any{c.kind}},
				"timestamp": {Type: huma.TypeString, Format: "date-time", Description: "When the call was made."},
				"data":      document.Components.Schemas.Schema(reflect.TypeFor[transfer.CallSession](), true, "CallSession"),
			},
			Required: []string{"type", "timestamp", "data"},
		}
		c.responses["default"] = &huma.Response{Description: "The session may be up: the worker calls again, with pauses of 2, 4, 8 and 16 seconds, and then the SIM's transfer fails. Redirects are not followed."}
		document.Webhooks[c.kind] = &huma.PathItem{Post: &huma.Operation{
			OperationID: "on-" + c.kind,
			Tags:        []string{"webhooks"},
			Summary:     c.kind,
			Description: c.meaning,
			Parameters: []*huma.Param{
				{Name: "webhook-id", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "Names the call."},
				{Name: "webhook-timestamp", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "When the call was made, in seconds since 1970. Refuse what is older than five minutes."},
				{Name: "webhook-signature", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "v1,<signature>, by the secret of the gateway's URL."},
			},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeJSON: {
				Schema:  body,
				Example: map[string]any{"type": c.kind, "timestamp": time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Format(time.RFC3339), "data": c.example},
			}}},
			Responses: c.responses,
		}}
	}
}
