package decode

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// claim is a reason to take a path for a field. The strongest claim on either wins.
type claim struct {
	s        *seen
	field    string
	strength int // 100 and more: a common name that the values do not contradict
	why      string
}

// judges look at the names and the values of a path. Each gives its claim with strength 0 for none.
var judges = []func(*seen) claim{
	claimTime, claimStatus, claimModel, claimRegion, claimID, claimSpan, claimText, claimPlace, claimLevel, claimName,
}

func claimTime(s *seen) claim {
	c := claim{s: s, field: "time"}
	if s.share(func(v value) bool { _, ok := at(v); return ok }) < 0.9 || s.has("id expires expiry expire reset until deadline birth retry ttl next") {
		return c
	}
	varies, hinted := len(s.known) > 1, s.has("time timestamp stamp ts when date datetime at t utc") || s.contains("time stamp")
	switch {
	case hinted:
		c.strength = 75
	case varies && s.isText():
		c.strength = 60
	case varies && s.rises():
		c.strength = 50
	default:
		return c
	}
	if !varies {
		c.strength -= 20
	}
	if s.within("start started begin began created received") {
		c.strength -= 10 // a request counts when it ended
	}
	if s.within("end ended finish finished done completed") {
		c.strength += 5
	}
	first, _ := at(s.vals[0])
	c.why = "times, the first " + first.UTC().Format(time.RFC3339)
	return c
}

// rises tells numbers that count on, as a clock does, from those that only have its size.
func (s *seen) rises() bool {
	up := 0
	for i := 1; i < len(s.nums); i++ {
		if s.nums[i] >= s.nums[i-1] {
			up++
		}
	}
	return len(s.nums) > 1 && 5*up >= 4*(len(s.nums)-1)
}

// knownStatus tells whether a number is a status that servers really answer with.
func knownStatus(n float64) bool {
	if n != float64(int(n)) {
		return false
	}
	switch s := int(n); {
	case s >= 200 && s <= 206, s >= 301 && s <= 308, s >= 400 && s <= 418, s >= 421 && s <= 431, s >= 500 && s <= 511, s >= 520 && s <= 530:
		return true
	default:
		return slices.Contains([]int{0, 101, 103, 444, 451, 460, 495, 496, 497, 498, 499, 561, 598, 599}, s)
	}
}

func claimStatus(s *seen) claim {
	c := claim{s: s, field: "status"}
	if !s.isNumber() {
		if s.isText() && s.has("status outcome result state") && s.share(saysOutcome) == 1 {
			c.strength, c.why = 50, s.names()
		}
		return c
	}
	if s.whole != len(s.nums) || s.has("token tokens tok toks size len length bytes ms us ns s latency count port max limit duration time took rt elapsed batch exit retry grpc budget") {
		return c
	}
	t := tallyStatus(s.nums)
	if t.odd || slices.Max(s.nums) == 0 {
		return c
	}
	hinted := s.has("status code http rc result ret resp response sc") || s.contains("status code")
	switch {
	case hinted && t.share >= 0.5:
		c.strength = 70
	case t.share >= 0.8 && len(s.known) > 1 && len(s.known) <= 15 && !t.hundreds:
		c.strength = 45
	default:
		return c
	}
	if t.fails {
		c.strength += 5
	}
	if s.has("status http") || s.contains("status") {
		c.strength += 5
	}
	c.why = "integers " + s.bounds()
	return c
}

// statusTally is what numbers look like if they are taken for statuses.
type statusTally struct {
	share    float64 // of those that servers really answer with
	fails    bool    // one says that a request failed
	hundreds bool    // all are whole hundreds, as limits and sizes are
	odd      bool    // one cannot be a status
}

func tallyStatus(nums []float64) statusTally {
	t := statusTally{hundreds: true}
	for _, n := range nums {
		if knownStatus(n) {
			t.share += 1 / float64(len(nums))
		}
		t.odd = t.odd || n != 0 && (n < 100 || n > 599)
		t.fails = t.fails || n >= 400
		t.hundreds = t.hundreds && int(n)%100 == 0
	}
	return t
}

