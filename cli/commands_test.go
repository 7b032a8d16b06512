package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"simtransfer/api"
	"simtransfer/transfer"
)

// commandCall is a command, its standard input, and the first call of the API
// that it makes.
type commandCall struct{ args, in, call string }

// commandCalls has every command that calls the API.
func commandCalls() []commandCall {
	const to = "--to-email=sims@example.com --to-operator=op0000000002"
	return []commandCall{
		{"sims list --account=OP0000000001 --status=ready --limit=7", "", "GET /v1/sims?account=OP0000000001&limit=7&status=ready"},
		{"pulls create 8988211000000000011 --reference=PO-1 --message=x --answer=1h", "", `POST /v1/pull-requests {"iccids":["8988211000000000011"],"reference":"PO-1","message":"x","answer_seconds":3600}`},
		{"pulls list --direction=incoming --state=open,approved --account=OP0000000001", "", "GET /v1/pull-requests?account=OP0000000001&direction=incoming&limit=50&state=open%2Capproved"},
		{"pulls show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", "GET /v1/pull-requests/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"},
		{"pulls approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --file=- --reference=R --message=x --acceptance=1h", "1\n", `POST /v1/pull-requests/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/approve {"sims":["1"],"reference":"R","message":"x","acceptance_seconds":3600}`},
		{"pulls refuse 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", `POST /v1/pull-requests/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/refuse {}`},
		{"pulls cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", `POST /v1/pull-requests/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/cancel {}`},
		{
			"codes create --file=- --valid=2h --reference=R --message=x --acceptance=1h --self-service-only", "1\n",
			`POST /v1/transfer-codes {"sims":["1"],"self_service_only":true,"acceptance_seconds":3600,"valid_seconds":7200,"reference":"R","message":"x"}`,
		},
		{"codes create --lot=a --status=ready --expect-count=3", "", `POST /v1/transfer-codes {"filter":{"status":["ready"],"lot":["a"]},"expect_count":3}`},
		{"codes create --all-sims", "", `POST /v1/transfer-codes {"all_sims":true}`},
		{"codes list --state=open --reference=R --account=OP0000000001", "", "GET /v1/transfer-codes?account=OP0000000001&limit=50&reference=R&state=open"},
		{"codes show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", "GET /v1/transfer-codes/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"},
		{"codes revoke 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", "DELETE /v1/transfer-codes/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"},
		{"codes redeem -", "8j3kq2zv7mxa04rthwo4\n", `POST /v1/transfer-codes/redeem {"code":"8J3K-Q2ZV-7MXA-04RT-HW04"}`},
		{"mails list --account=OP0000000001 --email=a@example.com --request=0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=failed,pending --kind=asked", "", "GET /v1/mails?account=OP0000000001&email=a%40example.com&kind=asked&limit=50&request=0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21&state=failed%2Cpending"},
		{"mails show OP0000000001", "", "GET /v1/accounts/OP0000000001/mail"},
		{"mails off OP0000000001 a@example.com reminder", "", `PUT /v1/accounts/OP0000000001/mail {"email":"a@example.com","kind":"reminder","off":true}`},
		{"mails on OP0000000001 a@example.com reminder", "", `PUT /v1/accounts/OP0000000001/mail {"email":"a@example.com","kind":"reminder","off":false}`},
		{"webhooks list --account=OP0000000001 --staff", "", "GET /v1/webhook-endpoints?account=OP0000000001&limit=50&staff=true"},
		{
			"webhooks create https://example.com/a --types=transfer_request.completed,batch.updated --description=x --account=OP0000000001", "",
			`POST /v1/webhook-endpoints {"url":"https://example.com/a","description":"x","types":["transfer_request.completed","batch.updated"],"account":"OP0000000001"}`,
		},
		{"webhooks show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", "GET /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"},
		{"webhooks update 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --send-to=https://example.com/b --types=all --description= --disable", "", `PATCH /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 {"url":"https://example.com/b","description":null,"types":[],"state":"disabled"}`},
		{"webhooks enable 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", `POST /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/enable`},
		{"webhooks rotate 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --overlap=2h", "", `POST /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/rotate {"overlap_seconds":7200}`},
		{"webhooks rotate 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --overlap=0s", "", `POST /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/rotate {"overlap_seconds":0}`},
		{"webhooks test 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", `POST /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/test`},
		{"webhooks deliveries 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=failed --types=batch.updated --message=1-2", "", "GET /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/deliveries?limit=50&message=1-2&state=failed&type=batch.updated"},
		{"webhooks deliveries 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 7", "", "GET /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/deliveries/7"},
		{"webhooks replay 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 7", "", `POST /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/deliveries/7/replay`},
		{"webhooks replay 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=failed --since=2030-01-30 --until=2030-01-31", "", `POST /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21/replay {"state":["failed"],"since":"2030-01-30T00:00:00Z","until":"2030-01-31T00:00:00Z"}`},
		{"webhooks delete 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "", "DELETE /v1/webhook-endpoints/0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"},
		{"sims show +12025550101", "", "GET /v1/sims/12025550101"},
		{"sims history +12025550101", "", "GET /v1/support/sims/12025550101"},
		{"sims lock 8988211000000000011", "", `PATCH /v1/sims/8988211000000000011 {"transfer_lock":true}`},
		{"sims lock --filter=lot=l --expect=3", "", `POST /v1/sims/changes {"filter":{"lot":["l"]},"change":{"transfer_lock":true},"expect_count":3}`},
		{"sims unlock --file=- --dry-run", "1\n", `POST /v1/sims/changes {"sims":["1"],"change":{"transfer_lock":false},"dry_run":true}`},
		{"sims protect 8988211000000000011", "", `PATCH /v1/sims/8988211000000000011 {"termination_protection":true}`},
		{"sims protect --off 8988211000000000011", "", `PATCH /v1/sims/8988211000000000011 {"termination_protection":false}`},
		{"sims protect --off --filter=lot=l --expect-count=3", "", `POST /v1/sims/changes {"filter":{"lot":["l"]},"change":{"termination_protection":false},"expect_count":3}`},
		{"sims correct 8988211000000000011 --status=ready --reason=x", "", `POST /v1/sims/8988211000000000011/correct-status {"status":"ready","reason":"x"}`},
		{"sims unlock 8988211000000000011", "", `PATCH /v1/sims/8988211000000000011 {"transfer_lock":false}`},
		{"sims import - --format=csv --map=A=iccid", "iccid", "POST /v1/sims?map=A%3Diccid iccid"},
		{"sims sync - --format=csv --full --map=A=iccid --map=B=", "iccid", "PUT /v1/sims?mode=full&map=A%3Diccid&map=B%3D iccid"},
		{"sims sync - --format=csv --expect-changes=3", "iccid", "PUT /v1/sims?expect_changes=3 iccid"},
		{"sims list --lot=box-7 --eid=1 --external-id=x", "", "GET /v1/sims?eid=1&external_id=x&limit=50&lot=box-7"},
		{"sims history +12025550101 --at=2030-01-31", "", "GET /v1/support/sims/12025550101?at=2030-01-31T00%3A00%3A00Z"},
		{
			"sims update 8988211000000000011 --status=suspended --plan=p --eid= --lot=l --external-id=x --group= --tag=a=b --untag=c --speed-class=s --imei-lock=1 --expiration=2030-01-31 --event-handler=h", "",
			`PATCH /v1/sims/8988211000000000011 {"tags":{"a":"b","c":null},"group":"","speed_class":"s","imei_lock":"1","expiration":"2030-01-31T00:00:00Z","event_handlers":["h"],"status":"suspended","plan":"p","eid":"","lot":"l","external_id":"x"}`,
		},
		{"sims update 8988211000000000011 --no-expiration", "", `PATCH /v1/sims/8988211000000000011 {"expiration":null}`},
		{"sims numbers add 8988211000000000011 +12025550101", "", `PUT /v1/sims/8988211000000000011/identifiers/+12025550101 {"kind":"msisdn"}`},
		{"sims numbers move 8988211000000000011 001010000000001 --imsi --from=8988211000000000029 --reason=x", "", `PUT /v1/sims/8988211000000000011/identifiers/001010000000001 {"kind":"imsi","from":"8988211000000000029","reason":"x"}`},
		{"sims numbers remove 8988211000000000011 +12025550101", "", `DELETE /v1/sims/8988211000000000011/identifiers/12025550101`},
		{
			"sims swap 8988211000000000011 --iccid=8988211000000000029 --imsi=001010000000002 --eid=1 --reason=x", "",
			`POST /v1/sims/8988211000000000011/swap {"iccid":"8988211000000000029","imsis":["001010000000002"],"eid":"1","reason":"x"}`,
		},
		{"sims sessions 8988211000000000011", "", `GET /v1/sims/8988211000000000011/sessions`},
		{"sims drop-sessions 8988211000000000011 --reason=x", "", `POST /v1/sims/8988211000000000011/sessions/drop {"reason":"x"}`},
		{"sims unknown-sessions --limit=7", "", `GET /v1/unknown-sessions?limit=7`},
		{"sims retire 8988211000000000011 --reason=x", "", `POST /v1/sims/8988211000000000011/retire {"reason":"x"}`},
		{
			"sims correct-owner 8988211000000000011 --account=OP0000000002 --reason=x --ticket=T", "",
			`POST /v1/sims/8988211000000000011/owner-corrections {"account":"OP0000000002","reason":"x","ticket":"T"}`,
		},
		{
			"sims change --filter=account=OP0000000001 --filter=status=ready --filter=status=active --filter=tag=a=b --filter=lot=l --filter=prefix=898821 --filter=suffix=000012 --set=status=suspended --set=plan=p --reason=x --expect-count=7", "",
			`POST /v1/sims/changes {"filter":{"account":"OP0000000001","status":["ready","active"],"tag":["a=b"],"lot":["l"],"identifier_prefix":["898821"],"identifier_suffix":["000012"]},"change":{"status":"suspended","plan":"p"},"expect_count":7,"reason":"x"}`,
		},
		{
			"sims change --file=- --set=lock=true --set=tag=a=b --set=untag=c --set=group= --skip-refused --dry-run", "1\n2\n",
			`POST /v1/sims/changes {"sims":["1","2"],"change":{"transfer_lock":true,"tags":{"a":"b","c":null},"group":""},"dry_run":true,"skip_refused":true}`,
		},
		{"requests create " + to + " 1 2", "", `POST /v1/transfer-requests {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"sims":["1","2"]}`},
		{
			"requests create " + to + " --file=- --self-service-only --acceptance=1d --on-behalf-of=OP0000000001", " 1\n\n2",
			`POST /v1/transfer-requests {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"sims":["1","2"],"self_service_only":true,"acceptance_seconds":86400,"on_behalf_of":"OP0000000001"}`,
		},
		{
			"requests create " + to + " --lot=a,b --lot=c --status=ready,active --tag=x=1 --tag=y --plan=p,q --group=g --prefix=898821 --suffix=000012 --range=1-2 --eid=1,2 --external-id=e --expect-count=7", "",
			`POST /v1/transfer-requests {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"filter":{"status":["ready","active"],"plan":["p","q"],"group":["g"],"tag":["x=1","y"],"lot":["a,b","c"],"identifier_prefix":["898821"],"identifier_suffix":["000012"],"iccid_range":["1-2"],"eid":["1","2"],"external_id":["e"]},"expect_count":7}`,
		},
		{"preview " + to + " --all-sims", "", `POST /v1/transfer-requests/preview {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"all_sims":true}`},
		{"batches create " + to + " --all-sims --expect-count=250000", "", `POST /v1/batches/from-selection {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"all_sims":true,"expect_count":250000}`},
		{"sims list --status=ready,active --lot=a --lot=b --range=1-2,3-4", "", "GET /v1/sims?iccid_range=1-2%2C3-4&limit=50&lot=a&lot=b&status=ready%2Cactive"},
		{"requests list --state=in_review,awaiting_acceptance --reason=sim_locked,needs_support", "", "GET /v1/transfer-requests?direction=both&limit=50&reason=sim_locked%2Cneeds_support&state=in_review%2Cawaiting_acceptance"},
		{
			"requests create " + to + " 1 --reference=PO-1 --unique-reference --message=m --sim-reference=1=line,1", "",
			`POST /v1/transfer-requests {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"sims":["1"],"reference":"PO-1","unique_reference":true,"message":"m","sim_references":{"1":"line,1"}}`,
		},
		{"requests list --reference=PO-1 --code=duplicate", "", "GET /v1/transfer-requests?code=duplicate&direction=both&limit=50&reference=PO-1"},
		{"requests comment " + someRequest + " hello", "", "POST /v1/transfer-requests/" + someRequest + `/comments {"text":"hello"}`},
		{"requests comment " + someRequest + " hello --visible-to=source,support", "", "POST /v1/transfer-requests/" + someRequest + `/comments {"text":"hello","visible_to":["source","support"]}`},
		{"requests comments " + someRequest, "", "GET /v1/transfer-requests/" + someRequest + "/comments?limit=50"},
		{"requests cancel --code=other --reason=no " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/cancel {"code":"other","reason":"no"}`},
		{"requests decline --code=price " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/decline {"code":"price"}`},
		{"requests deny --code=not_permitted --reason=no " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/deny {"code":"not_permitted","reason":"no"}`},
		{"requests results --code=price " + someRequest, "", "GET /v1/transfer-requests/" + someRequest + "/results?code=price"},
		{"batches submit - --format=ndjson --reference=PO-1 --unique-reference --message=m", "{}", "POST /v1/batches?message=m&reference=PO-1&unique_reference=true {}"},
		{"batches list --reference=PO-1", "", "GET /v1/batches?limit=50&reference=PO-1"},
		{"batches cancel --code=duplicate --reason=no " + someBatch, "", "POST /v1/batches/" + someBatch + `/cancel {"code":"duplicate","reason":"no"}`},
		{"export transfers --reference=PO-1 --code=price,duplicate", "", "GET /v1/exports/transfers?code=price%2Cduplicate&direction=both&reference=PO-1"},
		{"requests list", "", "GET /v1/transfer-requests?direction=both&limit=50"},
		{"requests list --direction=incoming --state=in_review --account=OP0000000001 --batch=" + someBatch, "", "GET /v1/transfer-requests?account=OP0000000001&batch=" + someBatch + "&direction=incoming&limit=50&state=in_review"},
		{"requests list --ticket=T --sim=+12025550101 --reason=sim_locked --method=self_service --since=2030-01-31T00:00:00Z --before=2030-02-01T01:00:00+01:00", "", "GET /v1/transfer-requests?created_after=2030-01-31T00%3A00%3A00Z&created_before=2030-02-01T00%3A00%3A00Z&direction=both&limit=50&method=self_service&reason=sim_locked&sim=12025550101&ticket=T"},
		{"requests list --by=warehouse --sim=89049032000000000000000000000011", "", "GET /v1/transfer-requests?by=warehouse&direction=both&limit=50&sim=89049032000000000000000000000011"},
		{"requests queue --account=OP0000000001", "", "GET /v1/transfer-requests?account=OP0000000001&direction=both&limit=50&sort=deadline&state=in_review"},
		{"requests show " + someRequest, "", "GET /v1/transfer-requests/" + someRequest},
		{"requests watch --until=decision " + someRequest, "", "GET /v1/transfer-requests/" + someRequest},
		{"requests accept " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + "/accept {}"},
		{
			"requests accept --on-behalf --reason=merger --ticket=T " + someRequest, "",
			"POST /v1/transfer-requests/" + someRequest + `/accept {"on_behalf":{"reason":"merger","ticket":"T"}}`,
		},
		{"requests accept --sim=1,2 --sim=3 " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/accept {"sims":["1","2","3"]}`},
		{"requests decline --file=- --reason=no " + someRequest, "1\n", "POST /v1/transfer-requests/" + someRequest + `/decline {"sims":["1"],"reason":"no"}`},
		{"requests cancel --file=- " + someRequest, "\ufeff1\r\n2\r\n", "POST /v1/transfer-requests/" + someRequest + `/cancel {"sims":["1","2"]}`},
		{
			"requests accept --not-before=2030-01-31T22:00+01:00 --not-after=2030-02-01 " + someRequest, "",
			"POST /v1/transfer-requests/" + someRequest + `/accept {"not_before":"2030-01-31T21:00:00Z","not_after":"2030-02-01T00:00:00Z"}`,
		},
		{"requests extend --by=2d " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/extend {"seconds":172800}`},
		{"requests extend --until=2030-01-31 " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/extend {"until":"2030-01-31T00:00:00Z"}`},
		{"requests take-back " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/take-back {}`},
		{"requests cancel --sim=1 " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/cancel {"sims":["1"]}`},
		{"requests approve --ticket=T " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/approve {"ticket":"T"}`},
		{"requests approve --ticket=T --fee=0.00 --fee-reason=no " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/approve {"ticket":"T","fee":{"amount":"0.00"},"fee_reason":"no"}`},
		{"requests deny --reason=no " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/deny {"reason":"no"}`},
		{
			"requests approve --ticket=T --fee=1.00EUR --fee-reason=no " + someRequest + " " + someBatch, "",
			`POST /v1/transfer-requests/approve {"requests":["` + someRequest + `","` + someBatch + `"],"ticket":"T","fee":{"amount":"1.00","currency":"EUR"},"fee_reason":"no"}`,
		},
		{
			"requests approve --ticket=T --account=OP0000000001 --reference=R --batch=" + someBatch + " --expect-count=2", "",
			`POST /v1/transfer-requests/approve {"filter":{"account":"OP0000000001","reference":"R","batch":"` + someBatch + `"},"expect_count":2,"ticket":"T"}`,
		},
		{"requests deny --reason=no --all --dry-run", "", `POST /v1/transfer-requests/deny {"filter":{},"dry_run":true,"reason":"no"}`},
		{"requests deny --reason=no --file=-", "request\n" + someRequest + "\n\n", `POST /v1/transfer-requests/deny {"requests":["` + someRequest + `"],"reason":"no"}`},
		{"requests accept --group=field --tag=site=north --tag=lot=7;8 --speed-class=fast " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/accept {"landing":{"group":"field","tags":{"lot":"7;8","site":"north"},"speed_class":"fast"}}`},
		{"requests retry " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + "/retry {}"},
		{"requests retry --reason=sim_locked,needs_support --acceptance=1m " + someRequest, "", "POST /v1/transfer-requests/" + someRequest + `/retry {"reasons":["sim_locked","needs_support"],"acceptance_seconds":60}`},
		{"requests results --state=failed --reason=sim_locked --method=self_service " + someRequest, "", "GET /v1/transfer-requests/" + someRequest + "/results?method=self_service&reason=sim_locked&state=failed"},
		{"requests results " + someRequest, "", "GET /v1/transfer-requests/" + someRequest + "/results"},
		{"preview " + to + " 1", "", `POST /v1/transfer-requests/preview {"destination":{"email":"sims@example.com","operator_id":"OP0000000002"},"sims":["1"]}`},
		{"events --account=OP0000000001 --cursor=1-2", "", "GET /v1/events?account=OP0000000001&cursor=1-2&limit=50"},
		{"events --key=7", "", "GET /v1/events?key=7&limit=50"},
		{"events " + someRequest, "", "GET /v1/transfer-requests/" + someRequest + "/events?limit=200"},
		{"batches submit - --format=ndjson", "{}", "POST /v1/batches {}"},
		{"batches submit - --format=json --acceptance=90s --self-service-only --on-behalf-of=OP0000000001", "[]", "POST /v1/batches?acceptance_seconds=90&on_behalf_of=OP0000000001&self_service_only=true []"},
		{"batches list --account=OP0000000001", "", "GET /v1/batches?account=OP0000000001&limit=50"},
		{
			"batches list --finished=false --since=2030-01-31 --before=2030-02-01", "",
			"GET /v1/batches?created_after=2030-01-31T00%3A00%3A00Z&created_before=2030-02-01T00%3A00%3A00Z&finished=false&limit=50",
		},
		{
			"requests create --to-same-as=" + someRequest + " 8988211000000000011", "",
			`POST /v1/transfer-requests {"destination":{"same_as":"` + someRequest + `"},"sims":["8988211000000000011"]}`,
		},
		{
			"sims change 8988211000000000011 8988211000000000029 --set=group=x --expect-count=2", "",
			`POST /v1/sims/changes {"sims":["8988211000000000011","8988211000000000029"],"change":{"group":"x"},"expect_count":2}`,
		},
		{"sims list --suffix=000012,000013", "", "GET /v1/sims?identifier_suffix=000012%2C000013&limit=50"},
		{"sims list --plan=p --group=g --tag=a=b --prefix=898821", "", "GET /v1/sims?group=g&identifier_prefix=898821&limit=50&plan=p&tag=a%3Db"},
		{"accounts list --email=a@example.com --standing=closed", "", "GET /v1/accounts?email=a%40example.com&limit=50&standing=closed"},
		{"batches show " + someBatch, "", "GET /v1/batches/" + someBatch},
		{"batches watch --until=decision " + someBatch, "", "GET /v1/batches/" + someBatch},
		{"batches results " + someBatch, "", "GET /v1/batches/" + someBatch + "/results"},
		{"batches cancel " + someBatch, "", "POST /v1/batches/" + someBatch + "/cancel {}"},
		{"whoami", "", "GET /v1/key"},
		{"accounts find a@example.com", "", "GET /v1/email-uses?email=a%40example.com"},
		{"accounts list", "", "GET /v1/accounts?limit=50"},
		{"accounts show op0000000001", "", "GET /v1/accounts/OP0000000001"},
		{"accounts create OP0000000001 --email=a@example.com --currency=EUR --coverage=global", "", `POST /v1/accounts {"operator_id":"OP0000000001","email":"a@example.com","currency":"EUR","coverage":"global"}`},
		{"accounts create OP0000000001 --email=a@example.com --currency=EUR --coverage=global --name=North --external-id=C-1 --contact=billing=A@example.com,security=b@example.com --plans=a,b", "", `POST /v1/accounts {"operator_id":"OP0000000001","email":"a@example.com","currency":"EUR","coverage":"global","name":"North","external_id":"C-1","contacts":{"billing":["a@example.com"],"security":["b@example.com"]},"plans":["a","b"]}`},
		{"accounts import - --format=csv --dry-run --map=No=external_id", "No", "PUT /v1/accounts?dry_run=true&map=No%3Dexternal_id No"},
		{"accounts show C-1", "", "GET /v1/accounts/ext:C-1"},
		{"accounts update C/1 --name= --external-id=C2 --contact=transfers= --any-plan", "", `PATCH /v1/accounts/ext:C%2F1 {"name":null,"external_id":"C2","contacts":{"transfers":[]},"plans":[]}`},
		{"accounts update OP0000000001 --standing=closed", "", `PATCH /v1/accounts/OP0000000001 {"standing":"closed"}`},
		{"accounts update OP0000000001 --standing=closed --open-requests=end", "", `PATCH /v1/accounts/OP0000000001 {"standing":"closed","open_requests":"end"}`},
		{"accounts update OP0000000001 --landing-group=new --landing-tag=a=b,c", "", `PATCH /v1/accounts/OP0000000001 {"landing":{"group":"new","tags":{"a":"b,c"}}}`},
		{"accounts update OP0000000001 --no-landing", "", `PATCH /v1/accounts/OP0000000001 {"landing":{}}`},
		{"accounts update OP0000000001 --email=a@example.com --coverage=global", "", `PATCH /v1/accounts/OP0000000001 {"email":"a@example.com","coverage":"global"}`},
		{"keys list --role=account --account=OP0000000001 --revoked=false", "", "GET /v1/keys?account=OP0000000001&limit=50&revoked=false&role=account"},
		{"keys show 7", "", "GET /v1/keys/7"},
		{"keys create --name=x --permission=viewer", "", `POST /v1/keys {"role":"account","permission":"viewer","name":"x"}`},
		{"keys create --role=finance --name=x", "", `POST /v1/keys {"role":"finance","name":"x"}`},
		{"keys rotate 7", "", `POST /v1/keys/7/rotate {}`},
		{"keys rotate 7 --grace=1h", "", `POST /v1/keys/7/rotate {"grace_seconds":3600}`},
		{"keys create --role=account --account=OP0000000001 --name=x", "", `POST /v1/keys {"role":"account","account":"OP0000000001","name":"x"}`},
		{
			"keys create --role=account --account=OP0000000001 --name=x --permission=viewer --expires=2030-01-31T00:00:00Z --network=192.0.2.0/24,2001:db8::1", "",
			`POST /v1/keys {"role":"account","account":"OP0000000001","permission":"viewer","name":"x","expires_at":"2030-01-31T00:00:00Z","networks":["192.0.2.0/24","2001:db8::1"]}`,
		},
		{"keys rotate 7 --expires=2030-01-31T00:00:00Z", "", `POST /v1/keys/7/rotate {"expires_at":"2030-01-31T00:00:00Z"}`},
		{"changes --account=OP0000000001 --kind=transferred,created --from=now", "", "GET /v1/changes?account=OP0000000001&from=now&kind=transferred%2Ccreated&limit=50"},
		{"events --from=now --account=OP0000000001", "", "GET /v1/events?account=OP0000000001&from=now&limit=50"},
		{"events --since=2030-01-31 --limit=7", "", "GET /v1/events?limit=7&since=2030-01-31T00%3A00%3A00Z"},
		{"changes --since=2030-01-31 --all", "", "GET /v1/changes?limit=1000&since=2030-01-31T00%3A00%3A00Z"},
		{"audit --account=OP0000000001 --sim=+12025550101 --key=7 --action=sim.unlock,key.create", "", "GET /v1/audit?account=OP0000000001&action=sim.unlock%2Ckey.create&key=7&limit=50&sim=12025550101"},
		{"audit --person=12", "", "GET /v1/audit?limit=50&person=12"},
		{"people list --account=staff --text=jane --disabled=false", "", "GET /v1/people?account=staff&disabled=false&limit=50&text=jane"},
		{"people show 12", "", "GET /v1/people/12"},
		{"people invite jane@example.com --name=Jane --permission=operator", "", `POST /v1/invitations {"email":"jane@example.com","name":"Jane","permission":"operator"}`},
		{"people invite jane@example.com --name=Jane --account=OP0000000001 --permission=owner", "", `POST /v1/invitations {"email":"jane@example.com","name":"Jane","account":"OP0000000001","permission":"owner"}`},
		{"people invite jane@example.com --name=Jane --role=support", "", `POST /v1/invitations {"email":"jane@example.com","name":"Jane","role":"support"}`},
		{"people set 12 --account=OP0000000001 --permission=viewer", "", `PUT /v1/people/12/memberships/OP0000000001 {"permission":"viewer"}`},
		{"people set 12 --role=finance", "", `PUT /v1/people/12/memberships/staff {"role":"finance"}`},
		{"people remove 12 --account=staff", "", "DELETE /v1/people/12/memberships/staff"},
		{"people disable 12", "", `PATCH /v1/people/12 {"disabled":true}`},
		{"people enable 12", "", `PATCH /v1/people/12 {"disabled":false}`},
		{"invitations list --account=OP0000000001 --state=open", "", "GET /v1/invitations?account=OP0000000001&limit=50&state=open"},
		{"sign-ins list", "", "GET /v1/sign-ins?limit=50"},
		{"sign-ins list --everyone --person=12", "", "GET /v1/sign-ins?limit=50&person=12&whose=all"},
		{"sign-ins revoke 34", "", "DELETE /v1/sign-ins/34"},
		{"sign-ins revoke --others", "", "DELETE /v1/sign-ins"},
		{"invitations revoke 3", "", "DELETE /v1/invitations/3"},
		{"audit --since=2030-01-31T00:00:00Z --before=2030-02-01T00:00:00Z", "", "GET /v1/audit?created_after=2030-01-31T00%3A00%3A00Z&created_before=2030-02-01T00%3A00%3A00Z&limit=50"},
		{
			"export sims --account=OP0000000001 --status=active,ready --plan=p --lot=7 --updated-since=2030-01-31", "",
			"GET /v1/exports/sims?account=OP0000000001&lot=7&plan=p&status=active%2Cready&updated_since=2030-01-31T00%3A00%3A00Z",
		},
		{"export sims --status=ACTIVE,Ready", "", "GET /v1/exports/sims?status=active%2Cready"},
		{"export registrations --account=OP0000000001 --from=2030-01-01", "", "GET /v1/exports/registrations?account=OP0000000001&from=2030-01-01T00%3A00%3A00Z"},
		{
			"export transfers --account=OP0000000001 --direction=incoming --destination=OP0000000002 --state=completed --ticket=T --from=2030-01-01 --to=2030-02-01", "",
			"GET /v1/exports/transfers?account=OP0000000001&destination=OP0000000002&direction=incoming&from=2030-01-01T00%3A00%3A00Z&state=completed&ticket=T&to=2030-02-01T00%3A00%3A00Z",
		},
		{"export charges --currency=EUR --to=2030-02-01", "", "GET /v1/exports/charges?currency=EUR&to=2030-02-01T00%3A00%3A00Z"},
		{"keys create --role=admin --name=x", "", `POST /v1/keys {"role":"admin","name":"x"}`},
		{"keys revoke 7 8", "", "DELETE /v1/keys/7"},
		{"fees list", "", "GET /v1/fees"},
		{"fees charged --from=2030-01-01 --account=C-1 --currency=EUR", "", "GET /v1/charges/totals?account=ext%3AC-1&currency=EUR&from=2030-01-01T00%3A00%3A00Z"},
		{"fees set eur 2.50", "", `POST /v1/fees {"method":"support_assisted","fee":{"amount":"2.50","minor":250,"currency":"EUR"}}`},
		{"fees list --account=C-1", "", "GET /v1/fees?account=ext%3AC-1"},
		{"fees set EUR 0 --account=OP0000000001 --yes", "", `POST /v1/fees {"method":"support_assisted","fee":{"amount":"0.00","minor":0,"currency":"EUR"},"account":"OP0000000001"}`},
		{"fees set EUR 0 --method=self_service", "", `POST /v1/fees {"method":"self_service","fee":{"amount":"0.00","minor":0,"currency":"EUR"}}`},
		{"fees set KWD 1.250", "", `POST /v1/fees {"method":"support_assisted","fee":{"amount":"1.250","minor":1250,"currency":"KWD"}}`},
		{"fees end-price C-1", "", `POST /v1/fees {"method":"support_assisted","account":"ext:C-1","follows_schedule":true}`},
		{"fees withdraw EUR --from=2030-01-31T00:00:00Z --account=ext:OP0000000001", "", "DELETE /v1/fees/support_assisted/EUR/2030-01-31T00:00:00Z?account=ext%3AOP0000000001"},
		{"fees set JPY 250 --from=2030-01-31", "", `POST /v1/fees {"method":"support_assisted","fee":{"amount":"250","minor":250,"currency":"JPY"},"valid_from":"2030-01-31T00:00:00Z"}`},
		{"fees withdraw EUR --from=2030-01-31T00:00:00.5Z", "", "DELETE /v1/fees/support_assisted/EUR/2030-01-31T00:00:00.5Z"},
		{"gateways list", "", "GET /v1/gateways?limit=50"},
		{"gateways show 10.64.0.0/10", "", "GET /v1/gateways/10.64.0.0%2F10"},
		{"gateways set 10.0.0.1 --server=10.0.0.9 --require-message-authenticator --description=PGW", "a secret\n", `PUT /v1/gateways/10.0.0.1 {"description":"PGW","server":"10.0.0.9","secret":"a secret","require_message_authenticator":true}`},
		{"gateways set 10.0.0.1 --keep-secret", "", `PUT /v1/gateways/10.0.0.1 {}`},
		{"gateways update 10.0.0.1 --server= --no-require-message-authenticator --description=", "", `PATCH /v1/gateways/10.0.0.1 {"description":null,"server":null,"require_message_authenticator":false}`},
		{"gateways set 10.0.0.1 --preset=cisco-ios --attributes=Acct-Session-Id,Class --port=1700 --source-address=10.0.1.5 --max-in-flight=8 --max-per-second=9 --keep-secret", "", `PUT /v1/gateways/10.0.0.1 {"preset":"cisco-ios","attributes":["Acct-Session-Id","Class"],"port":1700,"source_address":"10.0.1.5","max_in_flight":8,"max_per_second":9}`},
		{"gateways set 10.0.0.1 --gateway-url=https://gateway.example/x", "whsec_x\n", `PUT /v1/gateways/10.0.0.1 {"url":"https://gateway.example/x","url_secret":"whsec_x"}`},
		{"gateways update 10.0.0.1 --attributes= --port=0 --source-address= --max-in-flight=0 --max-per-second=7 --preset=mikrotik", "", `PATCH /v1/gateways/10.0.0.1 {"preset":"mikrotik","attributes":null,"port":null,"source_address":null,"max_in_flight":null,"max_per_second":7}`},
		{"gateways update 10.0.0.1 --gateway-url= --url-secret", "whsec_x\n", `PATCH /v1/gateways/10.0.0.1 {"url":null,"url_secret":"whsec_x"}`},
		{"gateways update 10.0.0.1 --secret", "a secret\r\n", `PATCH /v1/gateways/10.0.0.1 {"secret":"a secret"}`},
		{"gateways remove 10.0.0.1", "", "DELETE /v1/gateways/10.0.0.1"},
		{"gateways remove ::ffff:10.0.0.1 --leave-sessions", "", "DELETE /v1/gateways/10.0.0.1?open_sessions=leave"},
		{"gateways probe 10.64.0.0/10 --nas-address=10.64.0.7", "", `POST /v1/gateways/10.64.0.0%2F10/probe {"nas_address":"10.64.0.7"}`},
		{"plans list", "", "GET /v1/plans"},
		{"plans show global-01", "", "GET /v1/plans/global-01"},
		{"plans mappings --account=OP0000000002", "", "GET /v1/accounts/OP0000000002/plan-mappings"},
		{"plans map a=b c=d --default=e --account=OP0000000002", "", `PUT /v1/accounts/OP0000000002/plan-mappings {"plans":{"a":"b","c":"d"},"default":"e"}`},
		{"plans map --default=e --source=OP0000000001 --account=OP0000000002", "", `PUT /v1/accounts/OP0000000002/plan-mappings?source=OP0000000001 {"default":"e"}`},
		{"plans unmap --source=C-1 --account=OP0000000002", "", "DELETE /v1/accounts/OP0000000002/plan-mappings?source=ext%3AC-1"},
		{"plans set global-01 --no-coverage-bound", "", `PUT /v1/plans/global-01 {"coverage_bound":false}`},
		{"plans set global-01 --no-coverage-bound --monthly=1.75EUR,210JPY", "", `PUT /v1/plans/global-01 {"coverage_bound":false,"monthly_prices":[{"amount":"1.75","minor":175,"currency":"EUR"},{"amount":"210","minor":210,"currency":"JPY"}]}`},
		{"plans set global-01 --no-coverage-bound --no-monthly", "", `PUT /v1/plans/global-01 {"coverage_bound":false,"monthly_prices":[]}`},
		{"plans set regional/01 --coverage-bound", "", `PUT /v1/plans/regional%2F01 {"coverage_bound":true}`},
	}
}

// TestCalls checks the call of the API that each command makes.
func TestCalls(t *testing.T) {
	t.Parallel()
	routes := http.NewServeMux()
	for _, r := range api.Routes() {
		routes.HandleFunc(r.Method+" "+r.Path, func(http.ResponseWriter, *http.Request) {})
	}
	for _, c := range commandCalls() {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			var made calls
			term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
				made.note(r)
				if _, pattern := routes.Handler(r); pattern == "" {
					t.Errorf("the API has no %s %s", r.Method, r.URL)
				}
				takesKey := r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/preview") && !strings.HasSuffix(r.URL.Path, "/probe") || r.Method == http.MethodPut && r.URL.Path == "/v1/sims"
				if key := r.Header.Get("Idempotency-Key"); (key != "") != takesKey {
					t.Errorf("a %s with the Idempotency-Key %q", r.Method, key)
				}
				w.Header().Set("Simtransfer-Rows", "0")
				if strings.HasSuffix(r.URL.Path, "/results") || strings.HasPrefix(r.URL.Path, "/v1/exports/") {
					_, _ = io.WriteString(w, "line\n")
					return
				}
				_, _ = io.WriteString(w, `{"items":[],"next_action":{"party":"support"},"finished":true,"outcome":"answers"}`)
			})
			term.In = strings.NewReader(c.in)
			term.is(term.run(strings.Fields(c.args)...), 0)
			if made.list[0] != c.call {
				t.Errorf("called\n%s\nnot\n%s", made.list[0], c.call)
			}
		})
	}
}

