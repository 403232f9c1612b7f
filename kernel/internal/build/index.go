package build

import (
	"bufio"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
)

// writeIndex writes, beside a shared library, what the linker looks up in it: its dynamic symbols in the order of their
// names, and which symbol each word that is relocated points to, in the order of addresses. ld/golab.go reads it:
//
//	"golabix1", number of symbols, number of relocations  (8 bytes each)
//	a symbol:     name offset, name length (4 bytes each), value, size (8 each), info, other (1 each), section (2), 0 (4)
//	a relocation: address (8), index of the symbol (4), 0 (4)
//	the names
//
// All numbers are little-endian.
func writeIndex(lib string) error {
	f, err := elf.Open(lib)
	if err != nil {
		return err
	}
	defer f.Close()
	syms, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("symbols of %s: %w", lib, err)
	}
	order := make([]int, 0, len(syms))
	for i := range syms {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(syms[a].Name, syms[b].Name) })
	position := make([]uint32, len(syms))
	for at, i := range order {
		position[i] = uint32(at)
	}
	type rel struct {
		at  uint64
		sym uint32
	}
	var rels []rel
	sect := f.SectionByType(elf.SHT_RELA)
	if sect == nil {
		return fmt.Errorf("%s has no relocations", lib)
	}
	data, err := sect.Data()
	if err != nil {
		return err
	}
	want := map[elf.Machine]uint32{elf.EM_X86_64: uint32(elf.R_X86_64_64), elf.EM_AARCH64: uint32(elf.R_AARCH64_ABS64)}[f.Machine]
	for ; len(data) >= 24; data = data[24:] {
		info, addend := f.ByteOrder.Uint64(data[8:]), f.ByteOrder.Uint64(data[16:])
		if i := info >> 32; i > 0 && uint32(info) == want && addend == 0 {
			rels = append(rels, rel{f.ByteOrder.Uint64(data), position[i-1]})
		}
	}
	slices.SortFunc(rels, func(a, b rel) int { return cmp.Compare(a.at, b.at) })

	tmp := lib + ".index.tmp"
	out, err := os.Create(tmp)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	w := bufio.NewWriter(out)
	le := binary.LittleEndian
	b := append([]byte("golabix1"), le.AppendUint64(le.AppendUint64(nil, uint64(len(syms))), uint64(len(rels)))...)
	w.Write(b)
	name := uint32(0)
	for _, i := range order {
		s := syms[i]
		b = le.AppendUint32(b[:0], name)
		b = le.AppendUint32(b, uint32(len(s.Name)))
		b = le.AppendUint64(b, s.Value)
		b = le.AppendUint64(b, s.Size)
		b = append(b, s.Info, s.Other)
		b = le.AppendUint16(b, uint16(s.Section))
		b = le.AppendUint32(b, 0)
		w.Write(b)
		name += uint32(len(s.Name))
	}
	for _, r := range rels {
		b = le.AppendUint64(b[:0], r.at)
		b = le.AppendUint32(b, r.sym)
		b = le.AppendUint32(b, 0)
		w.Write(b)
	}
	for _, i := range order {
		w.WriteString(syms[i].Name)
	}
	if err := w.Flush(); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, lib+".index")
}
