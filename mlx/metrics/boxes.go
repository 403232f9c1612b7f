package metrics

import (
	"fmt"
	"math"
	"slices"
)

// Box is a rectangle, X1 ≤ X2 and Y1 ≤ Y2.
type Box struct{ X1, Y1, X2, Y2 float64 }

// Area is that of the box; 0 when it is turned inside out.
func (b Box) Area() float64 { return max(b.X2-b.X1, 0) * max(b.Y2-b.Y1, 0) }

// IoU is the area of what two boxes share over that of what they cover together, from 0 to 1; 0 when both are empty.
func IoU(a, b Box) float64 {
	inter := Box{max(a.X1, b.X1), max(a.Y1, b.Y1), min(a.X2, b.X2), min(a.Y2, b.Y2)}.Area()
	return ratio(inter, a.Area()+b.Area()-inter)
}

// Object is a box in an image that holds a class, true or detected.
type Object struct {
	Image int
	Class int
	Box   Box
	Score float64 // of a detection
}

// DetectionReport is how well objects are detected, as COCO measures it.
type DetectionReport struct {
	MAP      float64         // mean over the thresholds
	At       []float64       // mean average precision at each threshold, over the classes that there are
	IoU      []float64       // the thresholds
	PerClass map[int]float64 // mean over the thresholds
}

// MeanAveragePrecision compares detections with true objects. A detection, taken by falling score in each image, is right when it overlaps
// a true object of its class that none before it took, by the IoU of a threshold; it takes the one it overlaps most. Average precision is the
// mean over 101 levels of recall of the highest precision at that recall or more; the mean is over the classes that have true objects.
// Without thresholds they are COCO's, 0.5, 0.55, …, 0.95. Lin et al. (2014), https://arxiv.org/abs/1405.0312. At most the 100 highest scores
// of an image and class count, as there.
func MeanAveragePrecision(truth, detected []Object, thresholds ...float64) (*DetectionReport, error) {
	if len(truth) == 0 {
		return nil, fmt.Errorf("metrics: there is no true object")
	}
	for i, d := range detected {
		if math.IsNaN(d.Score) {
			return nil, fmt.Errorf("metrics: the score of detection %d is NaN", i)
		}
	}
	if len(thresholds) == 0 {
		for i := range 10 {
			thresholds = append(thresholds, 0.5+0.05*float64(i))
		}
	}
	type key struct{ image, class int }
	trueBoxes, found := map[key][]Box{}, map[key][]Object{}
	classes := map[int]int{} // with how many objects
	for _, o := range truth {
		k := key{o.Image, o.Class}
		trueBoxes[k] = append(trueBoxes[k], o.Box)
		classes[o.Class]++
	}
	var keys []key
	for _, o := range detected {
		k := key{o.Image, o.Class}
		if found[k] == nil {
			keys = append(keys, k)
		}
		found[k] = append(found[k], o)
	}
	slices.SortFunc(keys, func(a, b key) int { return a.image - b.image })
	byScore := func(a, b Object) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	}
	r := &DetectionReport{IoU: slices.Clone(thresholds), PerClass: map[int]float64{}}
	for _, threshold := range thresholds {
		at := 0.0
		for class, n := range classes {
			var all []Object
			right := map[int]bool{} // by place in all
			for _, k := range keys {
				if k.class != class {
					continue
				}
				objects := slices.Clone(found[k])
				slices.SortStableFunc(objects, byScore)
				objects = objects[:min(len(objects), 100)]
				taken := make([]bool, len(trueBoxes[k]))
				for _, o := range objects {
					best, overlap := -1, min(threshold, 1-1e-10)
					for j, b := range trueBoxes[k] {
						if v := IoU(o.Box, b); !taken[j] && v >= overlap {
							best, overlap = j, v
						}
					}
					if best >= 0 {
						taken[best] = true
						right[len(all)] = true
					}
					all = append(all, o)
				}
			}
			ap := average(all, right, n, byScore)
			at += ap / float64(len(classes))
			r.PerClass[class] += ap / float64(len(thresholds))
		}
		r.At = append(r.At, at)
		r.MAP += at / float64(len(thresholds))
	}
	return r, nil
}

// average is the average precision of the detections of a class, of which some are right, for n true objects.
func average(all []Object, right map[int]bool, n int, byScore func(a, b Object) int) float64 {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return byScore(all[a], all[b]) })
	precision, recall := make([]float64, len(all)), make([]float64, len(all))
	hits := 0.0
	for i, j := range order {
		if right[j] {
			hits++
		}
		precision[i], recall[i] = hits/float64(i+1), hits/float64(n)
	}
	for i := len(precision) - 2; i >= 0; i-- {
		precision[i] = max(precision[i], precision[i+1])
	}
	sum, at := 0.0, 0
	for level := range 101 {
		for at < len(recall) && recall[at] < float64(level)/100 {
			at++
		}
		if at < len(recall) {
			sum += precision[at]
		}
	}
	return sum / 101
}

// String says it in one line.
func (r *DetectionReport) String() string {
	s := fmt.Sprintf("mAP %.4f", r.MAP)
	for i, v := range r.IoU {
		s += fmt.Sprintf(", %.4f at IoU %.2f", r.At[i], v)
	}
	return s
}
