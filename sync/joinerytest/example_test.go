package joinerytest_test

import (
	"context"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/joinerytest"
)

func TestTheLaterPriceStands(t *testing.T) {
	space := joinerytest.New(t, 2)
	shop, van := space.Replica(0).Doc("milk"), space.Replica(1).Doc("milk")
	space.Cut(1)
	require.NoError(t, van.Register("price").Set(t.Context(), 3))
	space.Advance(time.Hour)
	require.NoError(t, shop.Register("price").Set(t.Context(), 2))
	space.Heal()
	space.Converge()
	price, _, err := joinery.Get[int](van.Register("price"))
	require.Equal(t, 2, price, err)
}

// program stands for the *testing.T of a test.
type program struct{ cleanups []func() }

func (p *program) Helper()                           {}
func (p *program) Cleanup(f func())                  { p.cleanups = append(p.cleanups, f) }
func (p *program) Errorf(format string, args ...any) { log.Printf(format, args...) }
func (p *program) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
func (p *program) end() {
	for _, f := range p.cleanups {
		f()
	}
}

// Two devices count while they are cut off from each other.
func Example() {
	t := &program{} // in a test, its *testing.T
	defer t.end()
	space := joinerytest.New(t, 2)
	phone, tablet := space.Replica(0).Doc("walk"), space.Replica(1).Doc("walk")
	space.Cut(0)
	ctx := context.Background()
	fmt.Println(phone.Counter("steps").Inc(ctx, 100), tablet.Counter("steps").Inc(ctx, 20))
	fmt.Println(phone.Counter("steps").Value(), tablet.Counter("steps").Value())
	space.Heal()
	space.Converge()
	fmt.Println(phone.Counter("steps").Value(), tablet.Counter("steps").Value())
	// Output:
	// <nil> <nil>
	// 100 20
	// 120 120
}

// A clock that is wrong: the device boots in 1970.
func ExampleSpace_Clock() {
	t := &program{}
	defer t.end()
	space := joinerytest.New(t, 2)
	space.Clock(1).Set(time.Unix(0, 0))
	ctx := context.Background()
	server, device := space.Replica(0).Doc("d"), space.Replica(1).Doc("d")
	fmt.Println(server.Register("v").Set(ctx, "from the server"))
	space.Converge()
	fmt.Println(device.Register("v").Set(ctx, "from the device, later"))
	space.Converge()
	fmt.Println(joinery.Get[string](server.Register("v")))
	// Output:
	// <nil>
	// <nil>
	// from the device, later true <nil>
}
