package joinery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery"
)

type Address struct {
	City string `joinery:"city"`
	Zip  string `joinery:"zip"`
}

type User struct {
	Name    string           `joinery:"name"`
	Tags    []string         `joinery:"tags,set"`
	Visits  int64            `joinery:"visits,counter"`
	Cart    map[string]int64 `joinery:"cart,map,counter"`
	Address Address          `joinery:"address"`
}

// A struct's fields are fields of the document, each of the type that its tag
// says. Storing it again writes only what differs.
func ExampleDoc_Store() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	doc := r.Doc("user:123")
	user := User{
		Name: "Alice", Tags: []string{"vip"}, Cart: map[string]int64{"pear": 2},
		Address: Address{City: "Oslo", Zip: "0150"},
	}
	check(doc.Store(ctx, user))
	for f := range doc.Fields() {
		fmt.Println(f.Path, f.Kind, f.Value)
	}

	user.Address.City = "Bergen"
	before := r.Status().Stats.Writes
	check(doc.Store(ctx, user))
	fmt.Println(r.Status().Stats.Writes-before, "write")
	// Output:
	// [name] register Alice
	// [address city] register Oslo
	// [address zip] register 0150
	// [cart pear] counter 2
	// [tags] set vip
	// 1 write
}

// What other programs wrote field by field is loaded as a struct.
func ExampleDoc_Load() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	doc := r.Doc("user:123")
	check(doc.Register("name").Set(ctx, "Alice"))
	check(doc.Counter("visits").Inc(ctx, 3))
	check(doc.Map("address").Register("city").Set(ctx, "Oslo"))

	var user User
	check(doc.Load(&user))
	fmt.Println(user.Name, user.Visits, user.Address.City)
	var address Address // a nested struct is a Map
	check(doc.Map("address").Load(&address))
	fmt.Println(address.City)
	// Output:
	// Alice 3 Oslo
	// Oslo
}

// Two replicas edit one document while they do not hear each other.
func ExampleEdit() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	check(alice.Doc("user:123").Store(ctx, User{Name: "Al", Tags: []string{"new"}, Visits: 1}))
	synced(alice, bob)
	net.Disconnect("bob")
	check(joinery.Edit(ctx, alice.Doc("user:123"), func(u *User) error {
		u.Name = "Alice"
		u.Visits++
		return nil
	}))
	check(joinery.Edit(ctx, bob.Doc("user:123"), func(u *User) error {
		u.Tags = []string{"vip"}
		u.Address.City = "Oslo"
		u.Visits++
		return nil
	}))
	net.Reconnect("bob")
	synced(alice, bob)

	var user User
	check(alice.Doc("user:123").Load(&user))
	fmt.Println(user.Name, user.Tags, user.Visits, user.Address.City)
	// Output: Alice [vip] 3 Oslo
}

// A form is open for a while, and something else changes meanwhile.
func ExampleStoreChanges() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	doc := r.Doc("user:123")
	check(doc.Store(ctx, User{Name: "Al", Tags: []string{"new"}}))

	var before, after User
	check(doc.Load(&before))
	check(doc.Load(&after))
	check(doc.Set("tags").Add(ctx, "vip"))
	after.Name = "Alice"
	check(joinery.StoreChanges(ctx, doc, &before, &after))

	check(doc.Load(&after))
	fmt.Println(after.Name, after.Tags)
	// Output: Alice [new vip]
}

// A value that is not of the field's type is left alone, and the others are
// loaded.
func ExampleFieldError() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	doc := r.Doc("user:123")
	check(doc.Register("name").Set(ctx, "Alice"))
	check(doc.Map("address").Register("zip").Set(ctx, 150))

	var user User
	err := doc.Load(&user)
	var wrong *joinery.FieldError
	fmt.Println(errors.As(err, &wrong), wrong.Path, wrong.Field, errors.Is(err, joinery.ErrType))
	fmt.Println(user.Name)
	// Output:
	// true [address zip] joinery_test.User.Address.Zip true
	// Alice
}

// A function on any Container loads from a document, a map in it, or either
// inside an Update or View.
func ExampleContainer() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	city := func(from joinery.Container) string {
		var a Address
		check(from.Load(&a))
		return a.City
	}
	doc := r.Doc("user:123")
	check(doc.Map("address").Store(ctx, Address{City: "Oslo"}))
	fmt.Println(city(doc.Map("address")))
	doc.View(func(tx *joinery.Tx) { fmt.Println(city(tx.Map("address"))) })
	// Output:
	// Oslo
	// Oslo
}
