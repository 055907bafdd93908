package replica

// LimitMessages bounds messages from here on, in bytes; at least 4 KiB. Units
// that were sealed before and are larger reach others in transfers.
func (r *Replica) LimitMessages(bytes int) {
	if r.cfg.Budget > 0 {
		bytes = min(bytes, r.cfg.Budget)
	}
	r.cfg.MaxMessage = max(bytes, minMessage)
}
