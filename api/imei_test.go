package api

import (
	"strings"
	"testing"
)

// An IMEI with a wrong check digit is refused wherever a lock is set, and the right
// one is named. What is stored from before the rule can be read and exported.
func TestIMEIsWithAWrongCheckDigit(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, "active")
	refused := func(a testResponse) {
		t.Helper()
		if a.is(422); !strings.Contains(a.text, "490154203237518") {
			t.Errorf("the right value is not named: %s", a.text)
		}
	}
	refused(s.patchSIM(s.source, iccid(1), obj{"imei_lock": "490154203237510"}))
	refused(s.importSIMs("text/csv", "iccid,imsis,account,plan,imei_lock\n"+iccid(2)+","+imsi(2)+","+sourceID+",global-01,49-015420-323751-0\n"))
	refused(s.importSIMs("application/x-ndjson", `{"iccid":"`+iccid(2)+`","imsis":["`+imsi(2)+`"],"account":"`+sourceID+`","plan":"global-01","imei_lock":"490154203237510"}`))
	const answered = "application/x-ndjson"
	synced := s.syncSIMs("?mode=partial", "iccid,imei_lock\n"+iccid(1)+",490154203237510\n", "Accept", answered)
	if !strings.Contains(synced.text, "490154203237518") {
		t.Errorf("the sync: %d %s", synced.status, synced.text)
	}
	if lock := s.sim(iccid(1)).IMEILock; lock != nil {
		t.Errorf("the SIM is locked to %s", *lock)
	}
	s.exec(`UPDATE sims SET imei_lock = '490154203237510'`)
	if lock := s.sim(iccid(1)).IMEILock; lock == nil || *lock != "490154203237510" {
		t.Errorf("stored before: %v", lock)
	}
	for _, imei := range []string{"49015420323751", "490154203237518", "4901542032375189"} {
		s.patchSIM(s.source, iccid(1), obj{"imei_lock": imei}).is(200)
		if lock := s.sim(iccid(1)).IMEILock; lock == nil || *lock != imei {
			t.Errorf("%s: %v", imei, lock)
		}
	}
}
