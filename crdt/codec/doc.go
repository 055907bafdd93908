// Package codec turns Go values into the bytes of keys and values, and back.
//
// The engine compares keys as bytes, so a [Codec] must be canonical: equal
// values have equal encodings, on every machine and in every release. The
// built-in codecs are, and those of fixed width keep the order, so that sorted
// iteration over integers is numeric:
//
//	string, []byte     the bytes themselves
//	bool               one byte, 0 or 1
//	unsigned integers  big-endian; uint and uintptr take 8 bytes
//	signed integers    big-endian with the sign bit flipped; int takes 8 bytes
//	floats             IEEE 754 big-endian, negative ones inverted, others with
//	                   the sign bit flipped; compared as bits, so 0 and -0 differ
//	[N]byte            the N bytes
//	others             what MarshalBinary or else MarshalText gives
//
// Named types use the codec of their underlying type in the order of the
// table. A type that none of these fits needs a codec of its own; package
// crdt/msgpackcodec has one for structs, slices and maps.
//
// Decoding takes bytes from strangers: it returns an error, never panics.
package codec