// Every command that changes something with an ETag has --if-match and sends it;
// no other command has it.
func TestConditions(t *testing.T) {
	t.Parallel()
	text, err := api.OpenAPI("test")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string }
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	conditional := map[string]bool{}
	routes := http.NewServeMux()
	for path, operations := range document.Paths {
		for method, operation := range operations {
			pattern := strings.ToUpper(method) + " " + path
			routes.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
			for _, p := range operation.Parameters {
				conditional[pattern] = conditional[pattern] || p.Name == "If-Match"
			}
		}
	}
	tried := map[string]bool{}
	for _, c := range commandCalls() {
		c.args = strings.TrimSuffix(c.args, " 8") // a condition is for one key
		var sent, pattern string
		term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			_, pattern = routes.Handler(r)
			sent = r.Header.Get("If-Match")
			w.Header().Set("Simtransfer-Rows", "0")
			_, _ = io.WriteString(w, `{"items":[],"next_action":{"party":"support"},"finished":true,"outcome":"answers"}`)
		})
		term.In = strings.NewReader(c.in)
		code := term.run(append(strings.Fields(c.args), "--if-match=abc")...)
		method, rest, _ := strings.Cut(c.call, " ")
		if pattern == "" { // the flag was refused
			url, _, _ := strings.Cut(rest, " ")
			r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, pattern = routes.Handler(r); conditional[pattern] || code == 0 {
				t.Errorf("%s has no --if-match, but %s has If-Match", c.args, pattern)
			}
			continue
		}
		tried[pattern] = true
		if !conditional[pattern] || sent != `"abc"` {
			t.Errorf("%s sends If-Match: %s to %s", c.args, sent, pattern)
		}
	}
	for pattern, is := range conditional {
		if is && !tried[pattern] {
			t.Errorf("no command sends If-Match to %s", pattern)
		}
	}
	term := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("called") })
	term.is(term.run("keys", "revoke", "7", "8", "--if-match=abc"), 2, "name only that one")
	term.is(term.run("sims", "lock", "8988211000000000011", "8988211000000000029", "--if-match=abc"), 2, "name only that one")
}

