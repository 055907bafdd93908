package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// offline opens a replica that keeps to itself, which is all that many
// examples need.
func offline() *joinery.Replica {
	r, err := joinery.Open(context.Background(), joinery.Config{Space: "example"})
	check(err)
	return r
}

// pair opens two replicas on a network in memory, whose links can be cut.
func pair() (net *memory.Network, alice, bob *joinery.Replica) {
	net = memory.NewNetwork(memory.Config{})
	open := func(name string) *joinery.Replica {
		r, err := joinery.Open(context.Background(), joinery.Config{Space: "example", Broker: net.Connect(name)})
		check(err)
		return r
	}
	return net, open("alice"), open("bob")
}

// synced waits until two replicas hold the same.
func synced(a, b *joinery.Replica) {
	for a.Status().Digest != b.Status().Digest {
		time.Sleep(time.Millisecond)
	}
}

// Two replicas in one process, over a server in the same process. A program
// that has a server connects to it with nats.Connect.
func ExampleOpen() {
	ctx := context.Background()
	server, err := embedded.Start(ctx, embedded.Config{})
	check(err)
	defer server.Shutdown(ctx)

	nc, err := server.Connect() // replicas may share a connection, or have one each
	check(err)
	defer nc.Close()
	office, err := joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc})
	check(err)
	defer office.Close()
	till, err := joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc})
	check(err)
	defer till.Close()

	check(till.Doc("user:123").Register("name").Set(ctx, "Alice Smith"))
	for range office.Watch(ctx, "user:123") {
		break // it has arrived
	}
	name, ok, err := joinery.Get[string](office.Doc("user:123").Register("name"))
	fmt.Println(name, ok, err)
	// Output: Alice Smith true <nil>
}

func ExampleRegister() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	type address struct{ Street, City string }
	home := r.Doc("user:123").Register("home")

	_, ok, _ := joinery.Get[address](home)
	fmt.Println("at first:", ok)
	check(home.Set(ctx, address{"Karl Johans gate 1", "Oslo"}))
	v, _, err := joinery.Get[address](home)
	fmt.Println(v.City, err)
	_, _, err = joinery.Get[int](home)
	fmt.Println("not a number:", errors.Is(err, joinery.ErrType))
	check(home.Remove(ctx))
	_, ok, _ = joinery.Get[address](home)
	fmt.Println("in the end:", ok)
	// Output:
	// at first: false
	// Oslo <nil>
	// not a number: true
	// in the end: false
}

// Increments made on both sides of a cut link add up.
func ExampleCounter() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	net.Partition([]string{"alice"}, []string{"bob"})
	check(alice.Doc("page").Counter("visits").Inc(ctx, 2))
	check(bob.Doc("page").Counter("visits").Inc(ctx, 3))
	net.Heal()
	synced(alice, bob)
	fmt.Println(alice.Doc("page").Counter("visits").Value())
	// Output: 5
}

// Of a concurrent Add and Remove of one element the Add wins, in a
// RemoveWinsSet the Remove.
func ExampleSet() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	check(alice.Doc("user").Set("tags").Add(ctx, "vip", "new"))
	check(alice.Doc("user").RemoveWinsSet("rights").Add(ctx, "admin"))
	synced(alice, bob)

	net.Partition([]string{"alice"}, []string{"bob"})
	check(alice.Doc("user").Set("tags").Remove(ctx, "vip", "new"))
	check(bob.Doc("user").Set("tags").Add(ctx, "vip"))
	check(alice.Doc("user").RemoveWinsSet("rights").Remove(ctx, "admin"))
	check(bob.Doc("user").RemoveWinsSet("rights").Add(ctx, "admin"))
	net.Heal()
	synced(alice, bob)

	tags, err := joinery.Members[string](alice.Doc("user").Set("tags"))
	fmt.Println(tags, err)
	fmt.Println(alice.Doc("user").RemoveWinsSet("rights").Contains("admin"))
	// Output:
	// [vip] <nil>
	// false
}

func ExampleRemoveWinsSet() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	rights := r.Doc("user").RemoveWinsSet("rights")
	check(rights.Add(ctx, "read", "write"))
	check(rights.Remove(ctx, "write"))
	fmt.Println(rights.Contains("read"), rights.Contains("write"), rights.Len())
	// Output: true false 1
}

func ExampleFlag() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	active := r.Doc("user").Flag("active")
	check(active.Enable(ctx))
	fmt.Println(active.Enabled())
	check(active.Disable(ctx))
	fmt.Println(active.Enabled())
	// Output:
	// true
	// false
}

// Whoever disables wins over those who enable at the same time.
func ExampleDisableWinsFlag() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	net.Partition([]string{"alice"}, []string{"bob"})
	check(alice.Doc("valve").DisableWinsFlag("open").Enable(ctx))
	check(bob.Doc("valve").DisableWinsFlag("open").Disable(ctx))
	net.Heal()
	synced(alice, bob)
	fmt.Println(alice.Doc("valve").DisableWinsFlag("open").Enabled())
	// Output: false
}

