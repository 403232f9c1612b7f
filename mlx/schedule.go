package mlx

import "math"

// Schedule gives the learning rate of a step: of the steps of one call of [Fit], which are counted from 0, and of the
// rate that [FitOptions] asks for. Nothing is compiled anew for a rate. [CosineDecay], [StepDecay], [ExponentialDecay],
// [OneCycle] and [Warmup] make some; any function is one.
type Schedule func(s ScheduleStep) float64

// ScheduleStep is what a [Schedule] is asked about.
type ScheduleStep struct {
	Rate          float64 // FitOptions.LearningRate, or the optimizer's own
	Step, Steps   int     // the step to come, from 0, and how many there are in this call
	Epoch, Epochs int     // the same in epochs
}

// CosineDecay takes the rate to 0 along half a cosine, rate·(1 + cos(π·step/steps))/2: Loshchilov and Hutter (2016),
// https://arxiv.org/abs/1608.03983, without restarts.
func CosineDecay() Schedule {
	return func(s ScheduleStep) float64 {
		return s.Rate * (1 + math.Cos(math.Pi*float64(s.Step)/float64(s.Steps))) / 2
	}
}

// Warmup takes the rate up from rate/steps to rate over its first steps, in a straight line, and is then the other schedule over
// the steps that are left; nil stays at the rate.
func Warmup(steps int, then Schedule) Schedule {
	return func(s ScheduleStep) float64 {
		switch {
		case s.Step < steps:
			return s.Rate * float64(s.Step+1) / float64(steps)
		case then == nil:
			return s.Rate
		}
		s.Step, s.Steps = s.Step-max(steps, 0), s.Steps-max(steps, 0)
		return then(s)
	}
}

// StepDecay multiplies the rate by factor every so many epochs.
func StepDecay(epochs int, factor float64) Schedule {
	return func(s ScheduleStep) float64 { return s.Rate * math.Pow(factor, float64(s.Epoch/max(epochs, 1))) }
}

// ExponentialDecay multiplies the rate by factor every epoch.
func ExponentialDecay(factor float64) Schedule { return StepDecay(1, factor) }

// OneCycle takes the rate from rate/25 up to rate over the first 30 % of the steps, and down to rate/250000 over the others,
// each along half a cosine: Smith and Topin (2017), https://arxiv.org/abs/1708.07120, with the values of PyTorch and fastai.
func OneCycle() Schedule {
	cosine := func(from, to, share float64) float64 { return to + (from-to)/2*(1+math.Cos(math.Pi*share)) }
	return func(s ScheduleStep) float64 {
		const up, start, end = 0.3, 1. / 25, 1. / 25 / 1e4
		peak, step := up*float64(s.Steps)-1, float64(s.Step)
		if step <= peak {
			return s.Rate * cosine(start, 1, step/peak)
		}
		peak = max(peak, 0)
		return s.Rate * cosine(1, end, (step-peak)/max(float64(s.Steps)-1-peak, 1))
	}
}

// scheduled is the learning rate of the step to come.
func (t *Training) scheduled() float64 {
	if t.o.Schedule == nil {
		return t.base
	}
	return t.o.Schedule(ScheduleStep{Rate: t.base, Step: t.step, Steps: t.Steps(), Epoch: t.step / t.stepsEpoch, Epochs: t.o.Epochs})
}
