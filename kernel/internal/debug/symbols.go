package debug

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golab/kernel/internal/pipe"
)

// Delve (1.27) looks for the list of goroutines in the program itself, where with Go's own linker the runtime is. GoLab's
// worker has it in a library. So Delve is given a file of debugging information for the worker, as distributions have for
// their programs, in which the two variables of the runtime have the addresses that they have in this process.

// writeConfig writes to dir what Delve reads when it starts, with dir as $XDG_CONFIG_HOME: where such files are.
func writeConfig(dir string) error {
	conf := filepath.Join(dir, "dlv")
	if err := os.MkdirAll(conf, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("debug-info-directories: [%q]\n", dir)
	return os.WriteFile(filepath.Join(conf, "config.yml"), []byte(text), 0o600)
}

// writeSymbols writes the file for the program of the worker that t is of.
func writeSymbols(dir, program string, t *pipe.Traced) error {
	id, err := buildID(program)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, symbolFile(map[string]uint64{"runtime.allgs": t.AllGs - t.Base, "runtime.allglen": t.AllGLen - t.Base}), 0o600)
}

// buildID is the identifier that the system's linker gave a program.
func buildID(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if s := f.Section(".note.gnu.build-id"); s != nil {
		if note, err := s.Data(); err == nil && len(note) > 16+2 {
			return hex.EncodeToString(note[16:]), nil // after three sizes and "GNU\0"
		}
	}
	return "", fmt.Errorf("%s has no build-id", program)
}

// symbolFile is an ELF file with DWARF that knows variables by name, at addresses relative to where the program is loaded.
func symbolFile(vars map[string]uint64) []byte {
	le := binary.LittleEndian
	abbrev := []byte{
		1, 0x11, 1 /* compile unit, with children */, 0x03, 0x08 /* name, string */, 0x25, 0x08 /* producer, string */, 0x13, 0x0b /* language, 1 byte */, 0, 0,
		2, 0x34, 0 /* variable */, 0x03, 0x08 /* name, string */, 0x02, 0x18 /* location, expression */, 0, 0,
		0,
	}
	unit := []byte{4, 0, 0, 0, 0, 0, 8} // version, offset of the abbreviations, size of addresses
	unit = append(unit, 1)
	unit = append(unit, "golab\x00Go cmd/compile "+runtime.Version()+"\x00\x16"...)
	for name, addr := range vars {
		unit = append(unit, 2)
		unit = append(unit, name+"\x00"...)
		unit = append(unit, 9, 0x03) // 9 bytes: an address
		unit = le.AppendUint64(unit, addr)
	}
	unit = append(unit, 0)
	info := append(le.AppendUint32(nil, uint32(len(unit))), unit...)

	// Delve wants a table of symbols, too; it may be empty but for the first, which is none.
	names := []string{"", ".debug_abbrev", ".debug_info", ".debug_line", ".symtab", ".strtab", ".shstrtab"}
	var table []byte
	offset := map[string]uint32{}
	for _, n := range names {
		offset[n] = uint32(len(table))
		table = append(append(table, n...), 0)
	}
	content := map[string][]byte{".debug_abbrev": abbrev, ".debug_info": info, ".shstrtab": table, ".symtab": make([]byte, elf.Sym64Size), ".strtab": {0}}
	machine := elf.EM_X86_64
	if runtime.GOARCH == "arm64" {
		machine = elf.EM_AARCH64
	}
	header := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: 1, Ehsize: 64, Shentsize: 64, Shnum: uint16(len(names)), Shstrndx: uint16(len(names) - 1)}
	copy(header.Ident[:], "\x7fELF\x02\x01\x01")
	var body bytes.Buffer
	var sections []elf.Section64
	for _, n := range names {
		s := elf.Section64{Name: offset[n], Type: uint32(elf.SHT_PROGBITS), Off: uint64(64 + body.Len()), Size: uint64(len(content[n])), Addralign: 1}
		switch n {
		case "":
			s = elf.Section64{}
		case ".symtab":
			s.Type, s.Entsize, s.Link = uint32(elf.SHT_SYMTAB), elf.Sym64Size, uint32(slices.Index(names, ".strtab"))
		case ".strtab", ".shstrtab":
			s.Type = uint32(elf.SHT_STRTAB)
		}
		body.Write(content[n])
		sections = append(sections, s)
	}
	header.Shoff = uint64(64 + body.Len())
	var out bytes.Buffer
	binary.Write(&out, le, header)
	out.Write(body.Bytes())
	binary.Write(&out, le, sections)
	return out.Bytes()
}
