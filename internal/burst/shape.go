package burst

import "fmt"

// Shaped is how often requests of one shape were made and failed. A shape is what a request is built like,
// whoever sent it and however often: a model, its parameters, its tools.
type Shaped struct {
	Shape    uint64
	Req, Err int64
}

// Spread says whether failures keep to one shape of request.
type Spread struct {
	Kind   SpreadKind
	Shape  uint64  // the shape with most failures; 0 for none
	Share  float64 // its share of the failures
	Reason string
}

// SpreadKind is how failures lie over the shapes of requests.
type SpreadKind string

// The kinds of a spread. One poisonous request is looked at; a failure that spreads is the provider's or the
// gateway's.
const (
	SpreadUnknown SpreadKind = "cannot tell"
	OneShape      SpreadKind = "one request shape"
	Spreads       SpreadKind = "spreads"
)

// What it takes to say so: so many failures, that part of them in one shape, so many other requests to
// compare with, and a rate so many times as high as theirs.
const (
	leastShaped  = 5
	shapeShare   = 0.8
	leastOthers  = 10
	timesAsOften = 4
)

// ByShape tells a failure that repeats on one shape of request from one that spreads over them. It asks of the
// shape that most failures have, and of the requests of all other shapes, so one busy shape is no culprit for
// being busy. Requests whose shape is unknown (0) are left out.
func ByShape(counts []Shaped) Spread {
	var most, all Shaped
	shapes := 0
	for _, c := range counts {
		if c.Shape == 0 || c.Req <= 0 {
			continue
		}
		shapes++
		all.Req, all.Err = all.Req+c.Req, all.Err+c.Err
		if c.Err > most.Err || c.Err == most.Err && most.Err > 0 && c.Shape < most.Shape {
			most = c
		}
	}
	others := Shaped{Req: all.Req - most.Req, Err: all.Err - most.Err}
	s := Spread{Kind: SpreadUnknown, Shape: most.Shape}
	if all.Err > 0 {
		s.Share = float64(most.Err) / float64(all.Err)
	}
	switch {
	case all.Err < leastShaped:
		s.Reason = fmt.Sprintf("%d failures with a known shape: too few", all.Err)
	case others.Req < leastOthers:
		s.Reason = fmt.Sprintf("nearly all requests have one shape: %d others", others.Req)
	case s.Share >= shapeShare && most.rate() >= timesAsOften*others.rate():
		s.Kind = OneShape
		s.Reason = fmt.Sprintf("%d of %d failures are of one shape, which failed %d times of %d; all others failed %d times of %d",
			most.Err, all.Err, most.Err, most.Req, others.Err, others.Req)
	default:
		s.Kind = Spreads
		s.Reason = fmt.Sprintf("%d failures over %d shapes: the shape that has most failed %d times of %d, all others %d times of %d",
			all.Err, shapes, most.Err, most.Req, others.Err, others.Req)
	}
	return s
}

func (s Shaped) rate() float64 {
	if s.Req == 0 {
		return 0
	}
	return float64(s.Err) / float64(s.Req)
}
