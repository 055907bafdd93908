package memory_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker/conformance"
	"github.com/joinery-crdt/joinery/broker/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transport numbers its endpoints.
type transport struct {
	network   *memory.Network
	pump      func()
	endpoints int
}

func (tr *transport) Connect(*testing.T) conformance.Endpoint {
	tr.endpoints++
	name := fmt.Sprint("endpoint-", tr.endpoints)
	return conformance.Endpoint{
		Broker:     tr.network.Connect(name),
		Disconnect: func() { tr.network.Disconnect(name) },
		Reconnect:  func() { tr.network.Reconnect(name) },
		Terminate:  func() { tr.network.Terminate(name) },
		Pump:       tr.pump,
	}
}

func config(o conformance.Options) memory.Config {
	return memory.Config{QueueMessages: o.QueueMessages, MaxPayload: o.MaxPayload}
}

func TestConformanceByGoroutines(t *testing.T) {
	conformance.Run(t, func(_ *testing.T, o conformance.Options) conformance.Transport {
		return &transport{network: memory.NewNetwork(config(o))}
	})
}

func TestConformanceByHand(t *testing.T) {
	for _, shuffle := range []bool{false, true} {
		t.Run(fmt.Sprint("shuffle=", shuffle), func(t *testing.T) {
			conformance.Run(t, func(_ *testing.T, o conformance.Options) conformance.Transport {
				cfg := config(o)
				cfg.Manual, cfg.Shuffle, cfg.Seed = true, shuffle, 1
				n := memory.NewNetwork(cfg)
				return &transport{network: n, pump: func() { n.Deliver() }}
			})
		})
	}
}