// saysOutcome tells a word that the decoder takes for success or failure.
func saysOutcome(v value) bool {
	var d draft
	d.set(fStatus, 1, 0, v)
	_, _, failed, succeeded := d.status()
	return failed || succeeded
}

var modelName = regexp.MustCompile(`(?i)^(?:[a-z0-9_-]+[/.:])*(?:gpt-|chatgpt|claude|llama|meta-llama|gemini|gemma|mistral|mixtral|ministral|codestral|qwen|deepseek|command-|o[134](?:-|$)|text-embedding|embed|phi-|grok|titan|jamba|glm-|kimi|whisper|dall-e|bge-|sonar|nova-(?:pro|lite|micro)|[a-z0-9.-]*embedding)`)

func claimModel(s *seen) claim {
	c := claim{s: s, field: "model", why: s.names()}
	if !s.isText() || s.has("latency tokens cost time version provider vendor region url path duration type status error err msg message prompt output input text reason family host server key msg") {
		return c
	}
	looks := s.share(func(v value) bool { return len(v.bytes) <= 80 && modelName.Match(v.bytes) }) >= 0.6
	short := s.share(func(v value) bool { return len(v.bytes) <= 80 && !strings.ContainsAny(string(v.bytes), " \t") }) == 1
	switch named := s.has("model engine llm") || s.contains("model"); {
	case !short || !looks && !s.few():
		return c
	case named && looks:
		c.strength = 85
	case named:
		c.strength = 70
	case s.within("model engine llm") && (looks || s.has("name id requested asked")):
		c.strength = 65
	case looks:
		c.strength = 55
	default:
		return c
	}
	if s.has("served response actual final used") {
		c.strength -= 10
	}
	return c
}

var regionName = regexp.MustCompile(`(?i)^(?:(?:us|eu|ap|sa|ca|me|af|il|mx|uk|cn|asia|europe|australia|africa|northamerica|southamerica)-(?:gov-)?(?:north|south|east|west|central)[a-z]*-?\d?[a-z]?|(?:north|south|east|west|central){1,2}(?:us|europe|asia|india|uk)\d?|(?:us|uk|eu|japan|korea|australia|canada|brazil|india|france|germany|norway|sweden|switzerland|uae|southafrica|poland|italy|spain|mexico|qatar|israel)(?:north|south|east|west|central)+\d?|(?:east|west|central|northcentral|southcentral|westcentral)us\d?)$`)

func claimRegion(s *seen) claim {
	c := claim{s: s, field: "region", why: s.names()}
	if !s.isText() || !s.few() || s.share(func(v value) bool { return len(v.bytes) <= 40 && !strings.ContainsAny(string(v.bytes), "/ ") }) < 1 || slices.Contains(s.known, "UTC") {
		return c
	}
	looks := s.share(func(v value) bool { return regionName.Match(v.bytes) }) >= 0.6
	switch named := s.has("region zone location loc dc datacenter geo"); {
	case named && looks:
		c.strength = 80
	case looks:
		c.strength = 65
	case named:
		c.strength = 60
	}
	return c
}

func claimID(s *seen) claim {
	c := claim{s: s, field: "request_id"}
	if len(s.vals) > 2 && !s.different() || s.has("token key secret hash auth signature session user tenant expires") || s.isNumber() && !s.has("id") {
		return c
	}
	looks := s.isText() && s.share(func(v value) bool { return idLike(v.bytes) }) >= 0.9
	switch {
	case s.has("rid reqid requestid") || s.has("request req") && s.has("id uuid"):
		c.strength = 80
	case s.has("trace correlation corr call tx transaction") && (s.has("id uuid") || looks):
		c.strength = 70
	case looks && s.has("span parent"):
		c.strength = 30
	case looks && len(s.vals) > 2:
		c.strength = 50
	case s.has("id uuid") && len(s.vals) > 2 && !s.has("span parent"):
		c.strength = 40
	}
	c.why = fmt.Sprintf("%d of %d different", len(s.known), len(s.vals))
	return c
}
