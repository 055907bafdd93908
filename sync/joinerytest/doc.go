// Package joinerytest is for the tests of programs that use joinery: replicas of
// a space, links between them that are cut and healed, and clocks that a test
// turns, inside the process. There is no server, no socket and no fixed port.
//
//	func TestTheLaterPriceStands(t *testing.T) {
//		space := joinerytest.New(t, 2)
//		shop, van := space.Replica(0).Doc("milk"), space.Replica(1).Doc("milk")
//		space.Cut(1)
//		require.NoError(t, van.Register("price").Set(t.Context(), 3))
//		space.Advance(time.Hour)
//		require.NoError(t, shop.Register("price").Set(t.Context(), 2))
//		space.Heal()
//		space.Converge()
//		price, _, err := joinery.Get[int](van.Register("price"))
//		require.Equal(t, 2, price, err)
//	}
//
// The replicas are real ones, as [joinery.Open] makes them, with the goroutines
// and the protocol of a deployment, on the network of package broker/memory. What
// they hold in the end is decided by what was written before whom, so a test
// makes it certain by cutting, healing and converging, and not by waiting.
//
// The clocks stamp writes; they stand still until a test moves them. What the
// replicas do by themselves goes by the real time, a few milliseconds here; in a
// bubble of testing/synctest it goes by the bubble's, and a minute's outage takes
// a moment.
//
// Not shown by such a test: what permissions, limits and failures of a NATS
// server do. For these run one with package broker/embedded.
package joinerytest
