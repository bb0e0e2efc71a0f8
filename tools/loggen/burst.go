package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

func parseBursts(s string) ([]burst, error) {
	var out []burst
	for _, one := range strings.Split(s, ";") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		b := burst{frac: 0.5, latencyMultiple: 1, to: math.MaxInt64}
		for _, kv := range strings.Split(one, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(kv), "=")
			var err error
			switch k {
			case "from":
				b.from, err = time.ParseDuration(v)
			case "for":
				var d time.Duration
				d, err = time.ParseDuration(v)
				b.to = b.from + d
			case "match":
				b.match = v
			case "status":
				b.status, err = strconv.Atoi(v)
			case "frac":
				b.frac, err = strconv.ParseFloat(v, 64)
			case "slow":
				b.latencyMultiple, err = strconv.ParseFloat(v, 64)
			default:
				err = fmt.Errorf("unknown burst key %q", k)
			}
			if err != nil {
				return nil, err
			}
		}
		out = append(out, b)
	}
	return out, nil
}
