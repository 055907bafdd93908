package service

import "github.com/joinery-crdt/joinery"

// Health says whether a replica works, and whether it should get requests.
type Health struct {
	Live  bool     `json:"live"`  // it works; if not, start it again or see to its disk
	Ready bool     `json:"ready"` // all is in memory, the server is there and allows what is needed
	Why   []string `json:"why,omitempty"`
}

// HealthOf judges a status. A replica that waits for its server works all the same,
// as writes and reads do, but others do not hear of them.
func HealthOf(st joinery.Status) Health {
	h := Health{Live: st.Failed == "" && !st.Gone}
	for _, x := range []struct {
		bad bool
		why string
	}{
		{st.Failed != "", "the store failed: " + st.Failed},
		{st.Gone, "the connection is closed for good"},
		{!st.Online && !st.Gone, "not connected"},
		{st.Loading > 0, "loading documents"},
		{len(st.Denied) > 0, "the server refuses subjects that are needed"},
	} {
		if x.bad {
			h.Why = append(h.Why, x.why)
		}
	}
	h.Ready = len(h.Why) == 0
	return h
}

func (s *Server) health(*struct{}) (Health, error) { return HealthOf(s.replica.Status()), nil }
