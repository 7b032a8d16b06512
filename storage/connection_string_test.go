package storage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Connection strings mean what they mean to libpq.
func TestParseTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dsn, want string }{
		{"postgres://u:p@a/db", "u:p@a:5432/db"},
		{"postgresql://u:p@a:1/db", "u:p@a:1/db"},
		{"postgres://u:p@a:1,b:2/db", "u:p@a:1/db u:p@b:2/db"},
		{"postgres://u:p@a,b/db", "u:p@a:5432/db u:p@b:5432/db"},
		{"postgres://u:p@a,b:2,c/db", "u:p@a:5432/db u:p@b:2/db u:p@c:5432/db"},
		{"postgres://u:p@a,b/db?port=7", "u:p@a:7/db u:p@b:7/db"},
		{"postgres://u:p@a,b/db?port=7,8", "u:p@a:7/db u:p@b:8/db"},
		{"postgres://u:p@[::1]:3,[2001:db8::1]/db", "u:p@::1:3/db u:p@2001:db8::1:5432/db"},
		{"postgres://u:p@%2Fvar%2Frun/db", "u:p@/var/run:5432/db"},
		{"postgres://u:p@/db?host=/x,/y&port=1,2", "u:p@/x:1/db u:p@/y:2/db"},
		{"postgres://u:p%40%2C%27%5C@a/db", `u:p@,'\@a:5432/db`},
		{"postgres://u:p@w@a:1,b:2/db", "u:p@w@a:1/db u:p@w@b:2/db"},
		{"host=a,b port=1,2 user=u password=p dbname=db", "u:p@a:1/db u:p@b:2/db"},
		{"host=a,b port=1 user=u password=p dbname=db", "u:p@a:1/db u:p@b:1/db"},
	} {
		got, err := parseTarget(c.dsn, nil)
		if err != nil {
			t.Errorf("%s: %v", c.dsn, err)
			continue
		}
		var list []string
		for _, h := range got.hosts {
			list = append(list, fmt.Sprintf("%s:%s@%s:%d/%s", h.User, h.Password, h.Host, h.Port, h.Database))
			if !h.BinaryParameters || h.ConnectTimeout != 5*time.Second || len(h.Multi) != 0 {
				t.Errorf("%s: %+v", c.dsn, h)
			}
		}
		if diff := cmp.Diff(c.want, strings.Join(list, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.dsn, diff)
		}
	}
}

func TestParseTargetErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dsn, says string }{
		{"postgres://a:b/db", "URL"},
		{"postgres://a:0/db", "URL"},
		{"postgres://a:70000/db", "URL"},
		{"postgres://a:1:2/db", "URL"},
		{"postgres://[a]/db", "URL"},
		{"postgres://a,b,c/db?port=1,2", "port"},
		{"postgres://a/db?target_session_attrs=best", "target_session_attrs"},
		{"postgres://a/db?channel_binding=require", "channel_binding"},
		{"postgres://a/db?keepalives_idle=x", "keepalives_idle"},
		{"postgres://a/db?tcp_user_timeout=-1", "tcp_user_timeout"},
	} {
		if _, err := parseTarget(c.dsn, nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error about %s", c.dsn, err, c.says)
		}
	}
}

// The parameters of libpq's own side are not sent to the server, and ours only
// if the connection string does not have them, in whatever case.
func TestParseTargetParameters(t *testing.T) {
	t.Parallel()
	got, err := parseTarget("postgres://a/db?keepalives=0&keepalives_idle=7&keepalives_interval=8&keepalives_count=9&tcp_user_timeout=10&"+
		"channel_binding=prefer&gssencmode=disable&timezone=Asia/Tokyo&search_path=x&connect_timeout=3",
		map[string]string{"TimeZone": "UTC", "lock_timeout": "2000"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"timezone": "Asia/Tokyo", "search_path": "x", "lock_timeout": "2000"}
	if diff := cmp.Diff(want, got.hosts[0].Runtime); diff != "" {
		t.Errorf("parameters that are sent (-want +got):\n%s", diff)
	}
	socket := socketOptions{false, 7 * time.Second, 8 * time.Second, 9, 10 * time.Millisecond}
	if got.socket != socket || got.hosts[0].ConnectTimeout != 3*time.Second {
		t.Errorf("%+v and %v", got.socket, got.hosts[0].ConnectTimeout)
	}
}
