package radius_test

import (
	"context"
	"fmt"
	"time"

	"simtransfer/radius"
)

func ExampleClient_Disconnect() {
	gateway, err := radius.SimulateGateway("127.0.0.1:0", []byte("secret"), radius.Behavior{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = gateway.Close() }()
	gateway.Start(radius.Session{ID: "0A0B0C0D"})

	client := radius.Client{Timeout: 5 * time.Second}
	for range 2 {
		result, err := client.Disconnect(context.Background(), gateway.Gateway(), radius.Session{ID: "0A0B0C0D"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.Gone(), result)
	}
	// Output:
	// true dropped
	// true already gone: 503 session context not found
}
