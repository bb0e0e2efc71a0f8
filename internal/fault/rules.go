package fault

// rules stand in the order of precedence: account state, money, size, policy, the gateway's own verdict,
// capacity before rate, a named thing that is missing, identity, output, how far the answer got, parameters.
// A rule is written from what providers document or from how a family of programs words its errors.
var rules = []rule{}
