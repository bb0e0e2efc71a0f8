package config

import (
	"time"
)

// Prometheus is a server whose metrics runbooks can ask.
type Prometheus struct {
	URL     string // "" where none is configured
	Token   Secret
	Timeout time.Duration // of one question
	Every   time.Duration // at least between asking the same and asking it again
}

// DefaultPrometheusEvery is how often the same question is asked where the file says nothing.
const DefaultPrometheusEvery = 5 * time.Second

func prometheus() object[Prometheus] {
	return object[Prometheus]{
		what:  "prometheus",
		start: func() Prometheus { return Prometheus{Timeout: DefaultTimeout, Every: DefaultPrometheusEvery} },
		fields: []field[Prometheus]{
			key("url", "Where the server's API is, without /api/v1 and without credentials.",
				text("a URL", badURL), func(p *Prometheus, v string) { p.URL = v }).required(),
			key("token", "Where the bearer token is kept.",
				secret(), func(p *Prometheus, v Secret) { p.Token = v }),
			key("timeout", "How long one question may take.",
				duration(leastTimeout, mostTimeout), func(p *Prometheus, v time.Duration) { p.Timeout = v }).def(DefaultTimeout.String()),
			key("every", "The least time between asking the same and asking it again.",
				duration(time.Second, time.Hour), func(p *Prometheus, v time.Duration) { p.Every = v }).def(DefaultPrometheusEvery.String()),
		},
	}
}