// Removing a map removes what was seen in it; what is written at the same time
// survives, alone.
func ExampleMap() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	home := alice.Doc("user").Map("addresses").Map("home")
	check(home.Register("city").Set(ctx, "Oslo"))
	check(home.Register("zip").Set(ctx, "0154"))
	synced(alice, bob)

	net.Partition([]string{"alice"}, []string{"bob"})
	check(home.Remove(ctx))
	check(bob.Doc("user").Map("addresses").Map("home").Register("city").Set(ctx, "Bergen"))
	net.Heal()
	synced(alice, bob)
	for f := range alice.Doc("user").Fields() {
		fmt.Println(f.Path, f.Value)
	}
	// Output: [addresses home city] Bergen
}

// In an LWWMap a later deletion wins over an earlier put, whether it knew of
// it or not.
func ExampleLWWMap() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	prefs := r.Doc("user").LWWMap("prefs")
	check(prefs.Put(ctx, "lang", "no"))
	check(prefs.Put(ctx, "theme", "dark"))
	check(prefs.Delete(ctx, "theme"))
	lang, _, err := joinery.Get[string](prefs.Entry("lang"))
	fmt.Println(prefs.Keys(), lang, err)
	// Output: [lang] no <nil>
}

// Writes of an Update are seen together or not at all; an error takes them back.
func ExampleDoc_Update() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	account := r.Doc("account")
	errEmpty := errors.New("nothing left")
	spend := func(n int64) error {
		return account.Update(ctx, func(tx *joinery.Tx) error {
			check(tx.Counter("spent").Inc(ctx, n))
			check(tx.Counter("left").Inc(ctx, -n))
			if tx.Counter("left").Value() < 0 {
				return errEmpty
			}
			return nil
		})
	}
	check(account.Counter("left").Inc(ctx, 10))
	fmt.Println(spend(7), spend(7))
	fmt.Println(account.Counter("spent").Value(), account.Counter("left").Value())
	// Output:
	// <nil> joinery: document "account": nothing left
	// 7 3
}

// No write falls between the reads of a View.
func ExampleDoc_View() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	check(r.Doc("pair").Register("a").Set(ctx, 1))
	check(r.Doc("pair").Register("b").Set(ctx, 2))
	r.Doc("pair").View(func(tx *joinery.Tx) {
		a, _, _ := joinery.Get[int](tx.Register("a"))
		b, _, _ := joinery.Get[int](tx.Register("b"))
		fmt.Println(a + b)
	})
	// Output: 3
}

func ExampleDoc_Fields() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	user := r.Doc("user:123")
	check(user.Register("name").Set(ctx, "Alice"))
	check(user.Counter("visits").Inc(ctx, 3))
	check(user.Set("tags").Add(ctx, "vip"))
	check(user.Map("address").Register("city").Set(ctx, "Oslo"))
	for f := range user.Fields() {
		fmt.Println(strings.Join(f.Path, "/"), f.Kind, f.Value)
	}
	// Output:
	// name register Alice
	// visits counter 3
	// address/city register Oslo
	// tags set vip
}

// A watch begins with what is there, and may write to what it watches.
func ExampleReplica_Watch() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	order := r.Doc("order.1")
	check(order.Register("state").Set(ctx, "paid"))
	for ev, err := range r.Watch(ctx, "order.*") {
		check(err)
		fmt.Println(ev.Doc, ev.Path, ev.Value)
		if ev.Value == "shipped" {
			break
		}
		check(order.Register("state").Set(ctx, "shipped"))
	}
	// Output:
	// order.1 [state] paid
	// order.1 [state] shipped
}

func ExampleReplica_Docs() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	for _, name := range []string{"fleet.1.engine", "fleet.2.engine", "fleet.2.doors"} {
		check(r.Doc(name).Flag("ok").Enable(ctx))
	}
	for name := range r.Docs("fleet.*.engine") {
		fmt.Println(name)
	}
	// Output:
	// fleet.1.engine
	// fleet.2.engine
}

// A page of names is all that is needed to ask for the next one.
func ExampleListOption() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	for i := range 5 {
		check(r.Doc(fmt.Sprint("user.", i)).Flag("ok").Enable(ctx))
	}
	page := slices.Collect(r.Docs("user.*", joinery.Limit(2)))
	for len(page) > 0 {
		fmt.Println(page)
		page = slices.Collect(r.Docs("user.*", joinery.After(page[len(page)-1]), joinery.Limit(2)))
	}
	// Output:
	// [user.0 user.1]
	// [user.2 user.3]
	// [user.4]
}

func ExampleDoc_FieldPage() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	stock := r.Doc("stock")
	for _, name := range []string{"milk.oat", "milk.cow", "bread", "milk.soy"} {
		check(stock.Counter(name).Inc(ctx, 10))
	}
	q := joinery.FieldRange{Prefix: "milk.", Limit: 2}
	for {
		page, err := stock.FieldPage(q)
		check(err)
		for _, f := range page.Fields {
			fmt.Println(f.Path, f.Value)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
		fmt.Println("and more:")
	}
	// Output:
	// [milk.cow] 10
	// [milk.oat] 10
	// and more:
	// [milk.soy] 10
}

// Replicas with equal digests hold the same.
func ExampleReplica_Status() {
	ctx := context.Background()
	_, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	check(alice.Doc("d").Flag("x").Enable(ctx))
	check(alice.Drain(ctx))
	synced(alice, bob)
	s := bob.Status()
	fmt.Println(s.Online, s.Docs, s.Stats.UnitsMerged, s.Digest == alice.Status().Digest)
	// Output: true 1 1 true
}