// Every command that shows something with an ETag prints it on request.
func TestShowETag(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"sims show 8988211000000000011", "accounts show OP0000000001", "plans show p", "plans mappings --account=OP0000000001", "gateways show 10.0.0.1", "keys show 7", "requests show " + someRequest, "people show 7", "codes show " + someRequest, "pulls show " + someRequest, "fees list"} {
		term := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"abc"`)
			_, _ = io.WriteString(w, `{}`)
		})
		term.is(term.run(append(strings.Fields(args), "--etag")...), 0)
		if got := term.out.String(); got != "\"abc\"\n" {
			t.Errorf("%s prints %q", args, got)
		}
	}
}

// The audit trail as rows has one heading, whatever the number of pages.
func TestAuditRows(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"csv": "at,action\n1,\"a\nb\"\n2,c\n", "ndjson": "{\"at\":1}\n{\"at\":2}\n"} {
		pages := map[string][2]string{"csv": {"at,action\n1,\"a\nb\"\n", "at,action\n2,c\n"}, "ndjson": {"{\"at\":1}\n", "{\"at\":2}\n"}}[format]
		term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Simtransfer-Rows", "1")
			if r.URL.Query().Get("cursor") == "" {
				w.Header().Set("Simtransfer-Next-Cursor", "next")
				_, _ = io.WriteString(w, pages[0])
				return
			}
			_, _ = io.WriteString(w, pages[1])
		})
		term.is(term.run("audit", "--format="+format, "--all"), 0)
		if got := term.out.String(); got != want {
			t.Errorf("%s: %q, not %q", format, got, want)
		}
		term.is(term.run("audit", "--format="+format, "--limit=1"), 0, "--cursor=next")
	}
}

// TestHelp checks that every command has detailed help, and that the examples in
// it can be parsed.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, node := range newParser(t, nil).Model.Leaves(true) {
		examples := 0
		for line := range strings.Lines(node.Detail) {
			if !strings.Contains(line, node.FullPath()) {
				continue
			}
			examples++
			_, args, _ := strings.Cut(strings.TrimSpace(line), "simtransfer ")
			args, _, _ = strings.Cut(args, " |")
			args, _, _ = strings.Cut(args, " &&")
			args, _, _ = strings.Cut(args, " >")
			args, _, _ = strings.Cut(args, " <")
			if strings.ContainsAny(args, `"…`) {
				continue // a shell would have to read it first
			}
			if _, err := newParser(t, strings.Fields(args)).Parse(strings.Fields(args)); err != nil && !strings.Contains(err.Error(), "no such file") {
				t.Errorf("example %q: %v", args, err)
			}
		}
		if examples == 0 {
			t.Errorf("%s has no example", node.FullPath())
		}
		for _, v := range values(node) {
			if v.Help == "" {
				t.Errorf("%s has no help for %s", node.FullPath(), v.Summary())
			}
		}
	}
}

