package sample

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/dev/stack"
	"simtransfer/transfer"
)

// SignIns lists the buttons with which people try the console: as an account that sends
// SIMs, as one that receives them, as support, as finance and as an administrator.
func (in *Installation) SignIns() []stack.SignIn {
	source, destination := Accounts()[BatchSource], Accounts()[AcceptsAll]
	return []stack.SignIn{
		{Title: source.Name, Text: "sends SIMs", Key: in.Accounts[BatchSource].Key},
		{Title: destination.Name, Text: "receives SIMs", Key: in.Accounts[AcceptsAll].Key},
		{Title: "Support", Text: "reviews transfers", Key: in.Support.Key},
		{Title: "Finance", Text: "sees what was charged", Key: in.Finance.Key},
		{Title: "Administrator", Text: "manages accounts, plans, fees and gateways", Key: in.Stack.Admin.Key},
	}
}

// OpenRequests creates requests that wait for someone, so that there is something to do
// in the console: two for the destination, one for support, and a pull request for the
// source.
func (in *Installation) OpenRequests(ctx context.Context) error {
	source, destination := in.Accounts[BatchSource], in.Accounts[AcceptsAll]
	profile := client.LandingProfile{Group: "arrivals", Tags: map[string]string{"origin": "transfer"}}
	if _, err := destination.UpdateAccount(ctx, Accounts()[AcceptsAll].OperatorID.Ref(), client.AccountChange{Landing: &profile}); err != nil {
		return err
	}
	ready, err := in.free(ctx, transfer.Ready, 3+4+37)
	if err != nil {
		return err
	}
	active, err := in.free(ctx, transfer.Active, 8)
	if err != nil {
		return err
	}
	if len(ready) < 8 || len(active) == 0 {
		return errors.New("the sample inventory has too few SIMs that can be transferred")
	}
	meters, err := in.request(ctx, client.NewRequest{SIMs: ready[7:], Reference: "PO-4711", Message: "The meters for the new harbour. Please accept them before Friday."})
	if err != nil {
		return err
	}
	for _, r := range []client.NewRequest{
		{SIMs: ready[:3], Reference: "PO-4712", Message: "The three spare SIMs."},
		{SIMs: active, Reference: "RMA-118", Message: "These devices stay in the field, and you take over their contract."},
	} {
		if _, err := in.request(ctx, r); err != nil {
			return err
		}
	}
	if _, err := destination.CreatePullRequest(ctx, client.NewPullRequest{ICCIDs: ready[3:7], Reference: "ASK-7", Message: "These cards arrived with our pallets. Are they ours?"}); err != nil {
		return err
	}
	if err := in.awaitOffer(ctx, meters); err != nil {
		return err
	}
	if _, err := destination.AddComment(ctx, meters, client.NewComment{Text: "Are these the ones with external antennas?"}); err != nil {
		return err
	}
	_, err = source.AddComment(ctx, meters, client.NewComment{Text: "Yes, all of them."})
	return err
}

// firstSIMs is how many SIMs of each status OpenRequests does not use: examples use them.
const firstSIMs = 12

// free returns the ICCIDs of up to n SIMs of the source that have a status and can be
// transferred.
func (in *Installation) free(ctx context.Context, status transfer.Status, n int) ([]string, error) {
	var iccids []string
	skipped := 0
	filter := client.SIMFilter{SIMConditions: client.SIMConditions{Status: []transfer.Status{status}}}
	for sim, err := range client.All(func(p client.Paging) (client.Page[client.SIM], error) {
		return in.Accounts[BatchSource].ListSIMs(ctx, filter, p)
	}) {
		if err != nil {
			return nil, err
		}
		if skipped < firstSIMs {
			skipped++
		} else if sim.Blocked == nil {
			iccids = append(iccids, sim.ICCID)
		}
		if len(iccids) == n {
			break
		}
	}
	return iccids, nil
}

func (in *Installation) request(ctx context.Context, r client.NewRequest) (uuid.UUID, error) {
	to := Accounts()[AcceptsAll]
	r.Destination = client.Destination{Email: to.Email, OperatorID: to.OperatorID.Ref()}
	made, err := in.Accounts[BatchSource].CreateRequest(ctx, r)
	return made.ID, err
}

// awaitOffer waits until the destination can decide on a request.
func (in *Installation) awaitOffer(ctx context.Context, id uuid.UUID) error {
	for {
		r, err := in.Support.GetRequest(ctx, id)
		if err != nil || r.State != transfer.Validating {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
