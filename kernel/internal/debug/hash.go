package debug

// hashSeed is the seed of the hash that names cells. Clients are told; any will do.
const hashSeed = 0xc70f6907

// murmur2 is Austin Appleby's MurmurHash2 (32 bits) of data, the hash by which Jupyter's clients name the file that stands
// for a cell's text; see the debugInfo request in Jupyter's messaging documentation.
func murmur2(data []byte, seed uint32) uint32 {
	const m = 0x5bd1e995
	h := seed ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
