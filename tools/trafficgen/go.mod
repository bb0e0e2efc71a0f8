module signalbox/tools/trafficgen

go 1.26.0
