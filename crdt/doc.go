// Package crdt holds the types of the engine as views over one kernel, and is
// the door for programs that import just the types.
//
// A [Document] is one replica's copy: live dots at paths. What a path means is
// said by the tag of its last component and by how it is read:
//
//	view                write                             read                     concurrent outcome
//	LWW register        replaces all observed             greatest (time, actor)   the later timestamp
//	MV register         the same                          all live values          both, until a write that saw both
//	add-wins set        add replaces, remove kills        element has a live dot   add wins
//	remove-wins set     add and remove leave a payload    no removal is live       remove wins
//	enable-wins flag    as the add-wins set                                        enabled
//	disable-wins flag   as the remove-wins set                                     disabled
//	counter             a dot an increment                sum of live dots         all add up; a removal undoes what it saw
//	OR-map              nested paths; remove kills below  what lives below         update beats removal, keeps itself alone
//	LWW map             put and delete leave a payload    greatest (time, actor)   the later of put and delete
//
// LWW or multi-value is thus a choice at read time over the same state.
package crdt
