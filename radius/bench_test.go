package radius

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkDisconnect drops sessions at one simulated gateway on loopback, with
// the number of concurrent attempts and the delay of answers in its name. Run it
// with -cpu 2, because client and gateway share the processors.
func BenchmarkDisconnect(b *testing.B) {
	for _, test := range []struct {
		inFlight int
		delay    time.Duration
	}{
		{1, 0},
		{64, 0},
		{256, 0},
		{64, 20 * time.Millisecond},
		{256, 20 * time.Millisecond},
	} {
		b.Run(fmt.Sprintf("inflight=%d/delay=%s", test.inFlight, test.delay), func(b *testing.B) {
			gateway, err := SimulateGateway("127.0.0.1:0", secret(), Behavior{Delay: test.delay})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = gateway.Close() }()
			sessions := make([]Session, b.N)
			for i := range sessions {
				sessions[i] = Session{
					ID:               fmt.Sprintf("%016X", i),
					Username:         fmt.Sprintf("00101%010d", i),
					CallingStationID: fmt.Sprintf("4917%08d", i),
					IMSI:             fmt.Sprintf("00101%010d", i),
					NASIPAddress:     "192.0.2.1",
				}
			}
			gateway.Start(sessions...)
			var client Client
			var next, gone, again atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range test.inFlight {
				wg.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						result, err := client.Disconnect(b.Context(), gateway.Gateway(), sessions[i])
						if err != nil {
							b.Error(err)
							return
						}
						again.Add(int64(result.Sent - 1))
						if result.Gone() {
							gone.Add(1)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			if gone.Load() != int64(b.N) || gateway.Count() != 0 {
				b.Errorf("%d of %d sessions gone, %d left", gone.Load(), b.N, gateway.Count())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "drops/s")
			b.ReportMetric(float64(again.Load()), "resent")
		})
	}
}
