package api

import (
	"context"
	"errors"
	"fmt"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// IdentifierPath is embedded in the input of routes for an identifier of a SIM.
type IdentifierPath struct {
	SIMPath
	Identifier string `path:"identifier" maxLength:"64" doc:"An IMSI or an MSISDN."`
}

type putIdentifierInput struct {
	IdentifierPath
	IfMatch
	Body struct {
		Kind   string `json:"kind" enum:"imsi,msisdn" doc:"What the identifier is."`
		From   string `json:"from,omitempty" maxLength:"64" doc:"Moves the identifier from the SIM with this ICCID, IMSI or MSISDN. Left out: no SIM has it yet."`
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why it changes. Recorded in the audit trail. Required if the two SIMs belong to different accounts."`
	}
}

func (s *server) putIdentifier(ctx context.Context, in *putIdentifierInput) (*simOutput, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	kind, parse := storage.IdentifierKind(in.Body.Kind), transfer.ParseMSISDN
	if kind == storage.KindIMSI {
		parse = transfer.ParseIMSI
	}
	p := problem.New(problem.Invalid, "")
	put := storage.PutIdentifier{
		Identifier: parsed(p, "path.identifier", in.Identifier, parse),
		Kind:       kind,
		Why:        parsed(p, "body.reason", in.Body.Reason, transfer.ParseText),
		If:         simCondition(ctx),
	}
	if in.Body.From != "" {
		from := parsed(p, "body.from", in.Body.From, transfer.ParseIdentifier)
		put.From = &from
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	row, err := s.db.PutIdentifier(ctx, actingCaller(ctx), id, put)
	if err != nil {
		return nil, err
	}
	return simResponse(ctx, row)
}

type removeIdentifierInput struct {
	IdentifierPath
	IfMatch
}

func (s *server) removeIdentifier(ctx context.Context, in *removeIdentifierInput) (*struct{}, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	removed, err := SIMPath{in.Identifier}.identifier()
	if err != nil {
		return nil, err
	}
	err = s.db.RemoveIdentifier(ctx, actingCaller(ctx), id, removed, simCondition(ctx))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("no SIM has the identifier %q and also the number or IMSI %q", in.SIM, in.Identifier))
	}
	return nil, err
}
