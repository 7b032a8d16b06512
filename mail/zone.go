package mail

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // so that every host knows the zones
)

// zone returns the time zone of the times in mails.
func (s Settings) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(s.MailTimeZone)
	if err != nil || zone == time.Local {
		return nil, fmt.Errorf("SIMTRANSFER_MAIL_TIME_ZONE is %q: use the name of a time zone, such as Europe/Berlin or UTC", s.MailTimeZone)
	}
	return zone, nil
}

// When writes an instant for the reader of a mail: in the zone, with the name of the
// zone, and in UTC as well if that is another time. A nil zone is UTC.
func When(at time.Time, zone *time.Location) string {
	const layout = "2006-01-02 15:04"
	utc := at.UTC()
	if zone == nil || zone == time.UTC {
		return utc.Format(layout + " UTC")
	}
	local := at.In(zone)
	name, offset := local.Zone()
	switch {
	case name == "UTC":
		return utc.Format(layout + " UTC")
	case strings.Trim(name, "+-0123456789") == "": // the zone has no other name
		name = local.Format("UTC-07:00")
	}
	inUTC := utc.Format("15:04 UTC")
	switch {
	case offset == 0:
		return local.Format(layout) + " " + name
	case utc.YearDay() != local.YearDay():
		inUTC = utc.Format(layout + " UTC")
	}
	return fmt.Sprintf("%s %s (%s)", local.Format(layout), name, inUTC)
}
