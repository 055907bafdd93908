// Command cart is a shopping cart on two devices of one customer, which are
// offline at the same time, with the two ways to deal with what comes of it.
//
// What is in the cart is a map of counters: it needs no resolver, whatever
// happens at the same time. The delivery address is a register: two addresses
// entered at the same time live side by side until somebody decides, here a
// resolver that knows the shop's rule.
//
//	go run ./examples/cart
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// Cart is a customer's cart on one device.
type Cart struct {
	doc *joinery.Doc
}

// Add puts n pieces of an article into the cart; a negative n takes them out.
func (c Cart) Add(ctx context.Context, article string, n int64) error {
	return c.doc.Map("items").Counter(article).Inc(ctx, n)
}

// Drop takes an article out, with all pieces that this device knows of. A
// piece that another device adds at the same time stays in the cart.
func (c Cart) Drop(ctx context.Context, article string) error {
	return c.doc.Map("items").Counter(article).Remove(ctx)
}

// Items returns the pieces of each article.
func (c Cart) Items() map[string]int64 {
	items := make(map[string]int64)
	for f := range c.doc.Fields() {
		if n, ok := f.Value.(int64); ok && f.Kind == joinery.KindCounter && f.Path[0] == "items" && n > 0 {
			items[f.Path[1]] = n
		}
	}
	return items
}

// Deliver sets the address.
func (c Cart) Deliver(ctx context.Context, address string) error {
	return c.doc.Register("address").Set(ctx, address)
}

// Resolve settles concurrent addresses by the shop's rule: a pickup station is
// cheaper than any street, and among equals the last by time wins. It is an
// ordinary write, made on any device; an address that nobody has seen there yet
// is not lost, but a sibling again.
func (c Cart) Resolve(ctx context.Context) error {
	address := c.doc.Register("address")
	siblings, err := joinery.Siblings[string](address)
	if err != nil || len(siblings) < 2 {
		return err
	}
	best := siblings[0].Value // the last by time
	for _, s := range siblings {
		if strings.HasPrefix(s.Value, "pickup ") {
			best = s.Value
			break
		}
	}
	return address.Set(ctx, best, joinery.Over(joinery.ReadContext(address)))
}

// Print writes what the device shows.
func (c Cart) Print(out io.Writer, device string) error {
	siblings, err := joinery.Siblings[string](c.doc.Register("address"))
	items := c.Items()
	for _, article := range slices.Sorted(maps.Keys(items)) {
		fmt.Fprintf(out, "%s: %d %s\n", device, items[article], article)
	}
	slices.SortFunc(siblings, func(a, b joinery.Sibling[string]) int { return cmp.Compare(a.Value, b.Value) })
	for _, s := range siblings {
		fmt.Fprintf(out, "%s: to %s\n", device, s.Value)
	}
	return err
}

func run(ctx context.Context, out io.Writer) error {
	network := memory.NewNetwork(memory.Config{}) // in this process; NATS in earnest
	phone, err := open(ctx, network, "phone")
	if err != nil {
		return err
	}
	defer phone.Close()
	laptop, err := open(ctx, network, "laptop")
	if err != nil {
		return err
	}
	defer laptop.Close()
	onPhone, onLaptop := Cart{phone.Doc("cart.alice")}, Cart{laptop.Doc("cart.alice")}
	err = errors.Join(
		onPhone.Add(ctx, "tea", 2), onPhone.Add(ctx, "honey", 1), onPhone.Deliver(ctx, "Storgata 1"),
		converge(ctx, phone, laptop))
	if err != nil {
		return err
	}
	network.Partition([]string{"phone"}, []string{"laptop"})
	err = errors.Join(
		onPhone.Add(ctx, "tea", 1), onPhone.Add(ctx, "honey", 1), onPhone.Deliver(ctx, "pickup station 7"),
		onLaptop.Add(ctx, "tea", 3), onLaptop.Drop(ctx, "honey"), onLaptop.Deliver(ctx, "Nygata 9"))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "apart, each device shows its own:")
	if err := errors.Join(onPhone.Print(out, "phone"), onLaptop.Print(out, "laptop")); err != nil {
		return err
	}
	network.Heal()
	if err := converge(ctx, phone, laptop); err != nil {
		return err
	}
	fmt.Fprintln(out, "together again, no piece is lost, and there are two addresses:")
	if err := errors.Join(onPhone.Print(out, "phone"), onLaptop.Resolve(ctx), converge(ctx, phone, laptop)); err != nil {
		return err
	}
	fmt.Fprintln(out, "resolved on the laptop:")
	return onPhone.Print(out, "phone")
}

func open(ctx context.Context, network *memory.Network, device string) (*joinery.Replica, error) {
	return joinery.Open(ctx, joinery.Config{Space: "shop", Broker: network.Connect(device)})
}

// converge waits until both devices hold the same.
func converge(ctx context.Context, a, b *joinery.Replica) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for a.Status().Digest != b.Status().Digest {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the devices do not converge: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}
