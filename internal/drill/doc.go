// Package drill is a small fleet to practise on: two gateway instances, the
// providers behind them and the clients before them, all real HTTP servers on
// loopback. Only the providers are actors: they fail on cue, with the payloads
// that the real ones send.
//
// Nothing outside may reach into it. Whoever practises sees what a stranger's
// gateway would show: an access log, /metrics, and the control contract behind
// a token. Scenario.Score alone reads what a scenario declared.
package drill
