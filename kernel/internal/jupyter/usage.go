package jupyter

import (
	"os"
	"runtime"
	"sync"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"
)

// usageMeter measures what the kernel takes, as jupyter-resource-usage asks for it. Shares of processors are those since
// the last measurement.
type usageMeter struct {
	mu        sync.Mutex
	processes map[int32]*process.Process // those of the last time, which know their times
	host      *cpu.TimesStat
}

// measureUsage answers a usage_request with what ipykernel answers.
func (s *server) measureUsage(*request) object {
	return s.usage.measure(append(s.eng.Processes(), os.Getpid()))
}

// measure adds up the processes and all that they started. What can't be measured on this system is left out.
func (m *usageMeter) measure(roots []int) object {
	m.mu.Lock()
	defer m.mu.Unlock()
	share, memory := 0.0, uint64(0)
	alive := map[int32]*process.Process{}
	for pid, p := range descendants(roots) {
		if old := m.processes[pid]; old != nil && sameStart(old, p) {
			p = old
		}
		alive[pid] = p
		if percent, err := p.Percent(0); err == nil {
			share += percent
		}
		if info, err := p.MemoryInfo(); err == nil {
			memory += info.RSS
		}
	}
	m.processes = alive
	content := object{"pid": os.Getpid(), "kernel_cpu": share, "kernel_memory": memory, "cpu_count": runtime.NumCPU()}
	if name, err := os.Hostname(); err == nil {
		content["hostname"] = name
	}
	if n, err := cpu.Counts(true); err == nil {
		content["cpu_count"] = n
	}
	if times, err := cpu.Times(false); err == nil && len(times) == 1 {
		if m.host != nil {
			content["host_cpu_percent"] = busyPercent(*m.host, times[0])
		}
		m.host = &times[0]
	}
	if v, err := mem.VirtualMemory(); err == nil {
		content["host_virtual_memory"] = object{
			"total": v.Total, "available": v.Available, "percent": v.UsedPercent, "used": v.Used, "free": v.Free,
			"active": v.Active, "inactive": v.Inactive, "buffers": v.Buffers, "cached": v.Cached, "shared": v.Shared, "slab": v.Slab,
		}
	}
	return content
}

// descendants are the processes of roots and those that they started.
func descendants(roots []int) map[int32]*process.Process {
	children := map[int32][]*process.Process{}
	found := map[int32]*process.Process{}
	all, _ := process.Processes()
	byID := map[int32]*process.Process{}
	for _, p := range all {
		byID[p.Pid] = p
		if parent, err := p.Ppid(); err == nil {
			children[parent] = append(children[parent], p)
		}
	}
	var add func(p *process.Process)
	add = func(p *process.Process) {
		if p == nil || found[p.Pid] != nil {
			return
		}
		found[p.Pid] = p
		for _, child := range children[p.Pid] {
			add(child)
		}
	}
	for _, pid := range roots {
		add(byID[int32(pid)])
	}
	return found
}

// sameStart reports whether p is the process old, and not one that got its number.
func sameStart(old, p *process.Process) bool {
	a, err1 := old.CreateTime()
	b, err2 := p.CreateTime()
	return err1 == nil && err2 == nil && a == b
}

// busyPercent is the share of time between two measurements that all processors together worked.
func busyPercent(before, after cpu.TimesStat) float64 {
	total := func(t cpu.TimesStat) float64 {
		return t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
	}
	idle := (after.Idle + after.Iowait) - (before.Idle + before.Iowait)
	all := total(after) - total(before)
	if all <= 0 {
		return 0
	}
	return min(100, max(0, 100*(1-idle/all)))
}
