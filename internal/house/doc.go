// Package house holds tests alone: facts about this repository that linters cannot check, such as that what the guides
// name is there, and that the pure packages ask no clock.
package house
