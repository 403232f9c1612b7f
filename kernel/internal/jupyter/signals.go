package jupyter

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// obeySignals interrupts on SIGINT, ends the server on SIGTERM, and ends it when the Jupyter that started the process is
// gone, so that no kernel is left behind.
func (s *server) obeySignals(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	var parentGone <-chan time.Time
	parent := os.Getppid()
	if os.Getenv("JPY_PARENT_PID") != "" {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		parentGone = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			if sig == os.Interrupt {
				s.interruptCell()
				continue
			}
			s.stop()
		case <-parentGone:
			if os.Getppid() != parent {
				s.log.Info("the process that started this kernel is gone")
				s.stop()
			}
		}
	}
}