// TestFlagValues compares the values that flags accept with those of package
// transfer.
func TestFlagValues(t *testing.T) {
	t.Parallel()
	rules := map[string]string{
		"reason": fmt.Sprint(transfer.Reasons()),
		"method": fmt.Sprint(transfer.Methods()),
		"status": fmt.Sprint(transfer.Statuses()),
	}
	for _, node := range newParser(t, nil).Model.Leaves(true) {
		for _, f := range node.Flags {
			want, is := rules[f.Name]
			if got := strings.ReplaceAll(strings.TrimSuffix(f.Enum, ","), ",", " "); is && f.Enum != "" && "["+got+"]" != want {
				t.Errorf("%s --%s: %s, not %s", node.FullPath(), f.Name, got, want)
			}
		}
	}
}

func values(node *kong.Node) []*kong.Value {
	all := append([]*kong.Value{}, node.Positional...)
	for _, f := range node.Flags {
		all = append(all, f.Value)
	}
	return all
}

// An account that is in use can be closed with a flag, which the message names.
func TestCloseAccountInUse(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 409, "account_in_use", `,"detail":"it sends 2 requests"`)
	})
	c.is(c.run("accounts", "update", "C-1", "--standing=closed"), 5, "it sends 2 requests\n", "add --open-requests=end")
	c.is(c.run("accounts", "update", "C-1", "--standing=closed", "--json"), 5, `"code":"account_in_use"`)
	if strings.Contains(c.err.String(), "--open-requests") {
		t.Errorf("%s", c.err.String())
	}
}
