package replica

// LimitMessages bounds messages from here on, in bytes; at least 4 KiB. Units
// that were sealed before and are larger reach others in transfers.
func (r *Replica) LimitMessages(bytes int) { r.cfg.MaxMessage = max(bytes, 4<<10) }
