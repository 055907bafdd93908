// Package crowd runs many replicas in virtual time and counts what they say. It
// is for measurements at sizes that package sim, which checks every step, is too
// slow for: a thousand replicas on one hub, or relays in trees and meshes.
//
// What runs is package replica; the network around it delivers, with delays that
// are drawn of a seed, to all members of a messaging system what one of them says
// there, and loses a share if told to. Nothing here checks that the protocol is
// right, but for [World.Equal] at the end of a run.
package crowd
