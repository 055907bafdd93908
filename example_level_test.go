package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// threeMembers opens three members of a space and waits until they know each other.
func threeMembers(ctx context.Context, net *memory.Network) (rs []*joinery.Replica, closeAll func()) {
	for i, site := range []string{"oslo", "oslo", "bergen"} {
		self := joinery.Membership{Role: joinery.RoleFull, Site: site}
		r, err := joinery.Open(ctx, joinery.Config{Space: "shop", Broker: net.Connect(fmt.Sprint(i)), Membership: &self, BeaconEvery: 20 * time.Millisecond})
		if err != nil {
			panic(err)
		}
		rs = append(rs, r)
	}
	for _, r := range rs {
		for len(r.Members()) < 3 {
			time.Sleep(time.Millisecond)
		}
	}
	return rs, func() {
		for _, r := range rs {
			_ = r.Close()
		}
	}
}

// A write at a level returns when so many owners hold it, and says who does not
// if its context ends before. It stands all the same.
func ExampleDoc_At() {
	ctx := context.Background()
	net := memory.NewNetwork(memory.Config{})
	rs, closeAll := threeMembers(ctx, net)
	defer closeAll()

	name := rs[0].Doc("user:123").At(joinery.Quorum).Register("name")
	fmt.Println("three are there:", name.Set(ctx, "Ann"))

	net.Disconnect("1")
	net.Disconnect("2")
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err := name.Set(soon, "Anne")
	var short *joinery.LevelError
	if errors.As(err, &short) {
		fmt.Printf("two are away: %d of %d, level %v\n", short.Got, short.Wanted, short.Level)
	}
	now, _, _ := joinery.Get[string](name)
	fmt.Println("it stands:", now)
	// Output:
	// three are there: <nil>
	// two are away: 1 of 2, level quorum
	// it stands: Anne
}

// A refresh merges what a majority holds, and repairs those that were behind.
func ExampleDoc_Refresh() {
	ctx := context.Background()
	net := memory.NewNetwork(memory.Config{})
	rs, closeAll := threeMembers(ctx, net)
	defer closeAll()

	if err := rs[0].Doc("user:123").At(joinery.Quorum).Register("name").Set(ctx, "Ann"); err != nil {
		fmt.Println(err)
	}
	var options []joinery.RefreshOption
	options = append(options, joinery.AwaitRepair())
	var found joinery.Agreement
	found, err := rs[2].Doc("user:123").Refresh(ctx, joinery.Quorum, options...)
	name, _, _ := joinery.Get[string](rs[2].Doc("user:123").Register("name"))
	fmt.Println(found.Answered >= 2, err, name)

	level, err := joinery.ParseLevel("each-quorum")
	fmt.Println(level == joinery.Level(joinery.EachQuorum), err)
	// Output:
	// true <nil> Ann
	// true <nil>
}

// Members are known by name and site: each says of itself what it is.
func ExampleReplica_Members() {
	ctx := context.Background()
	self := joinery.Membership{Role: joinery.RoleEdge, Site: "shop 7"}
	fmt.Println(self.Role, "at", self.Site)
	rs, closeAll := threeMembers(ctx, memory.NewNetwork(memory.Config{}))
	defer closeAll()
	sites := make(map[string]int)
	var all []joinery.Member = rs[0].Members()
	for _, m := range all {
		if m.Role == joinery.Role(joinery.RoleFull).String() && m.Standing == "active" {
			sites[m.Site]++
		}
	}
	fmt.Println(sites)
	// Output:
	// edge at shop 7
	// map[bergen:1 oslo:2]
}

// A resolver settles conflicts as they come up, here by keeping every phone number.
func ExampleReplica_ResolveConflicts() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, err := joinery.Open(ctx, joinery.Config{Space: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = r.Close() }()
	phone, unseen := r.Doc("user:123").Register("phone"), joinery.Context{}
	_ = phone.Set(ctx, "555-1", joinery.Over(unseen)) // as if written on two replicas
	_ = phone.Set(ctx, "555-2", joinery.Over(unseen))

	var keepAll joinery.Resolver = func(c joinery.Conflict) (joinery.Resolution, error) {
		defer stop()
		fmt.Println(c.Doc, c.Path, len(c.Siblings), "siblings")
		return joinery.SettleWith("555-1, 555-2"), nil
	}
	fmt.Println(r.ResolveConflicts(ctx, ">", keepAll))
	// Output:
	// user:123 [phone] 2 siblings
	// context canceled
}
