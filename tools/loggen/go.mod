module signalbox/tools/loggen

go 1.26.0
