package runbook

import "regexp"

var alertName = regexp.MustCompile(`^[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+(?:_[A-Za-z0-9]+)*$`)

// isAlertName tells a heading that is the name of an alert: one word of several capitals.
func isAlertName(title string) bool { return alertName.MatchString(title) }
